"""What `l2send sign` refuses without a network: files from a malicious machine, and garbage."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from l2send.bridges.eco.order import open_tx
from l2send.core.address import Address, checksum
from l2send.core.calldata import APPROVE, TRANSFER
from l2send.core.chains import Chain
from l2send.core.errors import L2sendError, Refused, UsageError
from l2send.core.plan import ChainAddress, GasPrice, Payment, Step, StepKind, UnsignedTx
from l2send.core.settlers import EcoSettlers
from l2send.core.units import Amount, Gas, Nonce, Seconds, UnixTime, Wei
from l2send.review import OfflineLimits, review_of
from l2send.wallet.offline import Bundle, Part, document, read
from tests.bridges.registry import ORIGIN, RECIPIENT, REGISTRY, SENDER, TARGET

GWEI = 10**9
USDC = ORIGIN.tokens[0]


def eco_of(chain: Chain) -> EcoSettlers:
    settlers = chain.settlers["eco"]
    assert isinstance(settlers, EcoSettlers)
    return settlers


HERE, THERE = eco_of(ORIGIN), eco_of(TARGET)
PRICE = GasPrice(Wei(GWEI), Wei(10**6), Wei(4 * GWEI))
SEED, ROUNDS = 20261129, 600


def direct(to: Address = RECIPIENT, *, price: GasPrice = PRICE, until: int | None = None) -> Bundle:
    assert USDC.address
    tx = UnsignedTx(ORIGIN.chain_id, USDC.address, Wei(0), TRANSFER.encode(to, 10**6))
    payment = Payment(SENDER, ChainAddress(ORIGIN.chain_id, to), Amount(10**6, USDC))
    step = Step(StepKind.TRANSFER, tx, Gas(60_000), price, Nonce(3))
    ends = None if until is None else UnixTime(until)
    return Bundle("p-abcdefgh", payment, (Part("p-abcdefgh", Seconds(12), ends, (step,)),))


def bridged(pays: int, delivers: int, deadline: int) -> Bundle:
    assert USDC.address
    payment = Payment(SENDER, ChainAddress(TARGET.chain_id, RECIPIENT), Amount(delivers, TARGET.tokens[0]))
    tx = open_tx(HERE, THERE, payment, Amount(pays, USDC), UnixTime(deadline))
    approve = UnsignedTx(ORIGIN.chain_id, USDC.address, Wei(0), APPROVE.encode(tx.to, pays))
    steps = (
        Step(StepKind.APPROVE, approve, Gas(80_000), PRICE, Nonce(3)),
        Step(StepKind.OPEN, tx, Gas(500_000), PRICE, Nonce(4)),
    )
    return Bundle("p-abcdefgh", payment, (Part("p-abcdefgh", Seconds(30), None, steps),))


def soon() -> int:
    return int(time.time()) + 3600


def test_a_payment_as_prepare_makes_it_passes() -> None:
    assert review_of(direct(until=soon()), REGISTRY).effects
    assert len(review_of(bridged(1_001_000, 1_000_000, soon()), REGISTRY).effects) == 2


@pytest.mark.parametrize(
    ("bundle", "words"),
    [
        (direct(checksum("0x" + "0" * 40)), "zero address"),
        (direct(checksum("0x" + "0" * 39 + "1")), "precompiled"),
        (direct(checksum("0x" + "e" * 40)), "marker"),
        (direct(checksum("0x" + "0" * 36 + "dead")), "burn address"),
        (direct(USDC.address or SENDER), "contract of USDC"),
        (direct(TARGET.tokens[0].address or SENDER), "contract on Right"),
        (direct(price=GasPrice(Wei(GWEI), Wei(10**15), Wei(10**15))), r"60 ETH, more than 0\.05 ETH"),
        (bridged(1_000_000_000, 1_000_000, soon()), "% of the amount"),
        (bridged(1_001_000, 1_000_000, 2**32 - 1), "7 days"),
        (bridged(1_001_000, 1_000_000, soon() + 8 * 86_400), "7 days"),
        (bridged(1_001_000, 1_000_000, int(time.time()) - 60), "too late"),
        (direct(until=1), "too late"),
    ],
)
def test_what_must_not_be_signed_is_refused_without_a_network(bundle: Bundle, words: str) -> None:
    with pytest.raises(Refused, match=words):
        review_of(bundle, REGISTRY)


def test_the_sender_may_allow_more() -> None:
    dear = direct(price=GasPrice(Wei(GWEI), Wei(2000 * GWEI), Wei(4000 * GWEI)))
    with pytest.raises(Refused) as refused:
        review_of(dear, REGISTRY)
    assert "--max-fee 0.24ETH" in refused.value.hint
    assert review_of(dear, REGISTRY, limits=OfflineLimits(coins=0.24)).effects
    half = bridged(1_500_000, 1_000_000, soon())
    with pytest.raises(Refused):
        review_of(half, REGISTRY)
    assert review_of(half, REGISTRY, limits=OfflineLimits(percent=50)).effects


def test_an_imitation_of_a_known_account_has_to_be_typed() -> None:
    known = checksum(RECIPIENT[:6] + "5e3a91c7" * 4 + RECIPIENT[-4:])
    assert "looks like" in review_of(direct(), REGISTRY, [known]).findings.type_out
    assert not review_of(direct(), REGISTRY, [known, RECIPIENT]).findings.type_out
    assert any("without a network" in said for said in review_of(direct(), REGISTRY).findings.said)


ODD: list[Any] = [
    None,
    True,
    False,
    -1,
    0,
    1.5,
    2**64,
    2**256,
    10**400,
    "",
    "x",
    "0x",
    "٣",
    [],
    {},
    [[]],
    {"a": 1},
    "9" * 5000,
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, inner in inside for p in places(inner, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


def test_rubbish_is_refused_in_words_wherever_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each field gets each odd value, then seeded pairs do. Every one is refused with a sentence."""
    chosen = random.Random(SEED)
    path, passed, tried = tmp_path / "file.json", 0, 0
    for bundle in (direct(until=soon()), bridged(1_001_000, 1_000_000, soon())):
        good = json.loads(json.dumps(document(bundle)))
        single = [put(good, place, odd) for place in places(good) for odd in ODD]
        double = list[Any]()
        for _ in range(ROUNDS // 2):
            first = chosen.choice([p for p in places(good) if p])
            changed = put(good, first, chosen.choice(ODD))
            second = chosen.choice([p for p in places(changed) if p])
            double.append(put(changed, second, chosen.choice(ODD)))
        for content in [*single, *double]:
            tried += 1
            path.write_text(json.dumps(content))
            try:
                found = read(path)
                review = review_of(found, REGISTRY)
            except L2sendError:
                continue
            passed += 1
            assert (found.payment, review.by_leg) == (bundle.payment, review_of(bundle, REGISTRY).by_leg), content
    with capsys.disabled():
        print(f"\n[fuzz] files to sign, seed {SEED}: {tried} tried, 0 tracebacks, {passed} harmless changes passed")


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a":' * 10**5, "null", "true", '"x"', "1", "1e999", "NaN", "\ufeff{}"])
def test_what_is_no_bundle_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="not a payment"):
        read(path)


def test_a_missing_field_is_refused_in_words(tmp_path: Path) -> None:
    good = json.loads(json.dumps(document(bridged(1_001_000, 1_000_000, soon()))))
    path = tmp_path / "file.json"
    for place in (p for p in places(good) if p and isinstance(p[-1], str)):
        holder = good
        for key in place[:-1]:
            holder = holder[key]
        without = {key: value for key, value in holder.items() if key != place[-1]}
        path.write_text(json.dumps(put(good, place[:-1], without)))
        with pytest.raises(UsageError, match="not a payment"):
            read(path)


def test_a_step_too_many_is_not_signed() -> None:
    bundle = direct()
    (part,) = bundle.parts
    with pytest.raises(Refused):
        review_of(replace(bundle, parts=(replace(part, steps=part.steps * 2),)), REGISTRY)
