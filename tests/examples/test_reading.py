"""The examples read the files that people have: a byte order mark, Windows line ends, no newline at the end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import Home
from tests.examples.test_pay_invoices import EXAMPLES, run
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

FORMS = {
    "as Windows writes it": lambda lines: "\ufeff" + "\r\n".join(lines),
    "plain": lambda lines: "".join(f"{line}\n" for line in lines),
    "with empty lines": lambda lines: "\n\n" + "\n\n".join(f" {line} " for line in lines),
}


@pytest.mark.parametrize("language", ["sh", "py"])
def test_each_line_is_paid_once_in_every_form_of_the_file(home: Home, tmp_path: Path, language: str) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="100", ETH="1")
    recipients = [new_address(), new_address()]
    lines = [f"{language}-form-{n},1,USDC,dev1:{to}" for n, to in enumerate(recipients)]
    for form, write in FORMS.items():
        file = tmp_path / f"{form}.csv"
        file.write_bytes(write(lines).encode())
        assert run(command_of(language, file, home, name), home, name, None) == 0, form
        assert [home.holds(to, "dev1") for to in recipients] == [10**6, 10**6], form


@pytest.mark.parametrize("language", ["sh", "py"])
def test_an_empty_file_pays_nothing(home: Home, tmp_path: Path, language: str) -> None:
    file = tmp_path / "empty.csv"
    file.write_bytes(b"\xef\xbb\xbf\r\n")
    assert run(command_of(language, file, home, "none"), home, "none", None) == 0


def command_of(language: str, file: Path, home: Home, account: str) -> list[str]:
    if language == "sh":
        return ["bash", str(EXAMPLES / "pay_invoices.sh"), str(file)]
    keystore = home.paths.keystores / f"{account}.json"
    if not keystore.exists():
        keystore = next(home.paths.keystores.glob("*.json"))
    return [
        sys.executable, str(EXAMPLES / "pay_invoices.py"), str(file),
        str(keystore), home.environment["ETH_PASSWORD"],
    ]  # fmt: skip
