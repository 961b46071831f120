"""No file names the host of a package registry: each machine configures its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# In two pieces, so that this file is no exception.
HOSTS = tuple(
    f"{first}.{second}"
    for first, second in [
        ("registry", "npmjs"),
        ("registry", "yarnpkg"),
        ("npm", "pkg.github"),
        ("pypi", "org"),
        ("pypi", "python.org"),
        ("files", "pythonhosted"),
        ("deb", "debian.org"),
        ("security", "debian.org"),
        ("archive", "ubuntu.com"),
        ("conda", "anaconda.org"),
        ("crates", "io"),
        ("proxy", "golang.org"),
        ("rubygems", "org"),
        ("repo", "maven"),
    ]
)


def _hosts_in(path: Path) -> list[str]:
    text = (str(path.readlink()) if path.is_symlink() else path.read_bytes().decode(errors="replace")).lower()
    return [host for host in HOSTS if host in text]


def test_no_file_names_a_registry_host(root: Path, tracked: Sequence[Path]) -> None:
    named = {str(path): hosts for path in tracked if (hosts := _hosts_in(root / path))}
    assert named == {}


def test_they_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f"index = {HOSTS[0].upper()}.org")
    assert _hosts_in(tmp_path / "file") == [HOSTS[0]]
