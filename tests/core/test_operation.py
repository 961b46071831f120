"""User operations: their hash by another way of computing it, and every other form of one refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER
from l2send.core.errors import Refused
from l2send.core.operation import (
    MOST_CALL_GAS,
    Operation,
    is_operation,
    new_key,
    operation_from,
    read_operation,
)
from l2send.core.plan import UnsignedTx
from l2send.core.units import ChainId, Gas, Wei

ACCOUNT = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
TOKEN = Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")
ENTRY_POINT = Address("0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108")
CHAIN = ChainId(8453)
PAY = UnsignedTx(CHAIN, TOKEN, Wei(0), TRANSFER.encode(TOKEN, 7))
FEE = UnsignedTx(CHAIN, TOKEN, Wei(0), TRANSFER.encode(ENTRY_POINT, 1))
ONE = Operation(CHAIN, ENTRY_POINT, ACCOUNT, 5, (PAY,), Gas(90_000))
TWO = replace(ONE, calls=(PAY, FEE), key=2**192 - 1)


@pytest.mark.parametrize("operation", [ONE, TWO])
def test_the_hash_is_that_of_the_formula(operation: Operation) -> None:
    """EIP-712 written out, as core/UserOperationLib.sol and core/EntryPoint.sol of version 0.8 have it."""
    type_hash = keccak(
        b"PackedUserOperation(address sender,uint256 nonce,bytes initCode,bytes callData,bytes32 accountGasLimits,"
        b"uint256 preVerificationGas,bytes32 gasFees,bytes paymasterAndData)"
    )
    domain_type = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    domain = encode(
        ["bytes32", "bytes32", "bytes32", "uint256", "address"],
        [domain_type, keccak(b"ERC4337"), keccak(b"1"), CHAIN, ENTRY_POINT],
    )
    sender, nonce, init_code, call_data, limits, before, fees, paymaster, _ = operation.packed()
    message = encode(
        ["bytes32", "address", "uint256", "bytes32", "bytes32", "bytes32", "uint256", "bytes32", "bytes32"],
        [type_hash, sender, nonce, keccak(init_code), keccak(call_data), limits, before, fees, keccak(paymaster)],
    )
    assert operation.hash == "0x" + keccak(b"\x19\x01" + keccak(domain) + keccak(message)).hex()
    assert (nonce >> 64, nonce % 2**64, before, fees, paymaster) == (operation.key, 0, 0, bytes(32), b"")


@pytest.mark.parametrize("operation", [ONE, TWO])
def test_it_is_read_as_it_was_written(operation: Operation) -> None:
    assert is_operation(operation.typed)
    assert read_operation(operation.typed) == operation
    said = operation.json(bytes(65))
    assert operation_from(CHAIN, ENTRY_POINT, said) == operation
    with pytest.raises(Refused, match="takes a fee"):
        operation_from(CHAIN, ENTRY_POINT, said | {"maxFeePerGas": "0x1"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nonce", str((5 << 64) + 1)),
        ("nonce", str(2**256)),
        ("initCode", "0x7702"),
        ("initCode", "0x" + "77" * 20),
        ("preVerificationGas", "1"),
        ("gasFees", "0x" + "00" * 31 + "01"),
        ("gasFees", "0x" + "00" * 15 + "01" + "00" * 16),
        ("paymasterAndData", "0x" + "11" * 52),
        ("accountGasLimits", "0x" + "00" * 15 + "01" + "00" * 13 + "01" * 3),
        ("accountGasLimits", "0x"),
        ("sender", "0x12"),
        ("callData", "0x"),
        ("callData", "0x" + "00" * 4),
    ],
)
def test_a_field_with_another_meaning_is_refused(field: str, value: str) -> None:
    data = ONE.typed
    with pytest.raises(Refused):
        read_operation(replace(data, message={**data.message, field: value}))


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, call_gas=Gas(MOST_CALL_GAS + 1)),
        lambda one: replace(one, call_gas=Gas(20_999)),
        lambda one: replace(one, calls=(replace(PAY, value=Wei(1)),)),
        lambda one: replace(one, calls=(PAY, replace(FEE, to=ACCOUNT))),
    ],
)
def test_other_gas_coin_and_the_account_itself_are_refused(change: Callable[[Operation], Any]) -> None:
    with pytest.raises(Refused):
        read_operation(change(ONE).typed)


def test_a_nonce_is_used_once_the_counter_of_its_key_rose() -> None:
    assert [ONE.is_used(ONE.nonce + more) for more in (0, 1, 2)] == [False, True, True]
    assert len({new_key() for _ in range(100)}) == 100
