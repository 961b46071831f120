"""Runs `l2send journal recover`: every account in turn, then the findings, for people or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from l2send.batch_record import key_of
from l2send.cli.json_documents import Document
from l2send.cli.options import RunOptions
from l2send.cli.progress import Live
from l2send.cli.screen import err, out, print_json, print_words, styled, table
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import ExitStatus, NetworkError
from l2send.core.plan import ChainAddress, Payment
from l2send.core.rpc import open_rpcs
from l2send.journal_recovery import FoundTx, Recovery, Waiting, not_looked_at, recover
from l2send.recovery_safes import recover_safe
from l2send.resolver.batch_file import BatchRow
from l2send.resolver.batch_lines import BatchLine, judge_batch
from l2send.wallet.journal.location import open_for_recovery


@dataclass(frozen=True, slots=True)
class Recovering:
    """One run of the command."""

    run_options: RunOptions
    registry: Registry
    chains: Sequence[Chain]
    accounts: Sequence[Address]
    safes: Sequence[ChainAddress]
    batch: str
    """The batch name of the file's lines; empty without a file."""

    async def run(self, rows: Sequence[BatchRow], *, accept: bool) -> int:
        """Recover each account. Raises NetworkError, NotFinal: what was recorded by then stays."""
        async with open_rpcs(self.registry) as rpcs:
            journal = open_for_recovery(self.run_options.paths)
            try:
                client = Client(self.run_options.paths, self.registry, rpcs, journal)
                lines = (await judge_batch(rows, rpcs, client.book)).lines
                recoveries = list[Recovery]()
                for account in self.accounts:
                    with Live(f"looking for transactions of {account}"):
                        wanted = self._wanted(lines, account)
                        recoveries.append(await recover(account, journal, rpcs, wanted, self.chains))
                    await self._look(client, recoveries[-1])
                for safe in self.safes:
                    with Live(f"looking for transactions of the Safe {safe.address}"):
                        wanted = self._wanted(lines, safe.address)
                        recoveries.append(await recover_safe(safe, journal, rpcs, wanted))
                    await self._look(client, recoveries[-1])
                looked_at = [*self.accounts, *(safe.address for safe in self.safes)]
                left_out = not_looked_at(journal, self.registry, looked_at, self.chains)
                accepted = accept or (not left_out and all(one.is_complete for one in recoveries))
                if accepted:
                    journal.accept()
                self._tell(recoveries, client, left_out, accepted=accepted)
                return ExitStatus.DELIVERED if accepted else ExitStatus.NOT_ALL
            finally:
                journal.close()

    def _wanted(self, lines: Sequence[BatchLine], payer: Address) -> list[Waiting]:
        return [
            Waiting(
                key_of(self.batch, line.row.ref),
                Payment(payer, line.to.account, line.amount),
                line.to.typed_name,
                line.row.memo,
            )
            for line in lines
        ]

    async def _look(self, client: Client, recovery: Recovery) -> None:
        """Query each found payment's state; if a chain does not answer now, `resume` queries it later."""
        for found in recovery.found:
            if found.record:
                try:
                    await client.status(found.record.id)
                except NetworkError as error:
                    err().print(styled(f"{found.record.id}: {error.message}", "yellow", limit=300))

    def _tell(self, recoveries: Sequence[Recovery], client: Client, left_out: Sequence[str], *, accepted: bool) -> None:
        found = [_document(one, recovery.account, client) for recovery in recoveries for one in recovery.found]
        held = [one for recovery in recoveries for one in (*recovery.left, *recovery.held_back)]
        if self.run_options.as_json:
            document = {"found": found, "look_at": held, "not_looked_at": list(left_out), "accepted": accepted}
            print_json({"schema": "l2send.journal_recovered/1", **document})
            return
        rows = table("chain", "nonce", "transaction", "payment", "was to be paid again", whole=("transaction",))
        for one in found:
            payment = f"{one['payment']} {one['state']}" if one["payment"] else one["why"] or "pays no one"
            again = one["key"] or "yes" if one["was_wanted"] else ""
            rows.add_row(one["chain"], str(one["nonce"]), one["hash"] or "", styled(payment, limit=200), styled(again))
        if found:
            out().print(rows)
        number = f"{len(found)} transaction{' was' if len(found) == 1 else 's were'} unknown to {client.queue.title}"
        print_words(out(), f"{number}; all are accounted for" if accepted and not left_out else number)
        for which in held:
            print_words(out(), styled(f"check: {which}", "yellow", limit=200))
        if not self.safes:
            print_words(out(), "No Safe was named, so what Safes paid was not searched. Name each with --safe.")
        if left_out:
            print_words(out(), styled(f"not searched: {', '.join(left_out)}", "yellow", limit=600))
        if not accepted:
            print_words(out(), "Check what is named against the chains. Then run it again with --accept.")


def _document(found: FoundTx, account: Address, client: Client) -> Document:
    record = client.find(found.record.id) if found.record else None
    return {
        "account": account,
        "chain": found.chain.short_name,
        "nonce": found.nonce,
        "hash": found.use.hash or None,
        "payment": record.id if record else None,
        "key": record.key if record else None,
        "state": record.state.value if record else None,
        "was_wanted": found.was_wanted,
        "why": found.unread or None,
    }
