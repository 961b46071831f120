"""The shipped registry is parsed once, and no file of a user's changes it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from l2send.core.chains import load_registry
from l2send.core.paths import Paths
from l2send.core.shipped_chains import shipped_tables


def test_it_is_parsed_once() -> None:
    assert shipped_tables() is shipped_tables()


def test_a_users_file_changes_the_registry_and_not_the_shipped_tables(tmp_path: Path) -> None:
    before, paths = deepcopy(shipped_tables()), Paths.under(tmp_path)
    paths.config.mkdir(mode=0o700)
    paths.user_chains.touch(mode=0o600)
    paths.user_chains.write_text('schema = 1\n[chains.base]\nrpcs = ["https://base.example"]\n')
    assert load_registry(paths).named("base").rpcs == ("https://base.example",)
    paths.user_chains.unlink()
    assert load_registry(paths).named("base").rpcs == tuple(before["chains"]["base"]["rpcs"])
    assert shipped_tables() == before
