"""Which account the faucet gives to, and what, when it is told no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from l2send.core.errors import UsageError
from l2send.devnet.play_money import account_called, give
from l2send.devnet.state import Devnet
from tests.devnet.user import User, fresh_address

A, B = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x8ba1f109551bD432803012645Ac136ddd64DBA72"


def write(folder: Path, name: str, address: str) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"address": address[2:].lower()}))


def test_an_account_is_found_by_its_name_or_as_the_only_one(tmp_path: Path) -> None:
    assert account_called(B, tmp_path) == B
    for missing in ("", "alice"):
        with pytest.raises(UsageError, match="there is no account"):
            account_called(missing, tmp_path)
    write(tmp_path, "alice", A)
    assert account_called("", tmp_path) == account_called("alice", tmp_path) == A.lower()
    write(tmp_path, "carol", B)
    assert account_called("carol", tmp_path) == B.lower()
    with pytest.raises(UsageError, match="which account") as refused:
        account_called("", tmp_path)
    assert refused.value.hint == "Name it: l2send devnet fund alice"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"address": 1}'])
def test_a_keystore_without_an_address_is_no_account(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(UsageError, match="there is no account 'odd'"):
        account_called("odd", tmp_path)


def test_play_money_is_for_gas_everywhere_and_for_a_bridge(home: Path, devnet: Devnet) -> None:
    someone = User(home, devnet, fresh_address())
    said = give(home, someone.address, None)
    assert said == "1 ETH on every chain, 100 USDC on dev1, 60 USDC on dev2"
    held = [(someone.balance(chain, "ETH"), someone.balance(chain, "USDC")) for chain in devnet.chains]
    assert held == [(10**18, 100 * 10**6), (10**18, 60 * 10**6), (10**18, 0), (10**18, 0)]
    assert give(home, someone.address, "dev4") == "1 ETH on dev4, 100 USDC on dev4"
    assert someone.balance(devnet.chain("dev4"), "USDC") == 100 * 10**6
