"""Rows of a batch file: all are judged, and every error is reported with its line."""

from __future__ import annotations

import asyncio
import cProfile

import pytest

from l2send.core.chains import Registry, load_registry
from l2send.core.paths import Paths
from l2send.core.rpc import open_rpcs
from l2send.resolver.batch_file import read_batch
from l2send.resolver.batch_lines import JudgedBatch, judge_batch, words_of
from l2send.resolver.contacts import NO_CONTACTS
from tests.support.addresses import new_address

PAYEE = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
OTHER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return load_registry(Paths.under(tmp_path_factory.mktemp("home")))


def judged(text: str, registry: Registry) -> JudgedBatch:
    async def run() -> JudgedBatch:
        async with open_rpcs(registry) as rpcs:
            return await judge_batch(read_batch(f"ref,amount,token,to\n{text}".encode()), rpcs, NO_CONTACTS)

    return asyncio.run(run())


def test_good_and_bad_lines_are_told_apart_and_all_are_told(registry: Registry) -> None:
    found = judged(
        f"a,25,USDC,base:{PAYEE}\n"
        f'b,"1.304,53",USDC,base:{PAYEE}\n'
        f"c,1,DOGE,base:{PAYEE}\n"
        f"d,1,USDC,base:{PAYEE.lower()[:-1]}\n"
        f",1,USDC,base:{PAYEE}\n"
        f"a,2,USDC,base:{OTHER}\n"
        f"e,1,USDC,\n"
        f"f,,USDC,base:{PAYEE}\n"
        f"g,0.5,eth,eip155:8453:{OTHER}\n",
        registry,
    )
    assert [(line.row.line, str(line.amount), str(line.to)) for line in found.lines] == [
        (2, "25 USDC", f"base:{PAYEE}"),
        (10, "0.5 ETH", f"base:{OTHER}"),
    ]
    told = words_of(found.bad).splitlines()
    expected = ["line 3 (b)", "line 4 (c)", "line 5 (d)", "line 6:", "line 7 (a)", "line 8 (e)", "line 9 (f)"]
    assert len(told) == len(expected)
    assert all(line.startswith(start) for line, start in zip(told, expected, strict=True)), told
    assert "stands in line 2 too" in told[4]


@pytest.mark.parametrize(
    ("ref", "why"),
    [("inv\u20119", "looks the same"), ("\u0456nv-9", "looks the same"), ("inv\u200b-9", "U+200B")],
)
def test_a_reference_that_the_journal_would_refuse_is_told_before_anything_is_paid(
    registry: Registry, ref: str, why: str
) -> None:
    found = judged(f"inv-9,1,USDC,base:{PAYEE}\n{ref},2,USDC,base:{PAYEE}\n", registry)
    assert [line.row.line for line in found.lines] == [2]
    assert why in words_of(found.bad)


def test_the_same_payment_under_two_references_is_meant_and_named(registry: Registry) -> None:
    found = judged(f"a,1,USDC,base:{PAYEE}\nb,1.0,usdc,base:{PAYEE}\nc,2,USDC,base:{PAYEE}\n", registry)
    assert [[line.row.ref for line in same] for same in found.paid_more_than_once] == [["a", "b"]]
    assert found.bad == ()


def test_bad_lines_beyond_the_most_are_counted(registry: Registry) -> None:
    found = judged("".join(f"r{i},1,USDC,nowhere\n" for i in range(60)), registry)
    told = words_of(found.bad).splitlines()
    assert (len(told), told[-1]) == (51, "and 10 more")


def test_a_line_costs_the_same_however_many_there_are(registry: Registry) -> None:
    """A hundred thousand are read in seconds. Counted are the calls of functions, which no busy machine changes."""

    def calls(count: int) -> int:
        rows = "".join(f"inv-{n},{n + 1}.25,USDC,base:{new_address()}\n" for n in range(count))
        profile, found = cProfile.Profile(), list[JudgedBatch]()

        async def run() -> None:  # Its result is not the task's: asyncio may print that.
            async with open_rpcs(registry) as rpcs:
                rows_read = read_batch(f"ref,amount,token,to\n{rows}".encode())
                found.append(await judge_batch(rows_read, rpcs, NO_CONTACTS))

        profile.enable()
        asyncio.run(run())
        profile.disable()
        assert len(found[0].lines) == count
        return sum(entry.callcount for entry in profile.getstats())

    calls(1)  # What is gathered once is gathered.
    few, some, many = calls(100), calls(200), calls(600)
    each = (some - few) / 100
    assert each < 380
    assert abs((many - some) / 400 - each) < 5
