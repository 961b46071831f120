"""Secrets of URLs in foreign text, and secrets typed in the wrong place."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core.redaction import may_be_secret, remember_typed, remember_url, without_typed_secrets
from l2send.core.text import clean, redact

KEY = "k3yS3cr3t0123456789abcdef"
HEX = "9f" * 32
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
CHINESE = "\u7684\u4e00\u662f\u5728\u4e0d\u4e86\u6709\u548c\u4eba\u8fd9\u4e2d\u5927"


@pytest.mark.parametrize(
    "url",
    [
        f"https://prov.example/v3/{KEY}",
        f"https://prov.example/?apikey={KEY}",
        f"https://user:{KEY}@prov.example/rpc",
        f"https://{KEY}@prov.example",
        f"https://prov.example/rpc#{KEY}",
    ],
)
@pytest.mark.parametrize(
    "said",
    [
        f"limit exceeded for project {KEY}; upgrade at https://prov.example/{KEY}",
        f"unknown key {KEY.upper()}",
        f"unknown key {KEY[:11]}...",
        f"unknown key ...{KEY[-9:]}",
        "bad path /v3/" + "".join(f"%{ord(c):02x}" for c in KEY),
        "bad path /v3/" + "".join(f"%25{ord(c):02X}" for c in KEY),
        "unknown key " + "".join(f"\\u{ord(c):04x}" for c in KEY),
        "unknown key " + "".join(f"\\\\u{ord(c):04X}" for c in KEY),
        "unknown key " + "".join(f"\\x{ord(c):02x}" for c in KEY),
        "unknown key " + "".join(f"&#{ord(c)};" for c in KEY),
        "unknown key " + "".join(f"&#x{ord(c):X};" for c in KEY),
    ],
)
def test_a_url_s_key_is_in_no_form_repeated(url: str, said: str) -> None:
    shown = redact(said, url).lower()
    assert not [KEY[i : i + 8] for i in range(len(KEY) - 7) if KEY[i : i + 8].lower() in shown]
    assert not [form for form in ("%6b", "u006b", "x6b", "&#107;") if form in shown]
    assert "[hidden]" in shown or "…" in shown
    assert shown.split(maxsplit=1)[0] == said.split(maxsplit=1)[0].lower()


def test_a_remembered_url_s_key_is_taken_out_of_everything_that_is_cleaned() -> None:
    secret = "zz81REMEMBERED77"
    assert secret in clean(f"project {secret}")
    remember_url(f"https://prov.example/v2/{secret}")
    assert clean(f"project {secret} is over its limit") == "project [hidden] is over its limit"


def test_of_a_url_in_foreign_text_the_host_stays() -> None:
    ours = "https://b.example"
    assert redact("see https://a.example/x/y?k=1.", ours) == "see https://a.example/…"
    assert redact("see https://u:p@a.example", ours) == "see https://a.example/…"
    assert redact("http://127.0.0.1:8545 is down", ours) == "http://127.0.0.1:8545 is down"


def test_the_names_of_chains_are_no_secrets() -> None:
    assert redact("polygon mainnet is behind", "https://rpc.example/polygon-mainnet/v2") == "polygon mainnet is behind"


def test_the_key_of_a_url_that_was_typed_is_not_repeated() -> None:
    remember_typed(["5", "USDC", "https://prov.example/v2/pP77typedKEY99"])
    shown = without_typed_secrets("unexpected extra argument (https://prov.example/v2/pP77typedKEY99)")
    assert shown == "unexpected extra argument (https://prov.example/v2/[not shown: may be a secret])"


@pytest.mark.parametrize(
    "typed",
    [
        HEX,
        f"0x{HEX}",
        f"base:0x{HEX.upper()}",
        HEX[:-1],
        PHRASE,
        PHRASE.replace(" ", "\n"),
        PHRASE.replace(" ", ", "),
        " ".join(CHINESE),
        CHINESE,
        str([7 * number % 256 for number in range(64)]),
        "xprv9s21ZrQH143K3GJpoapnV8SFfukcVBSfeCficPSGfubmSFDxo1kuHnLisriDvSnRRuL2Qrg5ggqHKNVpxR86QEC8w35uxmGoggxtQTPvfUu",
        "L5EZftvrYaSudiozVRzTqLcHLNDoVn7H5HSfM9BAN6tMJX8oTWz6",
        '{"crypto": {"ciphertext": "aabbccdd", "kdf": "scrypt"}, "version": 3}',
    ],
)
def test_what_may_be_a_secret_is_not_repeated(typed: str) -> None:
    assert may_be_secret(typed)
    remember_typed([typed])
    for message in (
        f"not a destination: {typed!r}.",
        f"not a destination: {typed[:80]!r}.",
        f"no account {typed[:57]}",
    ):
        shown = without_typed_secrets(message)
        assert not [word for word in typed[:57].split() if len(word) > 5 and word in shown], shown
        assert shown.startswith(message[:8])


def test_the_words_of_a_phrase_typed_one_by_one_are_not_repeated() -> None:
    words = "zebra wisdom violin unveil tunnel toward ticket syrup surge summer spray spoil"
    remember_typed(["5", "USDC", *words.split()])
    assert "violin" not in without_typed_secrets(f"Got unexpected extra arguments ({words[6:]})")


@pytest.mark.parametrize(
    "typed",
    [
        "base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
        "0x00010000022105" + "14" + "d8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
        "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045@base#ABCDEF12",
        "ethereum:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045@8453/transfer?address=0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
        "alice.example.eth",
        "25",
        "USDC",
        "",
    ],
)
def test_destinations_are_no_secrets(typed: str) -> None:
    assert not may_be_secret(typed)


def test_the_words_of_a_path_are_no_phrase(tmp_path: Path) -> None:
    """Twelve short words, as those of a recovery phrase, and in a folder that is there."""
    words = ["where", "all", "that", "was", "paid", "last", "month", "is", "kept", "until", "next", "year"]
    remember_typed(["-o", str(tmp_path / "-".join(words)), f"--password-file={tmp_path}/{'_'.join(words)}"])
    assert without_typed_secrets("all that was paid last month is kept") == "all that was paid last month is kept"
    remember_typed(["/".join(words)])
    assert "last month" not in without_typed_secrets("all that was paid last month is kept")
