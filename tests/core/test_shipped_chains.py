"""The shipped registry is parsed once, and no file of a user's changes it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.chains import Registry, load_registry
from l2send.core.errors import UnknownChain
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


@pytest.mark.parametrize("typed", ["optimism", "OP", "oeth", "Base"])
def test_a_real_chain_is_told_where_only_local_ones_are_used(typed: str) -> None:
    base = load_registry(Paths.under(Path("/nowhere"))).named("base")
    local = {f"dev{n}": replace(base, short_name=f"dev{n}", name=f"Devnet {n}", aliases=()) for n in range(1, 6)}
    with pytest.raises(UnknownChain, match=f"{typed} is a real chain") as refused:
        Registry(local, is_devnet=True).named(typed)
    assert refused.value.hint == "The local chains are dev1, dev2, dev3, dev4, …"
    with pytest.raises(UnknownChain, match="no chain is called 'nowhere'"):
        Registry(local, is_devnet=True).named("nowhere")
    assert Registry(local, is_devnet=True).named("dev1").name == "Devnet 1"
