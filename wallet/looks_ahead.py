"""Prefetches what a payment's next signature depends on, beside other requests, shortly before it is signed.

The account's lock is not held then. So the answers count only if nothing was signed for the account since: another
payment may have used the nonce, the balance or the allowance. The journal shows that before any node does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from l2send.core.units import Nonce
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import TxState
from l2send.wallet.signing import Looks, Signing

HOLD = 4.0
"""Seconds for which prefetched answers count."""


@dataclass
class LooksAhead:
    """The prefetched `Looks` of each payment's next step. Executors of one client share it."""

    _kept: dict[str, tuple[int, Nonce | None, Looks]] = field(
        default_factory=dict[str, "tuple[int, Nonce | None, Looks]"]
    )

    async def ask(self, record: PaymentRecord, signing: Signing) -> None:
        """Prefetch for the next step to sign here. Raises nothing: `Signing.sign_and_commit` judges the answers."""
        tx = next((tx for tx in record.steps if tx.state is TxState.PLANNED), None)
        if tx and signing.signer:
            highest = signing.journal.highest_nonce(tx.chain_id, tx.sender)
            self._kept[record.id] = tx.step_index, highest, await signing.look(record, tx)

    def take(self, tx: TxRecord, journal: Journal) -> Looks | None:
        """The answers for exactly this step, returned once; None if they no longer count.

        Called with the account's lock held.
        """
        step_index, highest, looks = self._kept.pop(tx.payment_id, (-1, None, None))
        if looks is None or step_index != tx.step_index or abs(time.time() - looks.at) > HOLD:
            return None
        return looks if journal.highest_nonce(tx.chain_id, tx.sender) == highest else None
