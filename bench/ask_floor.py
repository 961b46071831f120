"""Balances with only asyncio: one connection and one hand-built Multicall3 request per chain, all at once.

What any Python program has to spend: it checks nothing, and has no types, no names and no errors in words.

Run as `python ask_floor.py TASK`; TASK is a file with what `Stage.task` returns. Prints the balances as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

# The first four bytes of the keccak of each signature.
AGGREGATE3 = "82ad56cb"  # aggregate3((address,bool,bytes)[])
ETH_BALANCE = "4d2301cc"  # getEthBalance(address)
BALANCE_OF = "70a08231"  # balanceOf(address)


def word(number: int) -> str:
    return f"{number:064x}"


def address_word(address: str) -> str:
    return address[2:].lower().rjust(64, "0")


def calldata(account: str, multicall3: str, tokens: list[str | None]) -> str:
    """aggregate3 of one read a token: the length, the offset of every tuple, the tuples."""
    reads = [(multicall3, ETH_BALANCE) if token is None else (token, BALANCE_OF) for token in tokens]
    tuples = [
        # Target, allowFailure, offset and length of 36 bytes of calldata, and these, padded to 64.
        f"{address_word(target)}{word(0)}{word(96)}{word(36)}{selector}{address_word(account)}{'0' * 56}"
        for target, selector in reads
    ]
    size = len(tuples[0]) // 2
    offsets = "".join(word(32 * len(tuples) + size * i) for i in range(len(tuples)))
    return f"0x{AGGREGATE3}{word(32)}{word(len(tuples))}{offsets}{''.join(tuples)}"


def numbers(result: str, count: int) -> list[int]:
    """Of (bool,bytes)[] with one number each: a tuple is success, offset, length, number."""
    words = [result[i : i + 64] for i in range(2, len(result), 64)]
    tuples = words[2 + count :]
    return [int(tuples[4 * i + 3], 16) for i in range(count)]


async def post(url: str, body: bytes) -> Any:
    place = url.removeprefix("http://")
    host, _, port = place.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST / HTTP/1.1\r\nHost: {place}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer_head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(answer_head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    answer = json.loads(await reader.readexactly(length))
    writer.close()
    return answer


async def on_chain(account: str, multicall3: str, chain: dict[str, Any]) -> dict[str, int]:
    tokens: dict[str, str | None] = chain["tokens"]
    call = {"to": multicall3, "data": calldata(account, multicall3, list(tokens.values()))}
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
    answer = await post(chain["url"], json.dumps(request).encode())
    return dict(zip(tokens, numbers(answer["result"], len(tokens)), strict=True))


async def main(task: dict[str, Any]) -> None:
    found = await asyncio.gather(*(on_chain(task["account"], task["multicall3"], c) for c in task["chains"]))
    ids = [chain["chain_id"] for chain in task["chains"]]
    print(json.dumps(dict(zip(ids, found, strict=True))))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        asyncio.run(main(json.load(file)))
