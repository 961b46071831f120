"""Late modules are loaded when they are used, and not before; then they are whole. Only the command has any."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from l2send.core.late_modules import LATE_MODULES

_LATE = "from l2send.core.late_modules import load_late; load_late()"
_LIBRARIES = "import sys, httpx, eth_abi.abi"
_SIGNING = "import eth_account"
_SIGNED = """
from eth_account import Account
import eth_keyfile
key = (1).to_bytes(32, "big")
print(Account.from_key(key).sign_authorization({"chainId": 1, "address": "0x" + "11" * 20, "nonce": 7}).model_dump())
print(Account.sign_transaction({"chainId": 1, "nonce": 0, "gas": 21000, "to": "0x" + "11" * 20, "value": 1,
    "maxFeePerGas": 2, "maxPriorityFeePerGas": 1, "data": b"\\1"}, key).raw_transaction.hex())
print(eth_keyfile.create_keyfile_json(key, b"a password", version=4, iterations=2)["pubkey"])
print(eth_keyfile.keyfile.MAX_V4_PRIVATE_KEY)
"""
_ASKED = """
import eth_utils, eth_utils.curried, eth_typing, httpx, py_ecc.bls, py_ecc.bls12_381
from py_ecc.bls import G2Basic, G2ProofOfPossession
from eth_typing.networks import ChainId
class Model(eth_utils.CamelModel):
    some_name: int
print(eth_utils.apply_formatters_to_dict({"someName": str}, Model(someName=1)), isinstance(1, eth_utils.CamelModel))
print(isinstance(Model(someName=1), eth_utils.CamelModel), Model.__mro__)
print(eth_utils.name_from_chain_id(10), eth_utils.network.networks[0], eth_typing.ChainId(10), list(ChainId)[:2])
print(G2Basic.SkToPk(5), py_ecc.bls.G2ProofOfPossession.SkToPk(5), G2ProofOfPossession.DST)
print(py_ecc.bls12_381.pairing(py_ecc.bls12_381.G2, py_ecc.bls12_381.G1))
print(httpx.main.name, httpx._main.print_help.__name__)
"""
_IN_THREADS = """
from concurrent.futures import ThreadPoolExecutor
import eth_utils
with ThreadPoolExecutor(8) as pool:
    print(*pool.map(eth_utils.name_from_chain_id, [10] * 8))
"""
_HEAVY = ("pydantic", "py_ecc.optimized_bls12_381", "click", "pygments", "rich")


def _printed(*parts: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(parts)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("libraries", "not_loaded"),
    [(_LIBRARIES, _HEAVY), (f"{_LIBRARIES}\n{_SIGNING}", set(_HEAVY) - {"pydantic"})],
)
def test_what_is_not_used_is_not_loaded(libraries: str, not_loaded: set[str]) -> None:
    loaded = _printed(_LATE, libraries, f"print(*set(sys.modules) & set({_HEAVY}))").split()
    assert not set(loaded) & set(not_loaded)


@pytest.mark.parametrize("used", [_SIGNED, _ASKED, _IN_THREADS])
def test_the_libraries_do_what_they_do_without_late_modules(used: str) -> None:
    late, whole = _printed(_LATE, _LIBRARIES, used), _printed(_LIBRARIES, used)
    assert late == whole != ""


@pytest.mark.parametrize("module", LATE_MODULES)
def test_each_late_name_is_one_of_its_module(module: str) -> None:
    assert all(callable(getattr(import_module(module), name)) for name in LATE_MODULES[module])


def test_a_name_that_does_not_exist_is_an_import_error() -> None:
    program = "try:\n  from py_ecc.bls import missing\nexcept ImportError as error:\n  print(error)"
    assert "cannot import name 'missing' from 'py_ecc.bls'" in _printed(_LATE, program)


def test_a_program_that_imports_l2send_gets_its_libraries_whole() -> None:
    program = (
        "before = [*sys.meta_path]",
        "import l2send.api, l2send.cli.main, l2send.client, l2send.core.late_modules",
        _SIGNING,
        "print(before == sys.meta_path, type(eth_account.account.keys).__name__, type(httpx.main).__module__)",
        f"print(*set(sys.modules) & set({_HEAVY}))",
    )
    first, second = _printed(_LIBRARIES, *program).splitlines()
    assert (first, set(second.split())) == ("True KeyAPI click.core", set(_HEAVY))
