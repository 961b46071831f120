"""Files of payments as people write them."""

from __future__ import annotations

import json

import pytest

from l2send.core.errors import UsageError
from l2send.resolver.batch_file import MAX_BYTES, BatchFormat, BatchRow, format_of, read_batch

ALICE, BOB = "base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "bob@op"
TWO = [
    BatchRow(2, "inv-1", "25", "USDC", ALICE, "November"),
    BatchRow(3, "inv-2", "0.5", "ETH", BOB),
]
PLAIN = f"ref,amount,token,to,memo\ninv-1,25,USDC,{ALICE},November\ninv-2,0.5,ETH,{BOB},\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PLAIN.encode(), id="plain"),
        pytest.param(PLAIN.encode().rstrip(b"\n"), id="no newline at the end"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN.encode(), id="BOM"),
        pytest.param(PLAIN.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(PLAIN.replace("\n", "\r").encode(), id="CR"),
        pytest.param(PLAIN.encode("utf-16"), id="UTF-16 with a BOM"),
        pytest.param(PLAIN.replace(",", ";").encode(), id="semicolons"),
        pytest.param(PLAIN.replace(",", "\t").encode(), id="tabs"),
        pytest.param(PLAIN.replace("ref,amount,token,to,memo", "REF, Amount ,Token,TO,Memo").encode(), id="any case"),
        pytest.param(PLAIN.replace("ref,", "Invoice,").replace(",to,", ",Destination,").encode(), id="other names"),
        pytest.param(PLAIN.replace("inv-1,25", " inv-1 , 25 ").encode(), id="spaces at the ends"),
        pytest.param(PLAIN.replace("November\n", '"November"\n').encode(), id="quotes"),
        pytest.param((PLAIN + "\n,,,,\n  \n").encode(), id="empty lines at the end"),
        pytest.param(PLAIN.replace(",memo", ",memo,").replace("November", "November,").encode(), id="a comma too many"),
    ],
)
def test_the_same_two_payments_however_the_csv_is_written(data: bytes) -> None:
    assert read_batch(data) == TWO


def test_columns_in_any_order_and_others_kept() -> None:
    (row,) = read_batch(f"memo,to,Department,token,amount,ref\n=HYPERLINK(1),{BOB},R&D,USDC,1,a\n".encode())
    assert row == BatchRow(2, "a", "1", "USDC", BOB, "=HYPERLINK(1)", {"Department": "R&D"})


def test_a_cell_of_two_lines_moves_the_numbers_of_those_after_it() -> None:
    rows = read_batch(f'ref,amount,token,to,memo\n\na,1,USDC,{BOB},"two\nlines"\nb,1,USDC,{BOB},\n'.encode())
    assert [(row.line, row.ref) for row in rows] == [(3, "a"), (5, "b")]


def test_the_same_person_twice_is_two_payments() -> None:
    rows = read_batch(f"ref,amount,token,to\na,1,USDC,{BOB}\nb,1,USDC,{BOB}\n".encode())
    assert [row.ref for row in rows] == ["a", "b"]


@pytest.mark.parametrize("number", ["25", "0.10", "123456789012345678901234567890.123456789", "1e3"])
def test_numbers_of_json_stay_as_they_were_written(number: str) -> None:
    (row,) = read_batch(f'[{{"ref": "a", "amount": {number}, "token": "USDC", "to": "{BOB}"}}]'.encode())
    assert (row.amount, row.line) == (number, 1)


@pytest.mark.parametrize("wrap", [lambda items: items, lambda items: {"payments": items}])
def test_json(wrap: object) -> None:
    items = [{"ref": "inv-1", "amount": "25", "token": "USDC", "To": ALICE, "memo": "November"}]
    assert callable(wrap)
    (row,) = read_batch(json.dumps(wrap(items)).encode(), "pay.json")
    assert row == BatchRow(1, "inv-1", "25", "USDC", ALICE, "November")


def test_ndjson() -> None:
    lines = [{"ref": row.ref, "amount": row.amount, "token": row.token, "to": row.to} for row in TWO]
    rows = read_batch("\r\n\r\n".join(json.dumps(line) for line in lines).encode())
    assert [(row.line, row.ref, row.amount) for row in rows] == [(1, "inv-1", "25"), (3, "inv-2", "0.5")]


@pytest.mark.parametrize(
    ("text", "name", "format_"),
    [
        ("ref,amount", "", BatchFormat.CSV),
        (" [{}]", "", BatchFormat.JSON),
        ('{"ref": 1}', "", BatchFormat.NDJSON),
        ("{}", "pay.JSON", BatchFormat.JSON),
        ("{}", "pay.jsonl", BatchFormat.NDJSON),
        ("[]", "pay.csv", BatchFormat.CSV),
    ],
)
def test_the_format(text: str, name: str, format_: BatchFormat) -> None:
    assert format_of(text, name) is format_


HEADER = "ref,amount,token,to\n"
WITH_MEMO = "ref,amount,token,to,memo\n"


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "", "no payments"),
        (HEADER.encode(), "", "no payments"),
        (b"[]", "", "no payments"),
        (b"inv-1,25,USDC,base:0x00\n", "", "line 1: the header lacks ref, amount, token, to"),
        (b"ref,amount,token\n", "", "line 1: the header lacks to"),
        (b"\n\nref,amount,token,to,destination\n", "", "line 3: the header names 'to' twice"),
        (f"{HEADER}a,1,304.53,USDC,{BOB}\n".encode(), "", "line 2 has 5 cells, the header has 4"),
        (f'{HEADER}a,1,USDC,"bob\n'.encode(), "", "line 2"),
        (f'{WITH_MEMO}a,1,USDC,{BOB},"27 inch\nb,1,USDC,{BOB},27"\n'.encode(), "", "line 2: a cell in quotes"),
        (f'{WITH_MEMO}a,1,USDC,{BOB},"27\nb,1,USDC,{BOB},x\nc,1,USDC,{BOB},"\n'.encode(), "", "line 2: a cell in"),
        (b"\xff\xfea", "", "not UTF-8"),
        (f"{HEADER}a,1,USDC,".encode() + b"\xe9\n", "", "line 2: this is not UTF-8"),
        (f"{HEADER}a,1,US\0DC,{BOB}\n".encode(), "", "line 2: the file holds a NUL"),
        (b"PK\x03\x04\x14\x00", "", "NUL"),
        (b"{", "pay.json", "not JSON"),
        (b'{"a": 1}', "pay.json", "no list of payments"),
        (b"[1]", "", "payment 1 is no object"),
        (b'[{"ref": "a"}]', "", "payment 1 lacks amount, token, to"),
        (b'[{"ref": ["a"], "amount": 1, "token": 2, "to": 3}]', "", "payment 1: 'ref' is neither"),
        (b'[{"ref": true, "amount": 1, "token": 2, "to": 3}]', "", "payment 1: 'ref' is neither"),
        (b'[{"ref": "a", "ref": "b"}]', "", "twice"),
        (b'[{"ref": 1, "amount": 1, "token": "A", "to": "x", "Recipient": "y"}]', "", "payment 1 names 'to' twice"),
        (b'{"ref": 1, "amount": 1, "token": "A", "To": "x", "to": "y"}', "", "line 1 names 'to' twice"),
        (b"[" * 100_000, "", "not JSON"),
        (b'{"ref": 1}\n{oops', "", "line 1 lacks"),
        (b" " * (MAX_BYTES + 1), "", "larger than 64 MiB"),
    ],
)
def test_what_is_no_list_of_payments_is_refused_in_words(data: bytes, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_batch(data, name)
