"""The current ERC-7683 draft: an order decoded from a resolver's answer, shown, checked, and refused when changed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from l2send.bridges.erc7683_draft import order as draft
from l2send.bridges.erc7683_draft import types as kinds
from l2send.bridges.erc7683_draft.words import describe
from l2send.core import erc7930
from l2send.core.address import Address
from l2send.core.calldata import Function, abi_encode
from l2send.core.errors import L2sendError, Refused
from l2send.core.plan import ChainAddress
from l2send.core.units import Amount
from tests.bridges.mutations import Capsys, tell
from tests.bridges.registry import ORIGIN, RECIPIENT, REGISTRY, SENDER, TARGET, address

pytestmark = pytest.mark.lab

FILL = Function("fill(bytes32,bytes,bytes)").selector
TARGET_TOKEN, ORIGIN_TOKEN = TARGET.tokens[0], ORIGIN.tokens[0]
NONE = 2**256 - 1


def here(account: Address | None, chain: Any = TARGET) -> bytes:
    assert account
    return erc7930.encode(ChainAddress(chain.chain_id, account))


def call(signature: str, *values: Any) -> bytes:
    return Function(signature).encode(*values)


def constant(number: int) -> bytes:
    return call("Constant(uint256)", number)


def variable(index: int) -> bytes:
    return call("Variable(uint256)", index)


def framed(kind: str, value: Any) -> bytes:
    return abi_encode(["string", kind], ["", value])


def index(number: int) -> bytes:
    return number.to_bytes(32, "big")


def spends(amount: bytes = constant(25_000_000), recipient: Address = RECIPIENT, chain: Any = TARGET) -> bytes:
    token, spender = here(TARGET_TOKEN.address), here(address(210))
    return call("SpendsERC20(bytes,bytes,bytes,bytes)", token, amount, spender, here(recipient, chain))


def step(attributes: list[bytes], arguments: list[bytes] | None = None) -> bytes:
    given = [framed("bytes32", b"\x07" * 32), framed("bytes", b"origin data"), index(0)]
    return call(
        "Call(bytes,bytes4,bytes[],bytes[])",
        here(address(210)),
        FILL,
        given if arguments is None else arguments,
        attributes,
    )


def payment(amount: bytes = constant(25_100_000), to: int = 0, on: int = 0) -> bytes:
    token, sender = here(ORIGIN_TOKEN.address, ORIGIN), here(address(110), ORIGIN)
    return call("ERC20(bytes,bytes,bytes,uint256,uint256,uint256)", token, sender, amount, to, on, 600)


RECIPIENT_ROLE = call("PaymentRecipient()")


def answer(
    steps: list[bytes] | None = None,
    variables: list[bytes] | None = None,
    payments: list[bytes] | None = None,
    assumptions: list[tuple[str, bytes]] | None = None,
) -> bytes:
    order = (
        [step([spends()])] if steps is None else steps,
        [RECIPIENT_ROLE] if variables is None else variables,
        [payment()] if payments is None else payments,
        assumptions or [],
    )
    return abi_encode(draft.RESOLVE.outputs, [order])


def full() -> bytes:
    """One of everything."""
    attributes = [
        spends(variable(5)),
        call("SpendsGas(bytes)", constant(300_000)),
        call("TimingBounds(string,bytes,bytes)", "block.timestamp", b"", constant(1_800_000_000)),
        call("NeedsStep(uint256)", 0),
        call("NeedsVariable(uint256)", 4),
        call("RevertPolicy(string,bytes)", "abort", bytes.fromhex("deadbeef")),
    ]
    variables = [
        RECIPIENT_ROLE,
        call("PaymentChain()"),
        call("StepCaller(uint256)", 1),
        call("ExecutionOutput(string,uint256)", "block.timestamp", 0),
        call("Witness(string,bytes,uint256[])", "hyperlane\x1b[31m", b"proof", [3]),
        call("Query(bytes,bytes4,bytes[],uint256)", here(address(220)), FILL, [index(3), framed("uint256", 9)], NONE),
        call(
            "QueryEvents(bytes,bytes1,bytes32,bytes32,bytes32,bytes32,uint256)",
            *(here(address(221)), b"\x05", b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, b"\x04" * 32, 77),
        ),
    ]
    return answer([step([spends()]), step(attributes)], variables, None, [("token is honest", b"\x01")])


def test_the_selector_is_the_drafts() -> None:
    assert draft.RESOLVE.selector.hex() == "e4056186"


def test_everything_an_order_can_hold_is_decoded() -> None:
    order = draft.decode_resolved(full())
    first, second = order.steps
    assert first.target == ChainAddress(TARGET.chain_id, address(210))
    assert first.selector == FILL
    assert first.arguments[0] == kinds.Value(b"\x07" * 32, is_dynamic=False)
    assert first.arguments[1] == kinds.Value(abi_encode(["bytes"], [b"origin data"])[32:], is_dynamic=True)
    assert first.arguments[2] == kinds.Variable(0)
    assert [type(a).__name__ for a in second.attributes] == [
        "SpendsErc20", "SpendsGas", "TimingBounds", "NeedsStep", "NeedsVariable", "RevertPolicy",
    ]  # fmt: skip
    assert [type(r).__name__ for r in order.variables] == [
        "PaymentRecipient", "PaymentChain", "StepCaller", "ExecutionOutput", "Witness", "Query", "QueryEvents",
    ]  # fmt: skip
    assert order.variables[5] == kinds.Query(
        ChainAddress(TARGET.chain_id, address(220)),
        FILL,
        (kinds.Variable(3), kinds.Value(index(9), is_dynamic=False)),
        None,
    )
    events = order.variables[6]
    assert isinstance(events, kinds.QueryEvents)
    assert events.topics == (b"\x01" * 32, None, b"\x03" * 32, None)
    assert order.payments[0].amount == 25_100_000
    assert order.assumptions == (kinds.Assumption("token is honest", b"\x01"),)


def test_an_order_is_shown_in_words_and_foreign_text_is_cleaned() -> None:
    lines = describe(draft.decode_resolved(full()), REGISTRY)
    text = "\n".join(lines)
    assert f"may take up to 25 USDC on Right from the solver for right:{RECIPIENT}" in text
    assert "only while block.timestamp is at most 2027-01-15 08:00:00 UTC" in text
    assert "if it reverts with 0xdeadbeef, the order is given up and no one is paid" in text
    assert "variable 3: block.timestamp of step 0" in text
    assert f"payment 0: left:{address(110)} pays 25.1 USDC on Left to variable 0, about 600 s after step 0" in text
    assert "assumed, not checked: token is honest 0x01" in text
    assert "\x1b" not in text
    assert len(lines) == 2 + 1 + 6 + 7 + 1 + 1


def test_what_is_announced_for_a_payment() -> None:
    to, wanted = ChainAddress(TARGET.chain_id, RECIPIENT), Amount(25_000_000, TARGET_TOKEN)
    order = draft.decode_resolved(answer())
    assert draft.announces(order, to, wanted)
    assert not draft.announces(order, to, Amount(25_000_001, TARGET_TOKEN))
    assert not draft.announces(order, to, Amount(25_000_000, TARGET.tokens[1]))
    assert not draft.announces(order, ChainAddress(TARGET.chain_id, SENDER), wanted)
    open_ended = draft.decode_resolved(answer([step([spends(variable(0))])]))
    assert not draft.announces(open_ended, to, wanted)


def test_the_number_0x60_is_not_taken_for_a_dynamic_value() -> None:
    assert draft.argument(framed("uint256", 0x60)) == kinds.Value(index(0x60), is_dynamic=False)
    assert draft.argument(framed("bytes", b"")) == kinds.Value(bytes(32), is_dynamic=True)
    assert draft.argument(framed("(uint256,uint256)", (1, 2))) == kinds.Value(index(1) + index(2), is_dynamic=False)


NEEDS_1 = call("NeedsStep(uint256)", 1)
SOLANA = bytes.fromhex(
    "000100022045296998a6f8e2a784db5d9f95e18fc23f70441a1039446801089879b08c7ef0"
    "2005333498d5aea4ae009585c43f7b8c30df8e70187d4a713d134f977fc8dfe0b5"
)
ELSE = call("PaymentChain()")
ITSELF = call("Witness(string,bytes,uint256[])", "", b"", [1])
NO_CHAIN = bytes.fromhex("000100000014") + b"\x11" * 20
REFUSED: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("bytes behind it", answer() + bytes(32)),
    ("an unknown step", answer([b"\x01\x02\x03\x04"])),
    ("an empty step", answer([b""])),
    ("an unknown attribute", answer([step([b"\x01\x02\x03\x04"])])),
    ("an unknown variable", answer(variables=[b"\x01\x02\x03\x04"])),
    ("an unknown payment", answer(payments=[b"\x01\x02\x03\x04"])),
    ("an unknown formula", answer([step([spends(b"\x01\x02\x03\x04")])])),
    ("bytes behind a step", answer([step([spends()]) + b"\x00"])),
    ("an argument that is not framed", answer([step([spends()], [b"\x01" * 33])])),
    ("an argument with a wrong frame", answer([step([spends()], [index(0x60) + index(1) + bytes(32)])])),
    ("a variable that is not there", answer([step([spends()], [index(1)])])),
    ("an amount that is not there", answer([step([spends(variable(1))])])),
    ("a step that is not there", answer([step([NEEDS_1])])),
    ("a payment on a step that is not there", answer(payments=[payment(on=1)])),
    ("a payment to a variable that is not there", answer(payments=[payment(to=1)])),
    ("a payment to something else", answer(variables=[RECIPIENT_ROLE, ELSE], payments=[payment(to=1)])),
    ("steps that wait for each other", answer([step([NEEDS_1]), step([call("NeedsStep(uint256)", 0)])])),
    (
        "a step that waits for its own output",
        answer([step([], [index(1)])], [RECIPIENT_ROLE, call("ExecutionOutput(string,uint256)", "block.number", 0)]),
    ),
    ("a variable that waits for itself", answer(variables=[RECIPIENT_ROLE, ITSELF])),
    ("a spend on another chain", answer([step([spends(chain=ORIGIN)])])),
    ("an output that is unknown", answer(variables=[call("ExecutionOutput(string,uint256)", "block.coinbase", 0)])),
    ("a policy that is unknown", answer([step([call("RevertPolicy(string,bytes)", "retry", b"")])])),
    ("a clock that is unknown", answer([step([call("TimingBounds(string,bytes,bytes)", "moon", b"", b"")])])),
    ("too many steps", answer([step([])] * 257)),
    (
        "a chain that is not EVM",
        answer([call("Call(bytes,bytes4,bytes[],bytes[])", SOLANA, FILL, [], [])]),
    ),
    (
        "an address without a chain",
        answer([call("Call(bytes,bytes4,bytes[],bytes[])", NO_CHAIN, FILL, [], [])]),
    ),
]


@pytest.mark.parametrize(("what", "bad"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_does_not_hold_together_is_refused(what: str, bad: bytes) -> None:
    with pytest.raises(Refused):
        draft.decode_resolved(bad)


def test_no_changed_byte_goes_unnoticed_or_crashes(capsys: Capsys) -> None:
    """Each changed byte is refused, or the order decodes to something else, which is then shown."""
    good = full()
    order = draft.decode_resolved(good)
    seeded = random.Random(7683)
    refused = different = 0
    for position in range(len(good)):
        data = bytearray(good)
        data[position] ^= seeded.randint(1, 255)
        try:
            changed = draft.decode_resolved(bytes(data))
        except L2sendError:
            refused += 1
            continue
        describe(changed, REGISTRY)
        different += changed != order
    # Topics that the mask leaves out are not part of the order: two words of the full one.
    seen = f": {refused} refused, {different} shown as another order"
    tell(capsys, "resolver answers of the ERC-7683 draft, byte by byte", refused + different, len(good) - 64, seen)
    assert refused + different == len(good) - 64
