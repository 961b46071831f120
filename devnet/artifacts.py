"""The devnet's contracts as web3.py objects, read from the unpacked packages in each package's format.

Importing web3 takes a second, so only the supervisor and the solver import this file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2send.devnet import account_contracts
from l2send.devnet.account_contracts import AccountContracts

if TYPE_CHECKING:
    from web3.contract import Contract


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A contract whose code needs the address of its only library."""

    abi: list[Any]
    init_code: str

    def linked(self, library: str) -> type[Contract]:
        """The contract with the library at that address."""
        return _contract(self.abi, re.sub(r"__\$[0-9a-f]{34}\$__", library[2:].lower(), self.init_code))


@dataclass(frozen=True, slots=True, eq=False)
class Artifacts:
    """Every contract that a devnet deploys: its ABI and its code, not bound to a chain."""

    portal: type[Contract]
    prover: type[Contract]
    price_feed: type[Contract]
    spoke_pool: type[Contract]
    erc1967_proxy: type[Contract]
    origin_settler: type[Contract]
    weth: type[Contract]
    permit2: type[Contract]
    """Only its code."""
    signature_checker: type[Contract]
    fiat_token: Unlinked
    """FiatTokenV2_2; its library is SignatureChecker."""
    fiat_token_proxy: type[Contract]
    bridged_token: type[Contract]
    """OptimismMintableERC20."""
    multicall3: type[Contract]
    gas_price_oracle: type[Contract]
    l1_block: type[Contract]
    entry_point: type[Contract]
    """Of ERC-4337, version 0.8."""
    accounts: AccountContracts


def load(packages: dict[str, Path], compiled: Path) -> Artifacts:
    """Read all artifacts. `packages`: key in packages.toml -> folder; `compiled`: of compiler.compiled."""
    across = packages["across"] / "dist/evm/artifacts"
    fiat = packages["stablecoin"] / "artifacts/hardhat/contracts"
    optimism = packages["optimism"] / "forge-artifacts"
    settler = "artifacts/contracts/erc7683/AcrossOriginSettler.sol/AcrossOriginSettler.json"
    permit2 = packages["uniswapx"] / "dist/cjs/src/contracts/factories/Permit2__factory.js"
    own = _json(compiled)
    fiat_token = _json(fiat / "v2/FiatTokenV2_2.sol/FiatTokenV2_2.json")
    return Artifacts(
        portal=_eco_portal(packages["eco"] / "dist/abi/contracts/Portal.js"),
        prover=_contract(**own["DevnetProver"]),
        price_feed=_contract(**own["DevnetPriceFeed"]),
        spoke_pool=_read(across / "Ethereum_SpokePool.sol/Ethereum_SpokePool.json"),
        erc1967_proxy=_read(across / "ERC1967Proxy.sol/ERC1967Proxy.json"),
        origin_settler=_read(packages["across-settler"] / settler),
        weth=_read(across / "WETH9.sol/WETH9.json"),
        permit2=_contract([], _script_constant(permit2, "_bytecode")),
        signature_checker=_read(fiat / "util/SignatureChecker.sol/SignatureChecker.json"),
        fiat_token=Unlinked(fiat_token["abi"], fiat_token["bytecode"]),
        fiat_token_proxy=_read(fiat / "v1/FiatTokenProxy.sol/FiatTokenProxy.json"),
        bridged_token=_read(optimism / "OptimismMintableERC20.sol/OptimismMintableERC20.json"),
        multicall3=_read(across / "Multicall3.sol/Multicall3.json"),
        gas_price_oracle=_read(optimism / "GasPriceOracle.sol/GasPriceOracle.json"),
        l1_block=_read(optimism / "L1Block.sol/L1Block.json"),
        entry_point=_read(packages["account-abstraction"] / "artifacts/EntryPoint.json"),
        accounts=account_contracts.load(packages),
    )


def init_code(contract: type[Contract], *values: Any) -> str:
    """The code that deploys the contract with these constructor arguments, in hexadecimal."""
    return str(contract.constructor(*values).data_in_transaction)


def runtime_code(contract: type[Contract]) -> str:
    """The contract's deployed code, in hexadecimal, if its package has it."""
    code: Any = contract.bytecode_runtime
    return str(code.to_0x_hex())


def _contract(abi: list[Any], bytecode: str, runtime: str = "") -> type[Contract]:
    from web3 import Web3

    return Web3().eth.contract(abi=abi, bytecode=bytecode, bytecode_runtime=runtime or "0x")


def _read(path: Path) -> type[Contract]:
    artifact = _json(path)
    return _contract(artifact["abi"], _code(artifact["bytecode"]), _code(artifact.get("deployedBytecode", "")))


def _eco_portal(path: Path) -> type[Contract]:
    text, start = path.read_text(encoding="utf-8"), "exports.PortalAbi = "
    abi, _ = json.JSONDecoder().raw_decode(text, text.index(start + "[") + len(start))
    return _contract(abi, _script_constant(path, "PortalBytecode"))


def _json(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _code(field: Any) -> str:
    """Hardhat writes bytecode as a string, Foundry as an object with the string inside."""
    return str(field["object"] if isinstance(field, dict) else field)


def _script_constant(path: Path, name: str) -> str:
    match = re.search(rf"\b{name}\s*=\s*[\"'](0x[0-9a-f]+)[\"']", path.read_text(encoding="utf-8"))
    if not match:
        raise ValueError(f"{path.name} has no {name}")
    return match[1]
