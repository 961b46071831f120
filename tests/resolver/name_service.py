"""The real ENS registry and multicoin resolver on a devnet's chain, and resolvers that lead to a gateway here."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.calldata import Function, abi_decode, abi_encode
from l2send.devnet import packages
from l2send.devnet.deploy import account
from l2send.devnet.node import Node
from l2send.resolver.ens_name import coin_type, namehash
from tests.support.contracts import init_codes

PINS = [
    packages.Pin(
        "@ensdomains/ens",
        "0.6.2",
        "sha512-F3ALgp60HZq3rKqNig7H/rAlBB0zuz4C9q2weCoiPjSW91uvjetXhCGBU2YJCD1tyuKnO/KqTDzUN5Dc8HLlaQ==",
        ("build/contracts/ENSRegistry.json",),
    ),
    packages.Pin(
        "@ensdomains/resolver",
        "0.3.1",
        "sha512-cXY7nomODddJ59pvkwkxp7StgKcv8Xb0OhQE/pCe80448T8tELPGEghf2thtjz4+4f+c7mt8XJQ04Y0Guc0lnA==",
        ("build/contracts/PublicResolver.json",),
    ),
]
CONTRACTS = Path(__file__).parent / "contracts"
OPERATOR = account("ens operator")
SIGNER = Account.from_key(keccak(b"l2send tests: the key of the gateway"))

_SET_SUBNODE_OWNER = Function("setSubnodeOwner(bytes32,bytes32,address)")
_SET_RESOLVER = Function("setResolver(bytes32,address)")
_SET_ADDR = Function("setAddr(bytes32,uint256,bytes)")
_SET = Function("set(string[],address,bool)")
_ADDR = Function("addr(bytes32,uint256)")


def compiled(cache: Path) -> dict[str, bytes]:
    """Init code of the contracts beside this file, by the devnet's pinned solc."""
    return init_codes(CONTRACTS, cache)


@dataclass
class NameService:
    """ENS on one chain, whose root belongs to OPERATOR."""

    node: Node
    registry: Address
    resolver: Address
    offchain: Address
    universal: Address

    @classmethod
    def deploy(cls, node: Node, cache: Path) -> NameService:
        node.batch(
            [("anvil_impersonateAccount", [OPERATOR]), ("anvil_setBalance", [OPERATOR, hex(10**21)])],
        )
        folders = packages.fetch(PINS, cache, lambda _: None)
        registry_code, resolver_code = (
            bytes.fromhex(json.loads((folder / pin.files[0]).read_text())["bytecode"][2:])
            for folder, pin in zip(folders, PINS, strict=True)
        )
        own = compiled(cache)
        registry = _create(node, registry_code)
        return cls(
            node,
            registry,
            _create(node, resolver_code + abi_encode(["address"], [registry])),
            _create(node, own["OffchainNames"] + abi_encode(["address"], [SIGNER.address])),
            _create(node, own["SmallUniversalResolver"] + abi_encode(["address"], [registry])),
        )

    def name(self, name: str, **records: bytes) -> None:
        """Register a name under one that is registered; `records` maps `c` + coin type to an address."""
        self.point(name, self.resolver)
        for coin, address in records.items():
            self.record(name, int(coin[1:]), address)

    def point(self, name: str, resolver: Address) -> None:
        """Register a name and its resolver."""
        label, _, parent = name.partition(".")
        above = namehash(parent) if parent else bytes(32)
        _send(self.node, self.registry, _SET_SUBNODE_OWNER.encode(above, keccak(label.encode()), OPERATOR))
        _send(self.node, self.registry, _SET_RESOLVER.encode(namehash(name), resolver))

    def record(self, name: str, coin: int, address: bytes) -> None:
        _send(self.node, self.resolver, _SET_ADDR.encode(namehash(name), coin, address))

    def gateways(self, *urls: str, pretended: Address | None = None, endless: bool = False) -> None:
        """Where the offchain resolver sends its callers from now on."""
        _send(self.node, self.offchain, _SET.encode(list(urls), pretended or self.offchain, endless))


def _send(node: Node, to: Address | None, data: bytes) -> dict[str, Any]:
    message = {"from": OPERATOR, "data": "0x" + data.hex(), "gas": hex(6_000_000)}
    receipt: dict[str, Any] = node.call("eth_sendTransactionSync", message | ({"to": to} if to else {}))
    assert receipt["status"] == "0x1", receipt
    return receipt


def _create(node: Node, code: bytes) -> Address:
    return checksum(_send(node, None, code)["contractAddress"])


@dataclass
class Gateway:
    """A gateway on this machine that signs the records it is given; what else it does is said by the path."""

    records: dict[tuple[str, int], Address] = field(default_factory=dict[tuple[str, int], Address])
    asked: list[str] = field(default_factory=list[str])

    def __enter__(self) -> Gateway:
        handler = type("Handler", (_Handler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{path}"

    def answer(self, sender: str, data: bytes, *, honest: bool = True) -> bytes:
        """A signed record, as OffchainNames wants it."""
        name, call = abi_decode(["bytes", "bytes"], data)
        if call[:4] == _ADDR.selector:
            _, coin = abi_decode(_ADDR.inputs, call[4:])
            found = self.records.get((_dotted(name), coin))
            result = abi_encode(["bytes"], [bytes.fromhex(found[2:]) if found else b""])
        else:
            found = self.records.get((_dotted(name), 60))
            result = abi_encode(["address"], [found or "0x" + "0" * 40])
        said = keccak(abi_encode(["address", "bytes32", "bytes32"], [sender, keccak(data), keccak(result)]))
        signed = SIGNER.unsafe_sign_hash(said)
        s = signed.s if honest else signed.s ^ 1
        types = ["bytes", "uint8", "bytes32", "bytes32"]
        return abi_encode(types, [result, signed.v, signed.r.to_bytes(32, "big"), s.to_bytes(32, "big")])


def _dotted(wire: bytes) -> str:
    labels, at = list[str](), 0
    while wire[at]:
        labels.append(wire[at + 1 : at + 1 + wire[at]].decode())
        at += 1 + wire[at]
    return ".".join(labels)


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway

    def do_GET(self) -> None:
        mode, sender, data = self.path[1:].split("/")
        self._serve(mode, sender, data.removesuffix(".json"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._serve(self.path[1:], body["sender"], body["data"])

    def _serve(self, mode: str, sender: str, data: str) -> None:
        self.gateway.asked.append(f"{self.command} {mode}")
        modes: dict[str, Callable[[], tuple[int, dict[str, Any]]]] = {
            "good": lambda: (200, self._signed(sender, data, honest=True)),
            "lie": lambda: (200, self._signed(sender, data, honest=False)),
            "down": lambda: (503, {}),
            "refuse": lambda: (404, {"message": "no"}),
            "huge": lambda: (200, {"data": "0x" + "00" * 2**20}),
            "odd": lambda: (200, {"data": 5}),
            "elsewhere": lambda: (302, {}),
        }
        status, document = modes[mode]()
        body = json.dumps(document).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/good/" + sender + "/" + data)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _signed(self, sender: str, data: str, *, honest: bool) -> dict[str, Any]:
        answer = self.gateway.answer(sender, bytes.fromhex(data[2:]), honest=honest)
        return {"data": "0x" + answer.hex()}

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def coin_of(chain_id: int) -> str:
    """The keyword that `NameService.name` takes for a record of that chain."""
    from l2send.core.units import ChainId

    return f"c{coin_type(ChainId(chain_id))}"
