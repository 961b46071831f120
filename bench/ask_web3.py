"""Balances with web3.py as its documentation shows it: AsyncWeb3, one call per balance, all at once.

Run as `python ask_web3.py TASK`; TASK is a file with what `Stage.task` returns. Prints the balances as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from web3 import AsyncHTTPProvider, AsyncWeb3

ERC20: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": "balanceOf",
        "stateMutability": "view",
        "inputs": [{"name": "account", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    }
]


async def balance(w3: AsyncWeb3[AsyncHTTPProvider], account: str, token: str | None) -> int:
    if token is None:
        return int(await w3.eth.get_balance(w3.to_checksum_address(account)))
    contract = w3.eth.contract(address=w3.to_checksum_address(token), abi=ERC20)
    return int(await contract.functions.balanceOf(account).call())


async def on_chain(account: str, chain: dict[str, Any]) -> dict[str, int]:
    w3 = AsyncWeb3(AsyncHTTPProvider(chain["url"]))
    try:
        units = await asyncio.gather(*(balance(w3, account, token) for token in chain["tokens"].values()))
    finally:
        await w3.provider.disconnect()
    return dict(zip(chain["tokens"], units, strict=True))


async def main(task: dict[str, Any]) -> None:
    found = await asyncio.gather(*(on_chain(task["account"], chain) for chain in task["chains"]))
    ids = [chain["chain_id"] for chain in task["chains"]]
    print(json.dumps(dict(zip(ids, found, strict=True))))


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
