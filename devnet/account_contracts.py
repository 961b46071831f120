"""Contract accounts of the devnet: Safe 1.4.1 and 1.5.0, EntryPoint 0.8 and Simple7702Account.

Each is at its canonical address, deployed with CREATE2 from the init code of its package, as on public chains.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_hash.auto import keccak

from l2send.core.account_contracts import SafeVersion
from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.calldata import Function
from l2send.core.errors import NodeError, UsageError
from l2send.devnet.node import Node
from l2send.devnet.state import DevChain

CREATE2_FACTORY = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
"""Arachnid's deterministic deployment proxy. anvil has it."""
SAFE_CREATE2_FACTORY = Address("0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7")
"""Safe's own factory (github safe-global/safe-singleton-factory), with the same code."""

_SAFE_FILES = {
    "singleton": "Safe.sol/Safe.json",
    "singleton_l2": "SafeL2.sol/SafeL2.json",
    "proxy_factory": "proxies/SafeProxyFactory.sol/SafeProxyFactory.json",
    "multi_send_call_only": "libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json",
    "fallback_handler": "handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json",
}
_PROXY_FILE = "proxies/SafeProxy.sol/SafeProxy.json"
SAFES = ("1.4.1", "1.5.0")
DELEGATE = "simple7702account"
_DELEGATE_SOURCE = "Simple7702Account, npm @account-abstraction/contracts 0.8.0"
_ENTRY_POINT = 'entry_point."0.8.0"'
_ENTRY_POINT_SALT = "0a59dbff790c23c976a548690c27297883cc66b4c67024f9117b0238995e35e9"
_NO_SALT = "00" * 32

_SETUP = Function("setup(address[],uint256,address,bytes,address,address,uint256,address)")
_CREATE_PROXY = Function("createProxyWithNonce(address,bytes,uint256)")


@dataclass(frozen=True, slots=True)
class Create2:
    """One deployment."""

    name: str
    """Its name in chains.toml: `safe."1.4.1".singleton`."""
    factory: Address
    data: str
    """The factory's input: salt and init code, in hexadecimal."""

    @property
    def address(self) -> Address:
        """Its future address (EIP-1014)."""
        data = bytes.fromhex(self.data[2:])
        return checksum(keccak(b"\xff" + bytes.fromhex(self.factory[2:]) + data[:32] + keccak(data[32:]))[12:])


@dataclass(frozen=True, slots=True)
class AccountContracts:
    """All deployments, and the proxy code of each version of Safe."""

    deployments: tuple[Create2, ...]
    proxies: dict[str, str]
    """Version -> keccak of the code of its Safes."""

    @property
    def entry_point(self) -> Address:
        """Where EntryPoint 0.8 stands."""
        return next(one.address for one in self.deployments if one.name == _ENTRY_POINT)


def load(packages: dict[str, Path]) -> AccountContracts:
    """Read the packages. `packages`: key in packages.toml -> folder."""
    found, proxies = list[Create2](), dict[str, str]()
    for version in SAFES:
        folder = packages[f"safe-{version}"] / "build/artifacts/contracts"
        for name, file in _SAFE_FILES.items():
            code = _code(folder / file, "bytecode")
            found.append(Create2(f'safe."{version}".{name}', SAFE_CREATE2_FACTORY, f"0x{_NO_SALT}{code}"))
        proxy = bytes.fromhex(_code(folder / _PROXY_FILE, "deployedBytecode"))
        proxies[version] = "0x" + keccak(proxy).hex()
    folder = packages["account-abstraction"] / "artifacts"
    entry_point = _ENTRY_POINT_SALT + _code(folder / "EntryPoint.json", "bytecode")
    delegate = _NO_SALT + _code(folder / "Simple7702Account.json", "bytecode")
    found.append(Create2(_ENTRY_POINT, CREATE2_FACTORY, f"0x{entry_point}"))
    found.append(Create2(f"delegate.{DELEGATE}", CREATE2_FACTORY, f"0x{delegate}"))
    return AccountContracts(tuple(found), proxies)


def _code(path: Path, field: str) -> str:
    text: str = json.loads(path.read_text(encoding="utf-8"))[field]
    return text.removeprefix("0x")


def registry_tables(contracts: AccountContracts, node: Node, others: dict[str, str]) -> str:
    """The `accounts` tables of chains.toml, with code hashes read from the chain. Raises NetworkError.

    `others`: further contracts by the name of their table.
    """
    tables = {f'safe."{version}".proxy': {"code_hash": code} for version, code in contracts.proxies.items()}
    for name, address in ({one.name: one.address for one in contracts.deployments} | others).items():
        code = bytes.fromhex(node.call("eth_getCode", address, "latest")[2:])
        tables[name] = {"address": address, "code_hash": "0x" + keccak(code).hex()}
    tables[f"delegate.{DELEGATE}"]["source"] = _DELEGATE_SOURCE
    return "".join(_table(f"accounts.{name}", fields) for name, fields in tables.items())


def _table(name: str, fields: dict[str, str]) -> str:
    lines = (f'{key} = "{value}"\n' for key, value in ({"source": "devnet"} | fields).items())
    return f"\n[{name}]\n{''.join(lines)}"


def make_safe(chain: DevChain, safe: SafeVersion, owners: Sequence[str], threshold: int, salt: int = 0) -> Address:
    """Create a Safe with these owners; `threshold` of them must sign. Returns its address.

    The same version, owners, threshold and `salt` give the same address on every chain. Raises UsageError, NodeError.
    """
    accounts = [checksum(owner) for owner in owners]
    if len(set(accounts)) != len(accounts) or not accounts:
        raise UsageError("a Safe has one owner or more, each once.")
    if not 1 <= threshold <= len(accounts):
        raise UsageError(f"a Safe of {len(accounts)} owners has a threshold of 1 to {len(accounts)}, not {threshold}.")
    handler = safe.fallback_handler.address
    setup = _SETUP.encode(accounts, threshold, ZERO_ADDRESS, b"", handler, ZERO_ADDRESS, 0, ZERO_ADDRESS)
    data = _CREATE_PROXY.encode(safe.singleton_l2.address, setup, salt)
    message = {"from": chain.issuer, "to": safe.proxy_factory.address, "data": "0x" + data.hex(), "gas": hex(1_000_000)}
    receipt = Node(chain.rpc_url).call("eth_sendTransactionSync", message)
    if receipt["status"] != "0x1":
        raise NodeError("the factory made no Safe: one of these owners and this threshold and salt exists already.")
    return checksum("0x" + receipt["logs"][-1]["topics"][1][-40:])
