"""Every published vector of every form, and from each form to the same account and back."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2send.core import erc7930
from l2send.core.address import Address, checksum
from l2send.core.chains import Chain, Registry, load_registry
from l2send.core.errors import BadAddress, BadAmount, BadRecipient, ChecksumMismatch, L2sendError, UnknownChain
from l2send.core.never_paid import why_unpayable
from l2send.core.paths import Paths
from l2send.core.plan import ChainAddress
from l2send.core.units import Amount
from l2send.resolver import payment_uri
from l2send.resolver.destination import Destination, parse_destination, understand
from l2send.resolver.destination_forms import forms
from l2send.resolver.spelling import Voucher

REGISTRY: Registry = load_registry(Paths.under(Path("/nowhere")))
BASE = REGISTRY.named("base")
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
VITALIK = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
FE89 = "0xFe89cc7aBB2C4183683ab71653C4cdc9B02D44b7"
SOLANA = (
    "0x000100022045296998a6f8e2a784db5d9f95e18fc23f70441a1039446801089879b08c7ef0"
    "2005333498d5aea4ae009585c43f7b8c30df8e70187d4a713d134f977fc8dfe0b5"
)
LOW = "d8da6bf26964af9d7eed9e03e53415d37aa96045"


def read(text: str) -> Destination:
    return parse_destination(text, REGISTRY)


def refusal(text: str) -> L2sendError:
    with pytest.raises(L2sendError) as caught:
        read(text)
    return caught.value


ERC7828_VECTORS = [
    (f"{FE89}@eip155:1#80B12379", f"eth:{FE89}"),
    (f"{FE89}@ethereum#80B12379", f"eth:{FE89}"),
    (f"{VITALIK}@eip155:1#4CA88C9C", f"eth:{VITALIK}"),
    (f"{VITALIK}@eip155:10#4E3F7958", f"oeth:{VITALIK}"),
    (f"{VITALIK}@eip155:8453#17DE0709", f"base:{VITALIK}"),
    (f"{VITALIK}@eip155:42161#D2E02854", f"arb1:{VITALIK}"),
    (f"{VITALIK}@base#17DE0709", f"base:{VITALIK}"),
]


@pytest.mark.parametrize(("text", "expected"), ERC7828_VECTORS)
def test_erc7828(text: str, expected: str) -> None:
    found = read(text)
    assert (str(found), found.form, found.vouched_by) == (expected, "ERC-7828", Voucher.ERC7828)
    assert found.checksummed
    assert forms(found)["ERC-7828"].endswith(text[-9:])


@pytest.mark.parametrize("text", [text for text, _ in ERC7828_VECTORS])
def test_erc7828_vouches_for_an_address_in_one_case(text: str) -> None:
    address, mark, rest = text.partition("@")
    assert read(address.lower() + mark + rest).vouched_by is Voucher.ERC7828


@pytest.mark.parametrize(
    "text",
    [f"{VITALIK}@oeth#17DE0709", f"{VITALIK}@base#17DE0708", f"{FE89}@base#17DE0709", f"{FE89.lower()}@eth#00000000"],
)
def test_a_wrong_erc7828_checksum_is_refused_like_a_wrong_erc55(text: str) -> None:
    error = refusal(text)
    assert isinstance(error, ChecksumMismatch)
    assert error.exit_status == 2


def test_without_its_checksum_erc7828_is_vouched_for_by_the_address_alone() -> None:
    assert read(f"{VITALIK}@base").vouched_by is Voucher.ERC55
    assert read(f"{VITALIK.lower()}@base").vouched_by is Voucher.NONE


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"{VITALIK}@base#17de0709", "not an ERC-7828 checksum"),
        (f"{VITALIK}@base#", "not an ERC-7828 checksum"),
        (f"{VITALIK}@base#17DE070", "not an ERC-7828 checksum"),
        (f"{VITALIK}@", "chain is missing"),
        (f"{VITALIK}@#17DE0709", "chain is missing"),
        (f"{VITALIK[:-1]}6@base", "ERC-55"),
        (f"base:{VITALIK}@base", "not an EVM address"),
        ("@base", "not an EVM address"),
        (f"{VITALIK}@btc", "Bitcoin"),
        (f"{VITALIK}@solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "Solana"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq@bip122:000000000019d6689c085ae165831e93", "Bitcoin"),
        (f"{VITALIK}@nowhere", "no chain is called"),
        (f"{VITALIK}@eip155:08453", "not a chain id"),
        (f"{VITALIK}@eip155:999999999", "no chain with id"),
    ],
)
def test_erc7828_refusals(text: str, word: str) -> None:
    assert word in refusal(text).message


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        (f"0x00010000010114{LOW}", "eth"),
        (f"0x00010000010a14{LOW}", "oeth"),
        (f"0x0001000002210514{LOW}", "base"),
        (f"0x0001000002a4b114{LOW}", "arb1"),
    ],
)
def test_erc7930(text: str, chain: str) -> None:
    found = read(text)
    assert (str(found), found.form, found.vouched_by) == (f"{chain}:{VITALIK}", "ERC-7930", Voucher.NONE)
    assert forms(found)["ERC-7930"] == text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"0x000100000014{LOW}", "names no chain"),
        (SOLANA, "Solana"),
        ("0x000100000101" + "00", "no account"),
        ("0x000100000101" + "13" + LOW[2:], "19 bytes"),
        ("0x00010000020001" + "14" + LOW, "leading zeros"),
        ("0x0001000004" + "3b9ac9ff" + "14" + LOW, "no chain with id 999999999"),
        ("0x000100ff0101" + "14" + LOW, "chain type 0x00ff"),
        (f"0x00020000010114{LOW}", "54 hexadecimal digits"),
        (f"0x00010000010114{LOW}00", "56 hexadecimal digits"),
        (f"0x00010000010114{LOW[:-2]}", "52 hexadecimal digits"),
    ],
)
def test_erc7930_refusals(text: str, word: str) -> None:
    error = refusal(text)
    assert isinstance(error, BadAddress | UnknownChain)
    assert word in error.message.replace("the address has ", "")


def test_an_address_that_begins_like_an_interoperable_one_is_an_address() -> None:
    assert read("base:0x000100000101000000000000000000005e3a91c7").form == "ERC-3770"
    assert "chain is missing" in refusal("0x000100000101000000000000000000005e3a91c7").message


def test_caip10() -> None:
    found = read("eip155:1:0xab16a96D359eC26a11e2C2b3d8f8B8942d5Bfcdb")
    assert (str(found), found.form) == ("eth:0xab16a96D359eC26a11e2C2b3d8f8B8942d5Bfcdb", "CAIP-10")
    assert found.vouched_by is Voucher.ERC55


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv", "Solana"),
        ("bip122:000000000019d6689c085ae165831e93:128Lkh3S7CkDTBZ8W7BbpsN3YYizJMp8p6", "Bitcoin"),
        ("starknet:SN_MAIN:0x02dd1b492765c064eac4039e3841aa5f382773b598097a40073bd8b48170ab57", "Starknet"),
        ("cosmos:cosmoshub-3:cosmos1t2uflqwqe0fsj0shcfkrvpukewcw40yjj6hdc0", "Cosmos"),
        ("polkadot:b0a8d493285c2df73290dfb7e61f870f:5hmuyxw9xdgbpptgypokw4thfyoe3ryenebr381z9iaegmfy", "Polkadot"),
        ("hedera:mainnet:0.0.1234567890", "not the EVM"),
        (f"eip155:x:{VITALIK}", "not a chain id"),
        (f"eip155:0:{VITALIK}", "not a chain id"),
        (f"eip155::{VITALIK}", "not a chain id"),
        (f"eip155:999999999:{VITALIK}", "no chain with id"),
        (f"eip155:1:{VITALIK[:-1]}6", "ERC-55"),
        ("eip155:1:", "not an EVM address"),
    ],
)
def test_caip10_refusals(text: str, word: str) -> None:
    assert word in refusal(text).message


@pytest.mark.parametrize("vector", [
    "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
])  # fmt: skip
def test_erc55(vector: str) -> None:
    assert read(f"base:{vector}").address == vector


@pytest.mark.parametrize(
    ("text", "to", "asked"),
    [
        (f"ethereum:{USDC}@8453/transfer?address={VITALIK}&uint256=25000000", f"base:{VITALIK}", "25 USDC"),
        (f"ethereum:{USDC}@8453/transfer?uint256=2.5e7&address={VITALIK}", f"base:{VITALIK}", "25 USDC"),
        (f"ethereum:pay-{USDC}@8453/transfer?address={VITALIK}&uint256=1&gas=1", f"base:{VITALIK}", "0.000001 USDC"),
        (f"ethereum:{VITALIK}@1?value=2.014e18", f"eth:{VITALIK}", "2.014 ETH"),
        (f"ETHEREUM:{VITALIK}@1?value=1E18&gasPrice=1&gasLimit=2", f"eth:{VITALIK}", "1 ETH"),
        (f"ethereum:{VITALIK}@1?value=%31e18", f"eth:{VITALIK}", "1 ETH"),
    ],
)
def test_eip681_asks_for_an_amount(text: str, to: str, asked: str) -> None:
    found = read(text)
    assert (str(found), found.form) == (to, "EIP-681")
    assert found.asked
    assert str(found.asked.amount) == asked


def test_eip681_may_leave_the_amount_to_the_payer() -> None:
    assert read(f"ethereum:{VITALIK}@8453").asked is None
    found = read(f"ethereum:{USDC}@8453/transfer?address={VITALIK}")
    assert found.asked
    assert (found.asked.token.symbol, found.asked.amount) == ("USDC", None)


def test_eip681_own_example_fails_erc55() -> None:
    """The EIP's text has this very address, whose mixed case is wrong: said, not crashed on."""
    error = refusal("ethereum:0xfb6916095ca1df60bb79Ce92ce3ea74c37c5d359?value=2.014e18")
    assert isinstance(error, ChecksumMismatch)
    assert "ERC-55" in error.message


def test_eip681_second_example_needs_a_chain() -> None:
    token, to = "0x89205a3a3b2a69de6dbf7f01ed13b2108b2c43e7", "0x8e23ee67d1332ad560396262c48ffbb01f93d052"
    text = f"ethereum:{token}/transfer?address={to}&uint256=1"
    said = understand(text, REGISTRY)
    assert (said.chain, said.address) == (None, checksum(to))
    assert said.request
    assert (said.request.token, said.request.units) == (checksum(token), 1)
    refused = refusal(text)
    assert "chain is missing" in refused.message
    assert refused.hint == "If Ethereum is meant, write @1 after the link's first address"
    assert understand(text.replace("/transfer", "@1/transfer"), REGISTRY).chain


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"ethereum:{VITALIK}", f"eth:{VITALIK}"),
        (f"Ethereum:{VITALIK.lower()}", f"eth:{VITALIK}"),
        ("ethereum:pay-" + VITALIK, f"eth:{VITALIK}"),
        ("ethereum:alice.eth", "eth:alice.eth"),
    ],
)
def test_a_link_without_a_chain_is_not_the_chain_ethereum(text: str, line: str) -> None:
    """EIP-681: without a chain id a wallet takes its own current network. `ethereum` elsewhere is a chain's name."""
    refused = refusal(text)
    assert "may mean any chain" in refused.message
    assert refused.hint == f"If Ethereum is meant, write {line}"
    assert understand(line, REGISTRY).chain == understand(f"mainnet:{VITALIK}", REGISTRY).chain


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ethereum:", "names no account"),
        (f"ethereum:{VITALIK}@", "not a chain id"),
        (f"ethereum:{VITALIK}@0x1", "not a chain id"),
        (f"ethereum:{VITALIK}@1/", "without a function"),
        (f"ethereum:{USDC}@8453/approve?address={VITALIK}&uint256=1", "'approve'"),
        (f"ethereum:{USDC}@8453/transfer?uint256=1", "names no recipient"),
        (f"ethereum:{USDC}@8453/transfer?address={VITALIK}&uint256=1&uint256=2", "twice"),
        (f"ethereum:{USDC}@8453/transfer?address={VITALIK}&uint256=1&bytes=0x", "'bytes'"),
        (f"ethereum:{USDC}@8453/transfer?address={VITALIK}&uint256=1&value=1", "would keep"),
        (f"ethereum:{VITALIK}@8453/transfer?address={VITALIK}&uint256=1", "not in the registry"),
        (f"ethereum:{VITALIK}@1?to={VITALIK}", "'to'"),
        (f"ethereum:{USDC}@8453?value=1", "contract of USDC"),
        ("ethereum:pay-alice.eth@1", "which one cannot be told"),
        ("ethereum:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq@1", "Bitcoin"),
    ],
)
def test_eip681_refusals(text: str, word: str) -> None:
    assert word in refusal(text).message


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "0e5",
        "",
        "e5",
        "-1",
        "1.5",
        "2.014e2",
        "1e78",
        "1e999",
        "1_0",
        "0x10",
        "\uff11",
        "1e-1",
        "1 0",
        "9" * 90,
        ".e1",
    ],
)
def test_eip681_amounts_that_are_none(number: str) -> None:
    assert isinstance(refusal(f"ethereum:{VITALIK}@1?value={number}"), BadAmount)


@pytest.mark.parametrize(
    ("number", "units"), [("1", 1), ("+1", 1), ("1.0", 1), (".5e1", 5), ("2.50e1", 25), ("1e77", 10**77)]
)
def test_eip681_amounts(number: str, units: int) -> None:
    found = read(f"ethereum:{VITALIK}@1?value={number}")
    assert found.asked
    assert found.asked.amount == Amount(units, REGISTRY.named("eth").native)


chains = st.sampled_from(list(REGISTRY))
addresses = st.binary(min_size=20, max_size=20).map(checksum)


@given(chains, addresses)
def test_every_form_leads_back_to_the_same_account(chain: Chain, address: Address) -> None:
    if why_unpayable(address, chain, ()):
        return
    found = Destination(chain, address)
    for standard, text in forms(found).items():
        back = read(text)
        assert (back.account, back.form) == (found.account, standard)


@given(chains, addresses, st.integers(1, 2**256 - 1), st.integers(0, 20))
def test_a_payment_link_leads_back_to_the_same_payment(chain: Chain, address: Address, units: int, which: int) -> None:
    if why_unpayable(address, chain, ()):
        return
    amount = Amount(units, chain.assets[which % len(chain.assets)])
    back = read(payment_uri.write(ChainAddress(chain.chain_id, address), amount))
    assert back.address == address
    assert back.asked
    assert back.asked.amount == amount


@given(st.binary(max_size=60))
def test_no_bytes_break_erc7930(data: bytes) -> None:
    """What is not refused is exactly what its parts spell."""
    try:
        parts = erc7930.split(b"\0\1" + data)
    except BadAddress:
        return
    lengths = bytes([len(parts.reference)]), bytes([len(parts.address)])
    assert data == parts.chain_type + lengths[0] + parts.reference + lengths[1] + parts.address


@settings(deadline=None)  # the first name loads its tables
@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    for shaped in (text, f"base:{text}", f"{text}@base", f"eip155:1:{text}", f"ethereum:{text}", f"0x0001{text}"):
        with contextlib.suppress(L2sendError):
            read(shaped)


def test_every_contract_of_a_chain_is_refused_in_every_form() -> None:
    usdc = ChainAddress(BASE.chain_id, checksum(USDC))
    for text in (f"base:{USDC}", f"{USDC}@base", f"eip155:8453:{USDC}", "0x" + erc7930.encode(usdc).hex()):
        assert isinstance(refusal(text), BadRecipient)


def test_a_retired_short_name_says_the_new_one() -> None:
    error = refusal(f"matic:{VITALIK}")
    assert isinstance(error, UnknownChain)
    assert "is called pol now" in error.message
    assert isinstance(refusal(f"{VITALIK}@matic"), UnknownChain)
