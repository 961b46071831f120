"""Which of many accounts have code, asked in one request: a program that is run as if it created a contract.

Multicall3 reads what contracts answer, and no contract says how much code another account has. So the node runs this
program without storing anything, which every node does for `eth_call` without a `to`:

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
"""Where in the program the loop and its body are, and where the addresses start behind it."""
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
"""Accounts in one request: what is returned counts as code, of 24,576 bytes at most (EIP-170)."""


def code_sizes_program(accounts: Sequence[Address]) -> bytes:
    """What is run to learn the code size of each of `accounts`, `MOST` at most."""
    return _PROGRAM + b"".join(bytes.fromhex(account[2:]) for account in accounts)


def read_code_sizes(returned: bytes, count: int) -> list[int]:
    """The sizes in the answer, in order. Raises BadAnswer."""
    if len(returned) != count * _WORD:
        raise BadAnswer(f"a node answered {len(returned)} bytes where {count} code sizes were asked for.")
    return [int.from_bytes(returned[at : at + _WORD]) for at in range(0, len(returned), _WORD)]
