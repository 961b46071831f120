"""Closing payments that no evidence can end."""

from __future__ import annotations

from l2send.client_lookups import ClientLookups
from l2send.core.rpc import Rpcs
from l2send.wallet.closing import close, refuse_to_close
from l2send.wallet.journal.records import Record


class ClientClosing(ClientLookups):
    """The methods of `Client` that close payments."""

    rpcs: Rpcs

    async def refuse_to_close(self, record: Record) -> None:
        """Check that no chain can prove how the payment ends. Call `status` first, which records what can be proved.

        Raises Refused if anything signed for it may still be mined or its end can be found out, NetworkError.
        """
        await refuse_to_close(record, self.rpcs)

    def close(self, record: Record) -> Record:
        """Record that the user closed a payment, which `refuse_to_close` allowed. It claims nothing about the chain."""
        return close(record, self.journal)
