"""Files with secrets in the form that l2send accepts: no other user can read them."""

from __future__ import annotations

from pathlib import Path


def secret_file(path: Path, text: str) -> Path:
    """Write `text` into a file of mode 0600."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, newline="")
    return path
