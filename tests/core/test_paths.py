"""Where files are stored: the same from every working folder, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core.errors import ConfigError
from l2send.core.paths import Paths, private_dir


@pytest.mark.parametrize("home", ["home", "./home", "../home", " ", " /home", "~nobody-of-that-name/x"])
def test_a_home_that_depends_on_the_working_folder_is_refused(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    """Each folder would have its own journal, which knows nothing of the others, and a key could pay twice."""
    monkeypatch.setenv("L2SEND_HOME", home)
    with pytest.raises(ConfigError, match="L2SEND_HOME is not a full path"):
        Paths.from_environment()


def test_a_tilde_leads_home_and_a_relative_xdg_path_counts_as_unset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("L2SEND_HOME", "~/x")
    assert Paths.from_environment().state == tmp_path / "x" / "state"
    monkeypatch.delenv("L2SEND_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    assert Paths.from_environment().state == tmp_path / ".local" / "state" / "l2send"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=f"the folder {tmp_path}/file/l2send cannot be made: File exists") as said:
        private_dir(tmp_path / "file" / "l2send")
    assert "L2SEND_HOME=FOLDER" in said.value.hint
