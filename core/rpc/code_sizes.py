"""Reads which of many accounts have code in one request, with a program that is run as if it created a contract.

Multicall3 calls contracts, and no contract returns another account's code size. So the node runs this program without
storing anything, as every node does for `eth_call` without a `to`:

    for each address behind the program: memory[place] = EXTCODESIZE(address)
    return memory

Source: `eth_call` without `to` in execution-apis; opcodes of the Yellow Paper, and no PUSH0: some chains lack it.
"""

from __future__ import annotations

from collections.abc import Sequence

from l2send.core.address import Address
from l2send.core.errors import BadAnswer

_WORD = 32
_LOOP, _BODY, _START = 0x04, 0x12, 0x2A
"""Positions in the program of the loop and its body, and of the addresses behind it."""
_PROGRAM = bytes.fromhex(
    f"60{_START:02x} 6020"  # p = _START; m = 32
    f"5b 38 82 10 60{_BODY:02x} 57"  # loop: if p < codesize go to body
    "6020 90 03 6020 f3"  # return memory[32:m]
    "5b 6014 82 600c 39"  # body: the address at p, to the right of word 0
    "6000 51 3b 81 52"  # memory[m] = its code size
    "6020 01 90 6014 01 90"  # m += 32; p += 20
    f"60{_LOOP:02x} 56"  # go to loop
)
MOST = 500
"""Accounts per request: the result counts as code, at most 24,576 bytes (EIP-170)."""


def code_sizes_program(accounts: Sequence[Address]) -> bytes:
    """The program that returns the code size of each of `accounts`, at most `MOST`."""
    return _PROGRAM + b"".join(bytes.fromhex(account[2:]) for account in accounts)


def read_code_sizes(returned: bytes, count: int) -> list[int]:
    """The sizes in the answer, in order. Raises BadAnswer."""
    if len(returned) != count * _WORD:
        raise BadAnswer(f"a node answered {len(returned)} bytes where {count} code sizes were asked for.")
    return [int.from_bytes(returned[at : at + _WORD]) for at in range(0, len(returned), _WORD)]
