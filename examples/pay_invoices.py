"""Pays every line of a CSV file (invoice,amount,token,destination) in one process.

    python examples/pay_invoices.py invoices.csv KEYSTORE PASSWORD_FILE

Run it again after any crash: the invoice's number is the idempotency key, so what was paid is not paid again.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from pathlib import Path

from l2send import Client, ExitStatus, L2sendError, Signer, open_client, open_keystore

_COLUMNS = 4


async def pay(client: Client, signer: Signer, invoice: str, amount: str, token: str, to: str) -> bool:
    """Pay one invoice, or carry on what an earlier run began. True once the recipient has the money."""
    try:
        payment = client.payment(signer.address, amount, token, client.destination(to))
        record = client.known(payment, invoice)
        if record is None:
            record = client.begin(await client.plan(payment), key=invoice)
        record = await client.resume(record.id, signer)
    except L2sendError as error:
        print(f"{invoice}: {error.message} (sent: {error.sent})")
        return False
    print(f"{invoice} {record.state}")
    return record.meaning.exit_status is ExitStatus.DELIVERED


async def pay_all(invoices: list[list[str]], signer: Signer) -> int:
    """0 if every one is paid."""
    async with open_client() as client:
        paid = [await pay(client, signer, *invoice) for invoice in invoices]
    return 0 if all(paid) else 1


def main(file: str, keystore: str, password_file: str) -> int:
    """Read what is to be paid, open the key, and pay."""
    with open(file, newline="", encoding="utf-8-sig") as lines:  # With or without a byte order mark.
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    invoices = [row for row in rows if any(row)]
    if wrong := [row for row in invoices if len(row) != _COLUMNS or not all(row)]:
        print(f"nothing was paid: {len(wrong)} lines are not invoice,amount,token,destination; the first is {wrong[0]}")
        return 2
    signer = open_keystore(Path(keystore), Path(password_file).read_text().rstrip("\n"))
    return asyncio.run(pay_all(invoices, signer))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
