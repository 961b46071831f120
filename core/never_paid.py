"""Accounts that must never be paid, on any chain: they have no key, so money sent there is lost.

| class | how it is recognised |
|---|---|
| zero, precompiles, system contracts at small numbers | below 2^32 |
| burn and marker addresses, predeploys | a pattern that no key's address has: digits that repeat |
| contracts that have one address on every chain | `CONTRACTS` |
| the wrapped coin of a chain | `CONTRACTS` |
| tokens, settlers, Multicall3, oracles of any chain of the registry | the registry |

Checked before every signature, by `core.effects.compare_with_payment`, and earlier when a recipient is typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.chains import Chain

_SMALL = 1 << 32
"""Ethereum's precompiles are at 0x01-0x11 and 0x100 (EIP-7910), Arbitrum's at 0x64-0xff (nitro, precompiles), those of
the ZK stack at 0x8001 to 0x1000f (era-contracts, system-contracts/contracts/Constants.sol), BNB's at 0x1000-0x3000,
Polygon's at 0x1001 and 0x1010, Celo's token at 0xce10. Finding a key with such an address takes 2^128 tries."""
_REPEATED = 24
"""Repeated digits: 2^96 tries for a key, and more than any mined CREATE2 address has. OP predeploys (0x4200…), Blast's
(0x4300…), Scroll's (0x5300…), Taiko's (0x1670…), 0xEeee…EEeE, 0xdEaD…0000, 0x6969…."""
_LONGEST_PERIOD = 16
_WORDS = re.compile("0*(?:(?:dead|beef|cafe|babe|face|feed|f00d|c0de|d00d)0*)+[0-9a-f]{0,4}")
"""0x…dEaD and similar, and the OP stack's 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract that cannot receive payments."""

    what: str
    source: str


_SAFE = "github safe-global/safe-deployments, src/assets"
_ERC4337 = "github eth-infinitism/account-abstraction, releases"
_WRAPPED = "the chain's own documentation"
CONTRACTS: Mapping[Address, Contract] = {
    Address("0x000000000022D473030F116dDEE9F6B43aC78BA3"): Contract("Permit2", "github Uniswap/permit2, README"),
    Address("0xcA11bde05977b3631167028862bE2a173976CA11"): Contract("Multicall3", "github mds1/multicall3, README"),
    Address("0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789"): Contract("ERC-4337 EntryPoint 0.6", _ERC4337),
    Address("0x0000000071727De22E5E9d8BAf0edAc6f37da032"): Contract("ERC-4337 EntryPoint 0.7", _ERC4337),
    Address("0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108"): Contract("ERC-4337 EntryPoint 0.8", _ERC4337),
    Address("0x433709009B8330FDa32311DF1C2AFA402eD8D009"): Contract("ERC-4337 EntryPoint 0.9", _ERC4337),
    Address("0x4e59b44847b379578588920cA78FbF26c0B4956C"): Contract(
        "deterministic deployer", "github Arachnid/deterministic-deployment-proxy, README"
    ),
    Address("0xba5Ed099633D3B313e4D5F7bdc1305d3c28ba5Ed"): Contract("CreateX deployer", "github pcaversaccio/createx"),
    Address("0xce0042B868300000d44A59004Da54A005ffdcf9f"): Contract("singleton factory", "ERC-2470"),
    Address("0x1820a4B7618BdE71Dce8cdc73aAB6C95905faD24"): Contract("interface registry", "ERC-1820"),
    Address("0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7"): Contract(
        "Safe singleton factory", "github safe-global/safe-singleton-factory"
    ),
    Address("0x34CfAC646f301356fAa8B21e94227e3583Fe3F5F"): Contract("Safe 1.1.1 singleton", _SAFE),
    Address("0x6851d6FdfafB08c0295c392436245e5BC78B0185"): Contract("Safe 1.2.0 singleton", _SAFE),
    Address("0xd9Db270c1B5E3Bd161E8c8503c55cEABeE709552"): Contract("Safe 1.3.0 singleton", _SAFE),
    Address("0x3E5c63644E683549055b9Be8653de26E0B4CD36E"): Contract("Safe 1.3.0 L2 singleton", _SAFE),
    Address("0x41675C099F32341bf84BFc5382aF534df5C7461a"): Contract("Safe 1.4.1 singleton", _SAFE),
    Address("0x29fcB43b46531BcA003ddC8FCB67FFE91900C762"): Contract("Safe 1.4.1 L2 singleton", _SAFE),
    Address("0xa6B71E26C5e0845f74c812102Ca7114b6a896AB2"): Contract("Safe 1.3.0 proxy factory", _SAFE),
    Address("0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67"): Contract("Safe 1.4.1 proxy factory", _SAFE),
    Address("0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"): Contract("Safe 1.3.0 MultiSend", _SAFE),
    Address("0x40A2aCCbd92BCA938b02010E17A5b8929b49130D"): Contract("Safe 1.3.0 MultiSendCallOnly", _SAFE),
    Address("0x38869bf66a61cF6bDB996A6aE40D5853Fd43B526"): Contract("Safe 1.4.1 MultiSend", _SAFE),
    Address("0x9641d764fc13c8B624c04430C7356C1C7C8102e2"): Contract("Safe 1.4.1 MultiSendCallOnly", _SAFE),
    Address("0x00000000219ab540356cBB839Cbe05303d7705Fa"): Contract(
        "beacon deposit contract", "ethereum/consensus-specs"
    ),
    Address("0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02"): Contract("system contract of beacon roots", "EIP-4788"),
    Address("0x0000F90827F1C53a10cb7A02335B175320002935"): Contract("system contract of block hashes", "EIP-2935"),
    Address("0x00000961Ef480Eb55e80D19ad83579A64c007002"): Contract("system contract of withdrawals", "EIP-7002"),
    Address("0x0000BBdDc7CE488642fb579F8B00f3a590007251"): Contract("system contract of consolidations", "EIP-7251"),
    Address("0x00000000000000000000045261D4Ee77acdb3286"): Contract("burn address", "etherscan.io, labels"),
    Address("0xdEAD000000000000000042069420694206942069"): Contract("burn address", "etherscan.io, labels"),
    Address("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"): Contract("WETH contract of Ethereum", _WRAPPED),
    Address("0x82aF49447D8a07e3bd95BD0d56f35241523fBab1"): Contract("WETH contract of Arbitrum", _WRAPPED),
    Address("0xe5D7C2a44FfDDf6b295A15c148167daaAf5Cf34f"): Contract("WETH contract of Linea", _WRAPPED),
    Address("0x5AEa5775959fBC2557Cc8789bC1bf90A239D9a91"): Contract("WETH contract of ZKsync Era", _WRAPPED),
    Address("0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270"): Contract("WPOL contract of Polygon", _WRAPPED),
    Address("0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c"): Contract("WBNB contract of BNB Chain", _WRAPPED),
    Address("0xB31f66AA3C1e785363F0875A1B74E27b85FD66c7"): Contract("WAVAX contract of Avalanche", _WRAPPED),
    Address("0xe91D153E0b41518A2Ce8Dd3D7944Fa863463a97d"): Contract("WXDAI contract of Gnosis", _WRAPPED),
    Address("0x039e2fB66102314Ce7b64Ce5Ce3E5183bc94aD38"): Contract("wS contract of Sonic", _WRAPPED),
    Address("0x78c1b0C915c4FAA5FffA6CAbf0219DA63d7f4cb8"): Contract("WMNT contract of Mantle", _WRAPPED),
    Address("0x471EcE3750Da237f93B8E339c536989b8978a438"): Contract("CELO contract of Celo", _WRAPPED),
}


def why_unpayable(recipient: Address, chain: Chain, chains: Iterable[Chain]) -> str:
    """Why `recipient` must not be paid on `chain`, one of `chains`, or an empty string."""
    if reason := _why_keyless(recipient) or _why_of_the_chain(recipient, chain):
        return f"{reason}{',' if ':' in reason else ':'} money sent there is lost"
    for other in chains:
        if recipient in other.contracts() and other is not chain:
            return f"a contract on {other.name}: its owner has no key on {chain.name}, money sent there is lost"
    return ""


def _why_keyless(recipient: Address) -> str:
    """The reason that needs no registry."""
    digits = recipient[2:].lower()
    if recipient == ZERO_ADDRESS:
        return "the zero address"
    if _WORDS.fullmatch(digits):
        return "a burn address: no key has it"
    if int(recipient, 16) < _SMALL:
        return "a precompiled contract, or a system contract: no key has it"
    if known := CONTRACTS.get(recipient):
        return f"the {known.what}, the same on every chain it is on"
    if _repeats(digits):
        return "a burn address, a marker or a system contract: no key has it"
    return ""


def _repeats(digits: str) -> bool:
    """Whether digits repeat so often, at some period, that no key can have been found for the address."""
    number, same = int(digits, 16), "0" * _REPEATED
    # Equal digits have the difference 0: a shift by `period` digits compares all of them at once.
    return any(same in f"{number ^ number >> 4 * period:040x}"[period:] for period in range(1, _LONGEST_PERIOD + 1))


def _why_of_the_chain(recipient: Address, chain: Chain) -> str:
    for token in chain.tokens:
        if token.address == recipient:
            return f"the contract of {token.symbol} itself, not an account"
    if recipient in chain.contracts():
        return "a contract of the bridge or of the chain, not an account"
    return ""
