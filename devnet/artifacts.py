"""The bytecode a devnet deploys, read out of the unpacked packages, each in its package's own format."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Init code of every contract (constructor arguments are appended), runtime code where it says so."""

    portal: bytes
    prover: bytes
    price_feed: bytes
    spoke_pool: bytes
    erc1967_proxy: bytes
    origin_settler: bytes
    weth: bytes
    permit2: bytes
    signature_checker: bytes
    fiat_token: bytes
    """FiatTokenV2_2; holds the placeholder of its library, see `linked`."""
    fiat_token_library_offsets: tuple[int, ...]
    fiat_token_proxy: bytes
    bridged_token: bytes
    """OptimismMintableERC20."""
    multicall3: bytes
    gas_price_oracle: bytes
    """Runtime code."""
    l1_block: bytes
    """Runtime code."""

    def linked(self, library: str) -> bytes:
        """FiatTokenV2_2's init code with the address of its SignatureChecker in place."""
        code = bytearray(self.fiat_token)
        for offset in self.fiat_token_library_offsets:
            code[offset : offset + 20] = bytes.fromhex(library[2:])
        return bytes(code)


def load(packages: dict[str, Path], compiled: Path) -> Artifacts:
    """Read all artifacts. `packages`: key in packages.toml -> folder; `compiled`: of compiler.compiled."""
    across = packages["across"] / "dist/evm/artifacts"
    fiat = packages["stablecoin"] / "artifacts/hardhat/contracts"
    optimism = packages["optimism"] / "forge-artifacts"
    own = _json(compiled)
    token = _json(fiat / "v2/FiatTokenV2_2.sol/FiatTokenV2_2.json")
    places = token["linkReferences"]["contracts/util/SignatureChecker.sol"]["SignatureChecker"]
    return Artifacts(
        portal=_script_constant(packages["eco"] / "dist/abi/contracts/Portal.js", "PortalBytecode"),
        prover=bytes.fromhex(own["DevnetProver"]),
        price_feed=bytes.fromhex(own["DevnetPriceFeed"]),
        spoke_pool=_init_code(across / "Ethereum_SpokePool.sol/Ethereum_SpokePool.json"),
        erc1967_proxy=_init_code(across / "ERC1967Proxy.sol/ERC1967Proxy.json"),
        origin_settler=_init_code(
            packages["across-settler"] / "artifacts/contracts/erc7683/AcrossOriginSettler.sol/AcrossOriginSettler.json"
        ),
        weth=_init_code(across / "WETH9.sol/WETH9.json"),
        permit2=_script_constant(
            packages["uniswapx"] / "dist/cjs/src/contracts/factories/Permit2__factory.js", "_bytecode"
        ),
        signature_checker=_init_code(fiat / "util/SignatureChecker.sol/SignatureChecker.json"),
        fiat_token=_unlinked(token["bytecode"]),
        fiat_token_library_offsets=tuple(place["start"] for place in places),
        fiat_token_proxy=_init_code(fiat / "v1/FiatTokenProxy.sol/FiatTokenProxy.json"),
        bridged_token=_init_code(optimism / "OptimismMintableERC20.sol/OptimismMintableERC20.json"),
        multicall3=_init_code(across / "Multicall3.sol/Multicall3.json"),
        gas_price_oracle=_runtime_code(optimism / "GasPriceOracle.sol/GasPriceOracle.json"),
        l1_block=_runtime_code(optimism / "L1Block.sol/L1Block.json"),
    )


def _json(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _init_code(path: Path) -> bytes:
    return _bytes(_json(path)["bytecode"])


def _runtime_code(path: Path) -> bytes:
    return _bytes(_json(path)["deployedBytecode"])


def _bytes(field: Any) -> bytes:
    """Hardhat writes bytecode as a string, Foundry as an object with the string inside."""
    text: str = field["object"] if isinstance(field, dict) else field
    return bytes.fromhex(text.removeprefix("0x"))


def _unlinked(text: str) -> bytes:
    """Bytecode with library placeholders (`__$…$__`, 20 bytes each), which become zeros."""
    return bytes.fromhex(re.sub(r"__\$[0-9a-f]{34}\$__", "0" * 40, text).removeprefix("0x"))


def _script_constant(path: Path, name: str) -> bytes:
    match = re.search(rf"\b{name}\s*=\s*[\"']0x([0-9a-f]+)[\"']", path.read_text(encoding="utf-8"))
    if not match:
        raise ValueError(f"{path.name} has no {name}")
    return bytes.fromhex(match[1])
