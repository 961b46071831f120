"""The rules for end states: the table in docs/states.md, and that only wallet/ends.py applies it."""

from __future__ import annotations

import ast
from pathlib import Path

from l2send.wallet.end_rules import RULES
from l2send.wallet.journal.states import ENDED

ROOT = Path(__file__).parents[2]
NO_FUNCTION_BUT_ENDS = {"wallet/ends.py"}


def test_the_page_shows_the_table_of_the_code() -> None:
    page = (ROOT / "docs/states.md").read_text()
    rows = [f"| {rule.end} | {rule.seen} | {rule.where} | {rule.witnesses} |" for rule in RULES]
    shown = page.partition("| An end | What must be seen | Where | By how many |\n|---|---|---|---|\n")[2]
    assert shown.partition("\n\n")[0].splitlines() == rows


def test_every_end_has_its_row() -> None:
    ends = {f"transaction {state}" for state in ENDED} | {"messages cancelled", "messages expired"}
    ends |= {"transaction of several payments final", "transaction of several payments reverted"}
    ends |= {"operation final or failed", "operation replaced or taken back"}
    ends |= {"proposal final, failed or cancelled", "proposal replaced"}
    ends |= {"transaction of several payments final", "transaction of several payments reverted"}
    assert {rule.end for rule in RULES} == ends | {"order filled", "order refunded"}


_MOVES = {"move_tx": 1, "move_order": 1, "move_sponsored": 1, "move_proposal": 1}
"""Methods of the journal that change a state, and the place of the new one."""
_OPEN_STATES = {
    "TxState": {"BROADCAST", "MINED", "REVERTING", "INDETERMINATE"},
    "OrderState": {"NOT_OPEN", "OPEN", "REFUND_DUE"},
    "SponsoredState": {"SIGNED", "OPENED", "EXECUTED", "INDETERMINATE"},
    "ProposalState": {"PROPOSED", "EXECUTED", "INDETERMINATE"},
}


def test_no_other_place_enters_an_end() -> None:
    """Outside ends.py a move names a state that is no end, and nothing is cancelled or abandoned in the journal."""
    wrong, moves = list[str](), 0
    files = [path for room in ("wallet", "cli", "src/l2send") for path in (ROOT / room).rglob("*.py")]
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if name in NO_FUNCTION_BUT_ENDS or any(part.is_symlink() for part in path.parents) or "wallet/journal" in name:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            method, receiver = node.func.attr, ast.unparse(node.func.value)
            if method in _MOVES:
                moves += 1
                wrong += [] if _is_open(node.args[_MOVES[method]]) else [f"{name}:{node.lineno} {method}"]
            if method in {"cancel", "abandon"} and receiver.endswith("journal"):
                wrong.append(f"{name}:{node.lineno} {method}")
    assert not wrong
    assert moves >= 8, "the walk found no moves, so this test showed nothing"


def _is_open(state: ast.expr) -> bool:
    if isinstance(state, ast.IfExp):
        return _is_open(state.body) and _is_open(state.orelse)
    if not isinstance(state, ast.Attribute) or not isinstance(state.value, ast.Name):
        return False
    return state.attr in _OPEN_STATES.get(state.value.id, set())
