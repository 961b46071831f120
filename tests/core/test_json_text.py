"""JSON from outside cannot end the process, however deep it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from l2send.core.json_text import parse_json


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 3_000 + "]" * 3_000])
def test_what_is_nested_too_deeply_is_refused_where_py_ecc_raised_the_limit(text: str) -> None:
    """Runs in a process of its own: json.loads crashes with a segmentation fault on Python 3.11."""
    code = (
        "import sys, eth_account; from l2send.core.json_text import parse_json\n"
        "before = sys.getrecursionlimit()\n"
        "try: parse_json(sys.stdin.read())\n"
        "except ValueError as error: print(error, before == sys.getrecursionlimit() == 100_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "the JSON is nested too deeply True\n"), done.stderr


def test_ordinary_documents_are_read_with_the_hooks_that_are_given() -> None:
    assert parse_json(b'{"a": [1.50, 2]}', parse_float=str) == {"a": ["1.50", 2]}
    with pytest.raises(ValueError, match="Expecting"):
        parse_json("{")
