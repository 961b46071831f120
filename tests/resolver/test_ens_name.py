"""Names as text: the official vectors of ENSIP-15, nodes of EIP-137, coin types of ENSIP-11, wire form of ENSIP-10."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from l2send.core.errors import UnknownName
from l2send.core.units import ChainId
from l2send.resolver.ens_name import coin_type, is_name, namehash, normalised, suffixes, wire

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
VECTORS = "tests/ens/normalization/normalization_tests.json"
"""ens-normalize.js's validate/tests.json, as web3's source distribution carries it."""


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The official vectors, out of the source distribution of the very web3 that is locked, checked by its hash."""
    folder = tmp_path_factory.mktemp("web3")
    locked = re.search(r"^(web3==(\S+)) \\\n((?:    --hash=\S+(?: \\)?\n)+)", LOCK.read_text(), re.MULTILINE)
    assert locked
    (folder / "pinned.txt").write_text(locked[1] + " " + " ".join(locked[3].replace("\\", " ").split()) + "\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--require-hashes", "--requirement", "pinned.txt"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(folder / f"web3-{locked[2]}.tar.gz") as tar:
        file = tar.extractfile(f"web3-{locked[2]}/{VECTORS}")
        assert file
        read: list[dict[str, Any]] = json.load(file)
    return read[1:]


def expected(vector: dict[str, Any]) -> str | None:
    return None if vector.get("error") else vector.get("norm", vector["name"])


@pytest.mark.lab
@pytest.mark.registry
def test_every_official_vector(vectors: list[dict[str, Any]]) -> None:
    assert len(vectors) == 38_613
    wrong = [v for v in vectors if _normal(v["name"]) != expected(v)]
    assert wrong == []


@pytest.mark.lab  # pip fetches and unpacks web3 for it; the quick test is below
@pytest.mark.registry
def test_every_normal_name_of_the_vectors_stays_as_it_is(vectors: list[dict[str, Any]]) -> None:
    normal = {norm for v in vectors if (norm := expected(v))}
    assert [n for n in normal if _normal(n) != n] == []


def _normal(name: str) -> str | None:
    try:
        return normalised(name)
    except UnknownName:
        return None


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ALICE.ETH", "alice.eth"),
        ("Nick.eth", "nick.eth"),
        ("\U0001f6b4\u200d\u2642\ufe0f.eth", "\U0001f6b4\u200d\u2642.eth"),
        ("a\u200cb.eth", None),
        ("VITALÍK.eth", "vitalík.eth"),
    ],
)
def test_names_as_people_type_them(typed: str, name: str | None) -> None:
    assert _normal(typed) == name
    assert name is None or _normal(name) == name


def test_a_name_made_to_look_like_another_is_refused() -> None:
    with pytest.raises(UnknownName) as caught:
        normalised("аlice.eth")  # noqa: RUF001 - the first letter is Cyrillic
    assert caught.value.exit_status == 2


def test_a_name_of_any_length_is_answered_quickly() -> None:
    with pytest.raises(UnknownName, match="longer"):
        normalised("a" * 100_000 + ".eth")


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("eth", "93cdeb708b7545dc668eb9280176169d1c33cfd8ed6f04690a0bcc88a93fc4ae"),
        ("foo.eth", "de9b09fd7c5f901e23a3f19fecc54828e9c848539801e86591bd9801b019f84f"),
    ],
)
def test_nodes_of_eip137(name: str, node: str) -> None:
    assert namehash(name).hex() == node


@pytest.mark.parametrize(
    ("chain_id", "coin"),
    [(1, 60), (61, 2147483709), (10, 0x8000000A), (8453, 0x80002105), (42161, 0x8000A4B1), (2**31 - 1, 2**32 - 1)],
)
def test_coin_types_of_ensip11(chain_id: int, coin: int) -> None:
    assert coin_type(ChainId(chain_id)) == coin


def test_a_chain_id_that_has_no_coin_type() -> None:
    with pytest.raises(UnknownName):
        coin_type(ChainId(2**31))


def test_wire_form() -> None:
    assert wire("foo.eth") == b"\3foo\3eth\0"
    with pytest.raises(UnknownName):
        wire("a" * 256 + ".eth")


def test_suffixes() -> None:
    assert suffixes("a.b.eth") == ["a.b.eth", "b.eth", "eth"]


@pytest.mark.parametrize("text", ["alice.eth", "a.b", "名前.eth", "x.base.eth", "nick.xyz", "1.eth"])
def test_what_is_a_name(text: str) -> None:
    assert is_name(text)


NO_NAMES = ["alice", "1.5", "alice.", "", ".", "a b.eth", "base:a.eth", "a.eth@base", "a.eth/x", "10.0.0.1"]


@pytest.mark.parametrize("text", NO_NAMES)
def test_what_is_no_name(text: str) -> None:
    assert not is_name(text)
