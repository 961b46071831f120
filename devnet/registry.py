"""The devnet's chains.toml: the same format as the registry that ships with l2send."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from eth_hash.auto import keccak

from l2send.core.pinned_code import IMPLEMENTATION_SLOT
from l2send.devnet.account_contracts import DELEGATE, SAFES, AccountContracts, registry_tables
from l2send.devnet.node import Node
from l2send.devnet.state import NATIVE, DevChain, Devnet, DevToken

_CHAIN_TABLE = """
[chains.{short_name}]
chain_id = {chain_id}
name = "{name}"
kind = "{kind}"
testnet = true
native = {{ symbol = "{native}", name = "Ether", decimals = 18 }}
rpcs = ["{rpc_url}"]
explorer = ""
confirmations = 1
stage = {{ value = "none", date = {date}, source = "devnet" }}
multicall3 = "{multicall3}"
safes = {safes}
delegates = {delegates}
price_feed = {{ address = "{price_feed}", pair = "ETH/USD", source = "devnet" }}
"""
_COIN_TABLE = """
[[chains.{short_name}.tokens]]
symbol = "{symbol}"
name = "{name}"
address = "{address}"
decimals = {decimals}
origin = "{origin}"
{peg}source = "devnet"
"""
_SETTLER_TABLES = """
[chains.{short_name}.settlers.eco]
portal = "{portal}"
prover = "{prover}"
quote_api = "{quote_api}"
source = "devnet"

[chains.{short_name}.settlers.across]
spoke_pool = "{spoke_pool}"
origin_settler = "{origin_settler}"
quote_api = "{quote_api}/across/api"
sponsor_api = "{quote_api}/sponsor"
source = "devnet"

[chains.{short_name}.settlers.sponsor]
entry_point = "{entry_point}"
payee = "{payee}"
sponsor_api = "{quote_api}/sponsor"
source = "devnet"
"""
_CODE_TABLE = """
[chains.{short_name}.settlers.{bridge}.code]
{lines}
"""


def text(devnet: Devnet, accounts: AccountContracts) -> str:
    """The whole file. Every value comes from the devnet itself, so nothing needs escaping.

    Raises NetworkError for a chain that does not run: the code of its settlers is read there.
    """
    chains = "".join(_chain(chain, devnet, accounts.entry_point) for chain in devnet.chains)
    head = "# Written by `l2send devnet up`, removed by `l2send devnet down`.\nschema = 1\n"
    first = devnet.chains[0]
    node = Node(first.rpc_url)
    return head + registry_tables(accounts, node, {"multicall3": first.multicall3}) + chains


def _chain(chain: DevChain, devnet: Devnet, entry_point: str) -> str:
    head = _CHAIN_TABLE.format(
        short_name=chain.short_name,
        chain_id=chain.chain_id,
        name=chain.name,
        kind=chain.kind,
        native=NATIVE,
        rpc_url=chain.rpc_url,
        date=datetime.now(UTC).date().isoformat(),
        multicall3=chain.multicall3,
        safes=json.dumps(SAFES),
        delegates=json.dumps([DELEGATE]),
        price_feed=chain.price_feed,
    )
    tokens = "".join(_token(chain.short_name, token) for token in chain.tokens)
    settlers = _SETTLER_TABLES.format(
        short_name=chain.short_name,
        portal=chain.portal,
        prover=chain.prover,
        quote_api=devnet.solver_url,
        spoke_pool=chain.spoke_pool,
        origin_settler=chain.origin_settler,
        entry_point=entry_point,
        payee=devnet.solver_address,
    )
    return head + tokens + settlers + _code(chain, entry_point)


def _code(chain: DevChain, entry_point: str) -> str:
    """The pinned code of every settler: payments on a devnet may call what runs there now."""
    contracts = {
        "eco": {"portal": chain.portal, "prover": chain.prover},
        "across": {"spoke_pool": chain.spoke_pool, "origin_settler": chain.origin_settler},
        "sponsor": {"entry_point": entry_point},
    }
    node = Node(chain.rpc_url)
    return "".join(
        _CODE_TABLE.format(
            short_name=chain.short_name,
            bridge=bridge,
            lines="\n".join(f"{name} = {_pin(node, address)}" for name, address in named.items()),
        )
        for bridge, named in contracts.items()
    )


def _pin(node: Node, address: str) -> str:
    behind = int(node.call("eth_getStorageAt", address, hex(IMPLEMENTATION_SLOT), "latest"), 16)
    hashes = {"hash": _hash(node, address)} | ({"implementation": _hash(node, f"0x{behind:040x}")} if behind else {})
    fields = ", ".join(f'{key} = "{value}"' for key, value in hashes.items())
    return f'{{ {fields}, date = {datetime.now(UTC).date().isoformat()}, source = "devnet" }}'


def _hash(node: Node, address: str) -> str:
    return "0x" + bytes(keccak(bytes.fromhex(node.call("eth_getCode", address, "latest")[2:]))).hex()


def _token(short_name: str, token: DevToken) -> str:
    return _COIN_TABLE.format(
        short_name=short_name,
        symbol=token.symbol,
        name=token.name,
        address=token.address,
        decimals=token.decimals,
        origin="bridged" if token.bridged else "canonical",
        peg=f'peg = "{token.peg}"\n' if token.peg else "",
    )
