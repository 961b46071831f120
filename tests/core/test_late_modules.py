"""Late modules are loaded on first use, not before, and are complete then. Only the command has any."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from l2send.core.late_modules import LATE_MODULES

_LATE = "from l2send.core.late_modules import load_late; load_late()"
_LIBRARIES = "import sys, httpx, eth_abi.abi"
_PAYING = """
from l2send.core.address import Address
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.wallet.keys.signer import LocalSigner, SecretKey
signer = LocalSigner(SecretKey((1).to_bytes(32, "big")))
signer.sign(1, 0, UnsignedTx(1, signer.address, 0, b"", signer.address), 50_000, GasPrice(1, 1, 3))
"""
_USED = """
from concurrent.futures import ThreadPoolExecutor
import eth_keyfile, eth_typing, eth_utils, eth_utils.curried, httpx
from eth_account import Account

with ThreadPoolExecutor(8) as pool:
    print(*pool.map(eth_utils.name_from_chain_id, [10] * 8), eth_utils.network.networks[0])

key = (1).to_bytes(32, "big")
print(Account.from_key(key).sign_authorization({"chainId": 1, "address": "0x" + "11" * 20, "nonce": 7}).model_dump())
class Model(eth_utils.CamelModel):
    some_name: int
print(eth_utils.apply_formatters_to_dict({"someName": str}, Model(someName=1)), isinstance(1, eth_utils.CamelModel))
print(isinstance(Model(someName=1), eth_utils.CamelModel), Model.__mro__)

from eth_typing.networks import ChainId
print(eth_typing.ChainId(10), list(ChainId)[:2])
print(httpx.main.name, httpx._main.print_help.__name__)

print(Account.decrypt(Account.encrypt(key, "a password", iterations=2), "a password"), eth_utils.keccak(key))
import web3
print(web3.Web3.to_wei(1, "gwei"), web3.HTTPProvider(eth_typing.URI("http://127.0.0.1")).endpoint_uri)
import cytoolz
print(cytoolz.pipe(1, str), eth_utils.toolz.pipe(1, str))
import cffi
print(cffi.FFI().new("int *", 5)[0])
print(eth_keyfile.create_keyfile_json(key, b"a password", version=4, iterations=2)["pubkey"])
import py_ecc.bls, py_ecc.bls12_381
from py_ecc.bls import G2Basic, G2ProofOfPossession
print(G2Basic.SkToPk(5), py_ecc.bls.G2ProofOfPossession.SkToPk(5), G2ProofOfPossession.DST)
print(py_ecc.bls12_381.pairing(py_ecc.bls12_381.Z2, py_ecc.bls12_381.Z1))
"""
_HEAVY = ("cffi", "cytoolz", "pydantic", "py_ecc.optimized_bls12_381", "click", "pygments", "rich")


def _printed(*parts: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(parts)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("program", "not_loaded"),
    [("", _HEAVY), (_PAYING, set(_HEAVY) - {"pydantic"})],  # eth_account's transactions are models of pydantic
)
def test_what_is_not_used_is_not_loaded(program: str, not_loaded: set[str]) -> None:
    loaded = _printed(_LATE, _LIBRARIES, program, f"print(*set(sys.modules) & set({_HEAVY}))").split()
    assert not set(loaded) & set(not_loaded)


def test_importing_the_libraries_executes_no_late_module() -> None:
    """A name that a new release of a library uses, and that is not listed, would."""
    program = (
        "import eth_keyfile.keyfile, eth_keys.datatypes, rlp",
        "from l2send.core.late_modules import LATE_MODULES",
        "print(*(name for name, late in LATE_MODULES.items() if type(vars(sys.modules[name])[late[0]]).__module__",
        "    != 'l2send.core.late_modules'))",
    )
    assert _printed(_LATE, _LIBRARIES, *program).split() == []


def test_the_libraries_do_what_they_do_without_late_modules() -> None:
    late, whole = _printed(_LATE, _LIBRARIES, _USED), _printed(_LIBRARIES, _USED)
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
        "import eth_account",
        "print(before == sys.meta_path, type(eth_account.account.keys).__name__, type(httpx.main).__module__)",
        f"print(*set(sys.modules) & set({_HEAVY}))",
    )
    first, second = _printed(_LIBRARIES, *program).splitlines()
    assert (first, set(second.split())) == ("True KeyAPI click.core", set(_HEAVY))


def test_a_library_that_reads_a_version_at_once_gets_a_text() -> None:
    """prompt_toolkit does, which asks every question: it needs a `str`. Nothing else asks for one before it."""
    program = f"{_LATE}; import prompt_toolkit; print(prompt_toolkit.__version__, prompt_toolkit.VERSION[0])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split()[1] == "3"
