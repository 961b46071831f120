"""A transfer with web3.py as its documentation shows it. Run as `python send_web3.py URL KEY TOKEN RECIPIENT`."""

from __future__ import annotations

import sys
from typing import Any

from web3 import HTTPProvider, Web3
from web3.middleware import SignAndSendRawMiddlewareBuilder

ERC20: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": "transfer",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
    }
]


def main(url: str, key: str, token: str, recipient: str) -> int:
    w3 = Web3(HTTPProvider(url))
    account = w3.eth.account.from_key(key)
    w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)  # pyright: ignore[reportArgumentType]
    contract = w3.eth.contract(address=w3.to_checksum_address(token), abi=ERC20)
    sent = contract.functions.transfer(w3.to_checksum_address(recipient), 1_000_000).transact({"from": account.address})
    return 0 if w3.eth.wait_for_transaction_receipt(sent)["status"] == 1 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
