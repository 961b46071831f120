"""Which files' limits are in force, and that a file which cannot be trusted or read allows nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.chains import load_registry
from l2send.core.errors import ConfigError
from l2send.core.limit_files import load_limits, policy_files, read_limits
from l2send.core.paths import Paths, private_dir

ONE, TWO, THREE = (f'[limits]\nper_day = ["{n} USD"]\n' for n in (1, 2, 3))


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.delenv("L2SEND_POLICY", raising=False)
    paths = Paths.under(private_dir(tmp_path / "home"))
    private_dir(paths.config)
    return paths


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def of_day(paths: Paths) -> list[object]:
    return [dict(limits.per_day or {})["USD"] for limits in read_limits(paths)]


def test_without_limits_nothing_is_limited(paths: Paths) -> None:
    assert read_limits(paths) == ()
    written(paths.settings, "schema = 1\n")
    assert read_limits(paths) == ()


def test_all_files_hold_and_none_replaces_another(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that an agent chooses itself cannot weaken the policy it was given."""
    written(paths.settings, "schema = 1\n" + ONE)
    monkeypatch.setenv("L2SEND_POLICY", str(written(paths.config / "given.toml", "schema = 1\n" + TWO)))
    chosen = replace(paths, policy=written(paths.config / "chosen.toml", THREE))
    assert of_day(chosen) == [1, 3, 2]
    assert of_day(paths) == [1, 2]
    assert policy_files(replace(chosen, is_devnets=True)) == [chosen.policy]
    assert len(load_limits(chosen, load_registry(paths))) == 3


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_policy_that_others_can_write_is_refused(paths: Paths, mode: int) -> None:
    policy = written(paths.config / "policy.toml", ONE, mode)
    with pytest.raises(ConfigError, match=f"other users can write .* \\(mode {mode:o}\\)"):
        read_limits(replace(paths, policy=policy))


def test_a_policy_in_a_folder_that_others_can_write_is_refused(paths: Paths, tmp_path: Path) -> None:
    folder = private_dir(tmp_path / "shared")
    policy = written(folder / "policy.toml", ONE)
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="other users can write the folder"):
        read_limits(replace(paths, policy=policy))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_policy_of_another_user_is_refused(paths: Paths) -> None:
    policy = written(paths.config / "policy.toml", ONE)
    os.chown(policy, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_limits(replace(paths, policy=policy))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no policy"),
        ("", "has to have the table"),
        ("schema = 1\n", "has to have the table"),
        ("[limits]\n", "not a table with keys"),
        ("schema = 2\n" + ONE, "of another schema"),
        (ONE + '[other]\nmax_fee = "1%"\n', "and nothing else"),
        ("[limits", "is not TOML"),
        ('[limits]\nper_dya = ["1 USD"]\n', "per_dya: there is no such limit"),
    ],
)
def test_a_policy_that_says_nothing_sure_allows_nothing(paths: Paths, text: str | None, said: str) -> None:
    policy = paths.config / "policy.toml"
    if text is not None:
        written(policy, text)
    with pytest.raises(ConfigError, match=said) as refused:
        read_limits(replace(paths, policy=policy))
    assert "Nothing is paid before" in refused.value.hint
