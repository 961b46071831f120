"""The `settlers` tables of chains.toml: an error names table and field when the file is read."""

from __future__ import annotations

from typing import Any

import pytest

from l2send.core.address import Address
from l2send.core.errors import ConfigError
from l2send.core.settlers import (
    AcrossSettlers,
    EcoSettlers,
    HyperlaneSettlers,
    OifSettlers,
    parse_settlers,
    settlers_of,
    types_of,
)

ONE = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
OTHER = Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")


def test_a_table_becomes_what_its_type_says() -> None:
    found = settlers_of(
        {
            "eco": {"portal": ONE.lower(), "quote_api": "https://quotes.test", "source": "eco", "code": {}},
            "acme": {"type": "hyperlane7683", "router": ONE, "solver_fee_bps": "10"},
            "across": {"spoke_pool": ONE, "solver_fee_bps": 25, "quote_api": ""},
            "oif": {"input_settler": ONE, "oracle": OTHER},
        }
    )
    assert found == {
        "eco": EcoSettlers(portal=ONE, quote_api="https://quotes.test"),
        "acme": HyperlaneSettlers(router=ONE, solver_fee_bps=10),
        "across": AcrossSettlers(spoke_pool=ONE, solver_fee_bps=25),
        "oif": OifSettlers(input_settler=ONE, oracle=OTHER),
    }
    assert found["oif"].contracts == {"input_settler": ONE, "oracle": OTHER}
    assert found["eco"].contracts == {"portal": ONE}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "settlers.hyperlane7683 has no router"),
        ({"router": "0x12"}, "router is '0x12', not the address of a contract"),
        ({"router": 7}, "router is '7', not the address"),
        ({"router": ONE, "quote_apii": "https://quotes.test"}, "'quote_apii', which hyperlane7683 does not know"),
        ({"router": ONE, "portal": ONE}, "'portal', which hyperlane7683 does not know"),
        ({"router": ONE, "quote_api": "quotes.test"}, "quote_api is 'quotes.test', not the URL"),
        ({"router": ONE, "quote_api": "ftp://quotes.test"}, "not the URL"),
        ({"router": ONE, "solver_fee_bps": "0.1"}, "solver_fee_bps is '0.1', not a number from 0 to 10000"),
        ({"router": ONE, "solver_fee_bps": "-1"}, "solver_fee_bps is '-1'"),
        ({"router": ONE, "solver_fee_bps": 10_001}, "solver_fee_bps is '10001'"),
        ({"router": ONE, "solver_fee_bps": True}, "solver_fee_bps is 'True'"),
        ({"router": ONE, "solver_fee_bps": "\uff11"}, "solver_fee_bps"),
        ({"router": "0x\x1b[31m"}, "router is '0x'"),
    ],
)
def test_what_is_wrong_is_named(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_settlers("hyperlane7683", table)
    assert words in error.value.message
    assert error.value.hint


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(ConfigError) as error:
        parse_settlers("oif", {"oracle": ONE, "inputsettler": ONE})
    assert error.value.hint == "Did you mean input_settler?"


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("acme", {"portal": ONE}),
        ("acme", {"type": "uniswapx"}),
        ("direct", {"type": "eco", "portal": ONE}),
        ("eco", {"type": "across", "spoke_pool": ONE}),
    ],
)
def test_a_settler_of_no_known_type_is_an_error_that_names_the_types(name: str, table: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as error:
        parse_settlers(name, table)
    assert name in error.value.message
    assert "eco, across, hyperlane7683, oif" in error.value.hint


def test_one_name_is_of_one_type_on_every_chain() -> None:
    left, right = {"acme": EcoSettlers(portal=ONE)}, {"acme": AcrossSettlers(spoke_pool=ONE)}
    assert types_of([left, left]) == {"acme": "eco"}
    with pytest.raises(ConfigError, match="acme"):
        types_of([left, right])
