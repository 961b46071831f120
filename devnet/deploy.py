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
from typing import Any

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.calldata import APPROVE, Function, abi_encode
from l2send.core.errors import ConfigError
from l2send.devnet.artifacts import Artifacts
from l2send.devnet.node import Node, Request
from l2send.devnet.opstack import l1_fee_setup
from l2send.devnet.state import FIRST_CHAIN_ID, DevChain, DevToken

MULTICALL3 = Address("0xcA11bde05977b3631167028862bE2a173976CA11")
PERMIT2 = Address("0x000000000022D473030F116dDEE9F6B43aC78BA3")
_CREATE2_FACTORY = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
_PERMIT2_SALT = bytes.fromhex("0000000000000000000000000000000000000000d3af2663da51c10215000000")

ETH_USD = 3000 * 10**8
"""The price feed's first answer: US dollars per ether, in units of 10^-8 dollar."""
_INVENTORY = 100_000_000
"""Whole tokens of each kind that the solver has on each chain."""
_MAX = 2**256 - 1
_GAS_PRICE = 5 * 10**9

_INITIALIZE = Function("initialize(string,string,string,uint8,address,address,address,address)")
_INITIALIZE_V2 = Function("initializeV2(string)")
_INITIALIZE_V2_1 = Function("initializeV2_1(address)")
_INITIALIZE_V2_2 = Function("initializeV2_2(address[],string)")
_CONFIGURE_MINTER = Function("configureMinter(address,uint256)")
_CHANGE_ADMIN = Function("changeAdmin(address)")
MINT = Function("mint(address,uint256)")
DEPOSIT = Function("deposit()")
_TRANSFER = Function("transfer(address,uint256)")
_SPOKE_INITIALIZE = Function("initialize(uint32,address)")
_SET_DESTINATION_SETTLER = Function("setDestinationSettler(uint256,address)")
_MULTICALL = Function("multicall(bytes[])")


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

    def create(self, init_code: bytes, types: Sequence[str] = (), values: Sequence[Any] = ()) -> Address:
        """Deploy a contract with these constructor arguments."""
        address = created(self.address, len(self.requests))
        data = init_code + abi_encode(list(types), list(values))
        self._add(None, data, 0, gas=400_000 + 250 * len(data))
        return address

    def call(self, to: str, data: bytes, value: int = 0, gas: int = 500_000) -> None:
        """Call a contract."""
        self._add(to, data, value, gas)

    def _add(self, to: str | None, data: bytes, value: int, gas: int) -> None:
        transaction = {
            "from": self.address,
            "nonce": hex(len(self.requests)),
            "data": "0x" + data.hex(),
            "value": hex(value),
            "gas": hex(gas),
            "gasPrice": hex(_GAS_PRICE),
        }
        if to is not None:
            transaction["to"] = to
        self.requests.append(("eth_sendTransaction", [transaction]))


@dataclass(frozen=True, slots=True)
class Site:
    """Where a chain's contracts are: computed, so that chains can name each other's before they exist."""

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
    prover = protocol.create(artifacts.prover, ["address"], [SOLVER])
    protocol.call(_CREATE2_FACTORY, _PERMIT2_SALT + artifacts.permit2, gas=4_000_000)
    settler = _across(issuer, artifacts, site, count)
    tokens = _tokens(issuer, artifacts, index)
    feed = issuer.create(artifacts.price_feed, ["int256"], [ETH_USD])
    usdc, wrapped = (next(t.address for t in tokens if t.symbol == symbol) for symbol in ("USDC", "WETH"))
    solver.call(usdc, APPROVE.encode(portal, _MAX))
    for token in (usdc, wrapped):
        solver.call(token, APPROVE.encode(site.spoke_pool, _MAX))
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
    """Unlock and fund the devnet's own accounts; put Multicall3 where every chain has it."""
    ether = hex(2 * _INVENTORY * 10**18)
    multicall3 = node.call("eth_call", {"data": "0x" + artifacts.multicall3.hex()}, "latest")
    requests: list[Request] = [("anvil_setCode", [MULTICALL3, multicall3])]
    for address in accounts:
        requests += [("anvil_impersonateAccount", [address]), ("anvil_setBalance", [address, ether])]
    node.batch(requests)


def _across(issuer: _Sender, artifacts: Artifacts, site: Site, count: int) -> Address:
    """WETH, the SpokePool behind its proxy, and the origin settler that knows every chain's SpokePool."""
    weth = issuer.create(artifacts.weth)
    implementation = issuer.create(
        artifacts.spoke_pool,
        ["address", "uint32", "uint32", "address"],
        [weth, 3600, 21600, "0x" + "00" * 20],
    )
    proxy = issuer.create(
        artifacts.erc1967_proxy,
        ["address", "bytes"],
        [implementation, _SPOKE_INITIALIZE.encode(0, site.issuer)],
    )
    assert proxy == site.spoke_pool
    settler = issuer.create(artifacts.origin_settler, ["address", "address", "uint256"], [proxy, PERMIT2, 1800])
    others = [Site.of(FIRST_CHAIN_ID + i) for i in range(count) if FIRST_CHAIN_ID + i != site.chain_id]
    routes = [_SET_DESTINATION_SETTLER.encode(o.chain_id, o.spoke_pool) for o in others]
    if routes:
        issuer.call(settler, _MULTICALL.encode(routes), gas=300_000 + 60_000 * len(routes))
    return settler


def _tokens(issuer: _Sender, artifacts: Artifacts, index: int) -> list[DevToken]:
    """Deploy the tokens and give the solver its inventory."""
    weth = created(issuer.address, _WETH_NONCE)
    issuer.call(weth, DEPOSIT.encode(), value=_INVENTORY * 10**18)
    issuer.call(weth, _TRANSFER.encode(SOLVER, _INVENTORY * 10**18))
    library = issuer.create(artifacts.signature_checker)
    fiat = issuer.create(artifacts.linked(library))
    tokens = [
        _fiat_token(issuer, artifacts, fiat, DevToken("USDC", "USD Coin", "", 6, bridged=False, peg="USD")),
        _fiat_token(issuer, artifacts, fiat, DevToken("EURC", "Euro Coin", "", 6, bridged=False, peg="EUR")),
        _bridged_dai(issuer, artifacts),
        DevToken("WETH", "Wrapped Ether", weth, 18, bridged=False, peg=""),
    ]
    if index == 1:
        bridged = DevToken("USDC.e", "Bridged USDC", "", 6, bridged=True, peg="USD")
        tokens.append(_fiat_token(issuer, artifacts, fiat, bridged))
    return tokens


def _fiat_token(issuer: _Sender, artifacts: Artifacts, implementation: str, token: DevToken) -> DevToken:
    """One Circle FiatToken: the proxy is handed to an admin first, since an admin cannot call the token."""
    me = issuer.address
    currency = token.peg
    address = issuer.create(artifacts.fiat_token_proxy, ["address"], [implementation])
    calls = [
        _CHANGE_ADMIN.encode(_PROXY_ADMIN),
        _INITIALIZE.encode(token.name, token.symbol, currency, token.decimals, me, me, me, me),
        _INITIALIZE_V2.encode(token.name),
        _INITIALIZE_V2_1.encode(_LOST_AND_FOUND),
        _INITIALIZE_V2_2.encode([], token.symbol),
        _CONFIGURE_MINTER.encode(me, _MAX),
        MINT.encode(SOLVER, _INVENTORY * 10**token.decimals),
    ]
    for data in calls:
        issuer.call(address, data)
    return DevToken(token.symbol, token.name, address, token.decimals, token.bridged, token.peg)


def _bridged_dai(issuer: _Sender, artifacts: Artifacts) -> DevToken:
    """DAI as it exists on Base: the OP stack's mintable ERC-20, here with the issuer as its bridge."""
    address = issuer.create(
        artifacts.bridged_token,
        ["address", "address", "string", "string", "uint8"],
        [issuer.address, account("DAI on L1"), "Dai Stablecoin", "DAI", 18],
    )
    issuer.call(address, MINT.encode(SOLVER, _INVENTORY * 10**18))
    return DevToken("DAI", "Dai Stablecoin", address, 18, bridged=True, peg="USD")


def _mine(node: Node, requests: Sequence[Request]) -> None:
    """Send transactions and wait until all are mined. Raises ConfigError if one reverted."""
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
