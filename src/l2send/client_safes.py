"""A client's methods for payments in files that the owners of a Safe sign."""

from __future__ import annotations

from collections.abc import Sequence

from l2send.core.address import Address
from l2send.core.chains import Registry
from l2send.core.plan import Payment, UnsignedTx
from l2send.planning import payment_of_calls, payments_of_calls
from l2send.review import Review
from l2send.safes import adopt, under_known_id
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.safe_files import SafeBundle


class ClientSafes:
    """The methods of `Client` for such payments."""

    journal: Journal
    registry: Registry

    def payment_of_calls(self, safe: Address, calls: Sequence[UnsignedTx]) -> Payment:
        """The payment that these calls of a Safe make, for `plan_calls`. Raises Refused unless they make one."""
        return payment_of_calls(safe, calls, self.registry)

    def payments_of_calls(self, safe: Address, calls: Sequence[UnsignedTx]) -> tuple[Payment, ...]:
        """The payments that these calls of a Safe make: several transfers, or one payment. Raises Refused."""
        return payments_of_calls(safe, calls, self.registry)

    def adopted(self, bundle: SafeBundle) -> SafeBundle | None:
        """A Safe's file with this journal's id; None without one. Raises Refused if its nonce is another payment's."""
        return under_known_id(self.journal, bundle)

    def adopt(self, bundle: SafeBundle, review: Review, *, again: bool = False) -> PaymentRecord:
        """Record the approved payment of a Safe's file in this journal. Raises Refused as `begin` does."""
        return adopt(self.journal, bundle, review, again=again)
