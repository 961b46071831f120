"""Deploys the real contracts on one chain, in a few round trips.

Every deploying account is an unlocked address without a key, derived from a name, so all addresses are
known before anything is sent: the same on every run, and, as on real networks, the Portal has one address
on all chains while tokens and Across contracts differ from chain to chain. Transactions go out in bulk
with explicit nonces; the chain mines them as they come.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from eth_hash.auto import keccak

from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.errors import ConfigError
from l2send.devnet.account_contracts import CREATE2_FACTORY, SAFE_CREATE2_FACTORY
from l2send.devnet.artifacts import Artifacts, init_code
from l2send.devnet.node import Node, Request
from l2send.devnet.opstack import l1_fee_setup
from l2send.devnet.state import FIRST_CHAIN_ID, DevChain, DevToken

if TYPE_CHECKING:
    from web3.contract import Contract

MULTICALL3 = Address("0xcA11bde05977b3631167028862bE2a173976CA11")
PERMIT2 = Address("0x000000000022D473030F116dDEE9F6B43aC78BA3")
_PERMIT2_SALT = "0x0000000000000000000000000000000000000000d3af2663da51c10215000000"

ETH_USD = 3000 * 10**8
"""The price feed's first answer: USD per ether, in units of 10^-8 USD."""
_INVENTORY = 100_000_000
"""Whole tokens of each kind that the solver has on each chain."""
_FIAT_DECIMALS = 6
_MAX = 2**256 - 1
_GAS_PRICE = 5 * 10**9
_BLOCK_GAS = 30_000_000
"""anvil's block gas limit."""


def account(name: str) -> Address:
    """An address without a key, the same on every run."""
    return checksum(bytes(keccak(f"l2send devnet: {name}".encode()))[12:])


SOLVER = account("solver")
_PROTOCOL = account("protocol")
_PROXY_ADMIN = account("proxy admin")
_LOST_AND_FOUND = account("lost and found")


def created(sender: str, nonce: int) -> Address:
    """The address of the contract that `sender` creates with transaction `nonce` (below 128)."""
    encoded_nonce = bytes([nonce or 0x80])
    return checksum(bytes(keccak(b"\xd6\x94" + bytes.fromhex(sender[2:]) + encoded_nonce))[12:])


@dataclass
class _Sender:
    """Collects one account's transactions, in the order of their nonces."""

    address: Address
    requests: list[Request] = field(default_factory=list[Request])

    def create(self, contract: type[Contract], *values: Any) -> Address:
        """Deploy a contract with these constructor arguments."""
        address = created(self.address, len(self.requests))
        data = init_code(contract, *values)
        self._add(None, data, 0, gas=400_000 + 125 * len(data))
        return address

    def call(
        self, to: str, contract: type[Contract], function: str, *values: Any, value: int = 0, gas: int = 500_000
    ) -> None:
        """Call a function of a contract's ABI at `to`."""
        self._add(to, contract.encode_abi(function, list(values)), value, gas)

    def send(self, to: str, data: str, gas: int) -> None:
        """Send calldata (hex)."""
        self._add(to, data, 0, gas)

    def _add(self, to: str | None, data: str, value: int, gas: int) -> None:
        transaction = {
            "from": self.address,
            "nonce": hex(len(self.requests)),
            "data": data,
            "value": hex(value),
            "gas": hex(gas),
            "gasPrice": hex(_GAS_PRICE),
        }
        if to is not None:
            transaction["to"] = to
        self.requests.append(("eth_sendTransaction", [transaction]))


@dataclass(frozen=True, slots=True)
class Site:
    """The computed addresses of a chain's contracts, so that chains can refer to each other's before deployment."""

    chain_id: int
    issuer: Address
    spoke_pool: Address

    @classmethod
    def of(cls, chain_id: int) -> Site:
        """The site of that chain. The SpokePool's proxy is its issuer's second creation."""
        issuer = account(f"issuer {chain_id}")
        return cls(chain_id, issuer, created(issuer, _SPOKE_NONCE))


_WETH_NONCE = 0
_SPOKE_NONCE = 2


def deploy(node: Node, artifacts: Artifacts, index: int, count: int, *, kind: str, pid: int) -> DevChain:
    """Deploy everything on chain number `index` of `count`. Raises ConfigError if a transaction failed."""
    chain_id = FIRST_CHAIN_ID + index
    site = Site.of(chain_id)
    _prepare(node, artifacts, [site.issuer, _PROTOCOL, SOLVER])
    protocol, issuer, solver = _Sender(_PROTOCOL), _Sender(site.issuer), _Sender(SOLVER)
    portal = protocol.create(artifacts.portal)
    prover = protocol.create(artifacts.prover, SOLVER)
    protocol.send(CREATE2_FACTORY, _PERMIT2_SALT + init_code(artifacts.permit2)[2:], gas=4_000_000)
    for account_contract in artifacts.accounts.deployments:
        gas = 250_000 + 125 * len(account_contract.data)
        protocol.send(account_contract.factory, account_contract.data, gas)
    settler = _across(issuer, artifacts, site, count)
    tokens = _tokens(issuer, artifacts, index)
    feed = issuer.create(artifacts.price_feed, ETH_USD)
    usdc, wrapped = (next(t.address for t in tokens if t.symbol == symbol) for symbol in ("USDC", "WETH"))
    for token, spender in ((usdc, portal), (usdc, site.spoke_pool), (wrapped, site.spoke_pool)):
        solver.call(token, artifacts.weth, "approve", spender, _MAX)
    _mine(node, protocol.requests + issuer.requests)
    _mine(node, solver.requests)
    if kind == "op-stack":
        l1_fee_setup(node, artifacts)
    return DevChain(
        chain_id=chain_id,
        short_name=f"dev{index + 1}",
        name=f"Devnet {index + 1}",
        kind=kind,
        rpc_url=node.url,
        pid=pid,
        tokens=tuple(tokens),
        issuer=site.issuer,
        portal=portal,
        prover=prover,
        spoke_pool=site.spoke_pool,
        origin_settler=settler,
        price_feed=feed,
        multicall3=MULTICALL3,
        permit2=PERMIT2,
    )


def _prepare(node: Node, artifacts: Artifacts, accounts: Sequence[str]) -> None:
    """Unlock and fund the devnet's own accounts; install Multicall3 and Safe's factory at their usual addresses."""
    ether = hex(2 * _INVENTORY * 10**18)
    multicall3 = node.call("eth_call", {"data": init_code(artifacts.multicall3)}, "latest")
    factory = node.call("eth_getCode", CREATE2_FACTORY, "latest")
    requests: list[Request] = [
        ("anvil_setCode", [MULTICALL3, multicall3]),
        ("anvil_setCode", [SAFE_CREATE2_FACTORY, factory]),
    ]
    for address in accounts:
        requests += [("anvil_impersonateAccount", [address]), ("anvil_setBalance", [address, ether])]
    node.batch(requests)


def _across(issuer: _Sender, artifacts: Artifacts, site: Site, count: int) -> Address:
    """WETH, the SpokePool behind its proxy, and the origin settler, configured with every chain's SpokePool."""
    weth = issuer.create(artifacts.weth)
    implementation = issuer.create(artifacts.spoke_pool, weth, 3600, 21600, ZERO_ADDRESS)
    initialize = artifacts.spoke_pool.encode_abi("initialize", [0, site.issuer])
    proxy = issuer.create(artifacts.erc1967_proxy, implementation, initialize)
    assert proxy == site.spoke_pool
    settler = issuer.create(artifacts.origin_settler, proxy, PERMIT2, 1800)
    others = (FIRST_CHAIN_ID + i for i in range(count) if FIRST_CHAIN_ID + i != site.chain_id)
    if routes := [_route(artifacts, chain_id) for chain_id in others]:
        gas = 300_000 + 60_000 * len(routes)
        issuer.call(settler, artifacts.origin_settler, "multicall", routes, gas=gas)
    return settler


@cache
def _route(artifacts: Artifacts, chain_id: int) -> str:
    """Calldata that registers that chain's SpokePool with an origin settler."""
    return str(artifacts.origin_settler.encode_abi("setDestinationSettler", [chain_id, Site.of(chain_id).spoke_pool]))


def _tokens(issuer: _Sender, artifacts: Artifacts, index: int) -> list[DevToken]:
    """Deploy the tokens and give the solver its inventory."""
    weth = created(issuer.address, _WETH_NONCE)
    issuer.call(weth, artifacts.weth, "deposit", value=_INVENTORY * 10**18)
    issuer.call(weth, artifacts.weth, "transfer", SOLVER, _INVENTORY * 10**18)
    fiat = artifacts.fiat_token.linked(issuer.create(artifacts.signature_checker))
    implementation = issuer.create(fiat)

    def circle(symbol: str, name: str, peg: str, *, bridged: bool = False) -> DevToken:
        address = issuer.create(artifacts.fiat_token_proxy, implementation)
        issuer.call(address, artifacts.fiat_token_proxy, "changeAdmin", _PROXY_ADMIN)
        _initialize(issuer, fiat, address, name, symbol, peg)
        return DevToken(symbol, name, address, _FIAT_DECIMALS, bridged, peg)

    tokens = [
        circle("USDC", "USD Coin", "USD"),
        circle("EURC", "Euro Coin", "EUR"),
        _bridged_dai(issuer, artifacts),
        DevToken("WETH", "Wrapped Ether", weth, 18, bridged=False, peg=""),
    ]
    return [*tokens, circle("USDC.e", "Bridged USDC", "USD", bridged=True)] if index == 1 else tokens


def _initialize(issuer: _Sender, fiat: type[Contract], address: str, name: str, symbol: str, peg: str) -> None:
    """Set up one of Circle's tokens. Its proxy has another admin now, since an admin cannot call the token."""
    me = issuer.address
    issuer.call(address, fiat, "initialize", name, symbol, peg, _FIAT_DECIMALS, me, me, me, me)
    issuer.call(address, fiat, "initializeV2", name)
    issuer.call(address, fiat, "initializeV2_1", _LOST_AND_FOUND)
    issuer.call(address, fiat, "initializeV2_2", [], symbol)
    issuer.call(address, fiat, "configureMinter", me, _MAX)
    issuer.call(address, fiat, "mint", SOLVER, _INVENTORY * 10**_FIAT_DECIMALS)


def _bridged_dai(issuer: _Sender, artifacts: Artifacts) -> DevToken:
    """DAI as it exists on Base: the OP stack's mintable ERC-20, here with the issuer as its bridge."""
    token = artifacts.bridged_token
    address = issuer.create(token, issuer.address, account("DAI on L1"), "Dai Stablecoin", "DAI", 18)
    issuer.call(address, token, "mint", SOLVER, _INVENTORY * 10**18)
    return DevToken("DAI", "Dai Stablecoin", address, 18, bridged=True, peg="USD")


def _mine(node: Node, requests: Sequence[Request]) -> None:
    """Send transactions, as many at once as fit into a block, and wait until all are mined.

    anvil drops an account's later transactions if one of them no longer fits into a block. Raises ConfigError if one
    reverted.
    """
    rest, gas = list(requests), 0
    now = list[Request]()
    while rest and gas + int(rest[0][1][0]["gas"], 16) <= _BLOCK_GAS:
        now.append(rest.pop(0))
        gas += int(now[-1][1][0]["gas"], 16)
    _mine_block(node, now)
    if rest:
        _mine(node, rest)


def _mine_block(node: Node, requests: Sequence[Request]) -> None:
    hashes = node.batch(requests)
    queries: list[Request] = [("eth_getTransactionReceipt", [h]) for h in hashes]
    give_up = time.monotonic() + 30
    while None in (receipts := node.batch(queries)):
        if time.monotonic() > give_up:
            raise ConfigError(f"{node.url} does not mine the devnet's transactions.")
        time.sleep(0.05)
    for (_, [transaction]), receipt in zip(requests, receipts, strict=True):
        if receipt["status"] != "0x1":
            data = transaction["data"]
            raise ConfigError(f"a deployment reverted on {node.url}: to {transaction.get('to')}, {data[:10]}")
