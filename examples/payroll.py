"""Pays a file of people, each line once: `ref,amount,token,to,memo` in CSV, JSON or NDJSON.

    python examples/payroll.py november.csv KEYSTORE PASSWORD_FILE

All lines are read and judged before anything else. The file's name and the `ref` are the idempotency key, so the same
file again pays what is missing and nothing twice. Transfers on one chain go out with following nonces, several at once.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from l2send import (
    BatchLine,
    BatchRow,
    Client,
    JudgedBatch,
    L2sendError,
    PaymentState,
    Signer,
    judge_batch,
    open_client,
    open_keystore,
    read_batch,
)


async def begin(client: Client, signer: Signer, key: str, line: BatchLine) -> str:
    """The id of the line's payment: of an earlier run, or planned now. Raises L2sendError."""
    payment = client.payment(signer.address, line.row.amount, line.row.token, line.to)
    record = client.known(payment, key) or client.begin(await client.plan(payment), key=key)
    return record.id


async def pay(client: Client, signer: Signer, name: str, judged: JudgedBatch) -> int:
    """Pay every line; 0 if each is delivered."""
    ids, unpaid = dict[int, str](), 0
    for line in judged.lines:
        try:
            ids[line.row.line] = await begin(client, signer, f"{name}/{line.row.ref}", line)
        except L2sendError as error:
            print(f"line {line.row.line} ({line.row.ref}): {error.message}")
            unpaid += 1
    failed = await client.resume_many(list(ids.values()), signer)
    for line in judged.lines:
        if payment_id := ids.get(line.row.line):
            record = await client.status(payment_id)
            why = f": {failed[payment_id].message}" if payment_id in failed else ""
            print(f"line {line.row.line} ({line.row.ref}) {payment_id} {record.state}{why}")
            unpaid += record.state is not PaymentState.DELIVERED
    return 1 if unpaid else 0


async def pay_file(path: Path, rows: list[BatchRow], signer: Signer) -> int:
    """Judge every line, then pay: 2 where one is wrong, and nothing was sent."""
    async with open_client() as client:
        judged = await judge_batch(rows, client.rpcs, client.book)
        if judged.bad:
            print(*judged.bad, "Nothing was sent.", sep="\n")
            return 2
        return await pay(client, signer, path.stem, judged)


def main(file: str, keystore: str, password_file: str) -> int:
    """Read the file, open the key, and pay."""
    path = Path(file)
    rows = read_batch(path.read_bytes(), path.name)
    signer = open_keystore(Path(keystore), Path(password_file).read_text().rstrip("\n"))
    return asyncio.run(pay_file(path, rows, signer))


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:4]))
    except L2sendError as error:
        sys.exit(f"{error.message} {error.hint}")
