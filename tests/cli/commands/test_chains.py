"""`l2send chains`: the list at 80 columns, and the page of one chain."""

from __future__ import annotations

import pytest
from rich.console import Console

from l2send.cli.commands import chains
from tests.support.inside import Inside, inside

__all__ = ["inside"]


@pytest.mark.parametrize("name", ["base", "Base", "base-mainnet"])
def test_the_page_of_a_chain(name: str, inside: Inside) -> None:
    page = inside.must("chains", name).stdout
    for said in (
        "base, Base",
        "8453",
        "eip155:8453",
        "2026-08-22",
        "source: l2beat",
        "USDC 0x8335",
        "eco: portal 0xEC",
    ):
        assert said in page
    assert "publicnode.com" in page


def test_a_page_shows_no_secret_of_a_url(inside: Inside) -> None:
    inside.environment.setenv("L2SEND_RPC_8453", "https://user:secret@rpc.example/v2/topsecretkey")
    page = inside.must("chains", "base").stdout
    assert "rpc.example" in page
    assert "secret" not in page


def test_pages_for_scripts(inside: Inside) -> None:
    document = inside.must("chains", "optimism", "base", "--json").json
    assert [chain["short_name"] for chain in document["chains"]] == ["oeth", "base"]
    assert "optimism" in document["chains"][0]["aliases"]


def test_a_chain_that_does_not_exist_is_refused(inside: Inside) -> None:
    done = inside.run("chains", "nowhere")
    assert done.status == 2
    assert "no chain is called 'nowhere'" in done.stderr


def test_the_commands_below_are_still_commands(inside: Inside) -> None:
    assert "Exit status" in inside.must("chains", "check", "--help").stdout
    assert len(inside.must("chains", "--json").json["chains"]) > 50


def test_short_names_stay_whole_at_80_columns(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Console(width=80, force_terminal=True, color_system=None, markup=False, highlight=False, record=True)
    monkeypatch.setattr(chains, "out", lambda: narrow)
    inside.must("chains")
    lines = narrow.export_text().splitlines()
    first = {line.split()[0] for line in lines if line and not line.startswith(" ")}
    assert {"base", "blastmainnet", "metis-andromeda", "zircuit-mainnet", "robinhoodchain"} <= first
    assert all(len(line) <= 80 for line in lines)
    assert len(lines) < 75
