"""Pays a file of salaries, each line once: `ref,amount,token,to,memo` in CSV, JSON or NDJSON.

    python examples/payroll.py november.csv KEYSTORE PASSWORD_FILE

All lines are read, judged and planned before anything else. The file's name and the `ref` are the idempotency key, so
the same file again pays what is missing and nothing twice.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from l2send import BatchRow, Client, L2sendError, Signer, judge_batch, open_client, open_keystore, read_batch


async def pay(client: Client, signer: Signer, name: str, rows: list[BatchRow]) -> int:
    """Pay every line: 0 if each is delivered, 2 where one cannot be paid and nothing was sent."""
    judged = await judge_batch(rows, client.rpcs, client.book)
    review = await client.batch.plan(judged, signer.address, name)
    for line in review.stopped:
        print(f"line {line.wanted.line.row.line} ({line.wanted.line.row.ref}): {line.error}")
    if review.bad or review.stopped:
        print(*review.bad, "Nothing was sent.", sep="\n")
        return 2
    client.batch.begin(review)
    result = await client.batch.run(name, signer, without=[record.id for record in review.left_alone])
    for payment in result.lines:
        why = f": {payment.error.message}" if payment.error else ""
        print(f"{payment.ref} {payment.record.id} {payment.record.state}{why}")
    return 0 if result.all_delivered else 1


async def pay_rows(name: str, rows: list[BatchRow], signer: Signer) -> int:
    """Open the journal, and pay."""
    async with open_client() as client:
        return await pay(client, signer, name, rows)


def main(file: str, keystore: str, password_file: str) -> int:
    """Read the file, open the key, and pay."""
    path = Path(file)
    rows = read_batch(path.read_bytes(), path.name)
    signer = open_keystore(Path(keystore), Path(password_file).read_text().rstrip("\n"))
    return asyncio.run(pay_rows(path.stem, rows, signer))


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:4]))
    except L2sendError as error:
        sys.exit(f"{error.message} {error.hint}")
