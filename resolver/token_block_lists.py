"""The functions by which tokens report that they block an account: money sent there is locked or destroyed.

A transfer to such an account may succeed: Tether's token refuses only transfers from a blocked account. So the
functions are called. Any result other than zero means blocked. A token with none of the functions is reported as
unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from l2send.core.calldata import Function

SPELLINGS: Mapping[str, str] = {
    "isBlacklisted(address)": "Circle FiatToken (USDC, EURC); github circlefin/stablecoin-evm",
    "isBlackListed(address)": "Tether TetherToken (USDT); etherscan.io, 0xdAC17F95…1ec7",
    "getBlackListStatus(address)": "Tether TetherToken (USDT); etherscan.io, 0xdAC17F95…1ec7",
    "isBlocked(address)": "Tether WithBlockedList (USDT0, XAUT0 and USDT of later chains)",
    "isBlockListed(address)": "OpenZeppelin community ERC20Restricted's forerunner and its users",
    "isBlocklisted(address)": "Circle's native coin control, and others of that name",
    "blacklisted(address)": "a public mapping of that name",
    "blocklisted(address)": "a public mapping of that name",
    "blacklist(address)": "a public mapping of that name",
    "isFrozen(address)": "Paxos (PYUSD, USDP, USDG); github paxosglobal; ERC-3643; EIP-2980",
    "frozen(address)": "a public mapping of that name",
    "frozenAccount(address)": "a public mapping of that name (ethereum.org's early token example)",
    "isBanned(address)": "a public mapping of that name",
    "isDenylisted(address)": "a function of that name",
    "isSanctioned(address)": "Chainalysis' oracle, and tokens that pass it on",
}
"""Each function, with the tokens that use it."""

BLOCK_LISTS = tuple(Function(signature, "uint256") for signature in SPELLINGS)
