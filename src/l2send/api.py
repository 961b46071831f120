"""All names that `import l2send` offers. docs/scripts.md shows how to use them."""

from __future__ import annotations

from l2send.batch_record import BatchPayment, BatchResult
from l2send.batch_review import BatchReview
from l2send.client import Client, open_client
from l2send.core.address import Address
from l2send.core.errors import CannotPay, ExitStatus, L2sendError, NetworkError, NotFinal, Refused, Sent
from l2send.core.paths import Paths
from l2send.core.plan import Payment, Plan
from l2send.core.units import Amount
from l2send.progress_events import Progress, ProgressEvent
from l2send.resolver.balances import Snapshot
from l2send.resolver.batch_file import BatchRow, read_batch
from l2send.resolver.batch_lines import BatchLine, JudgedBatch, judge_batch
from l2send.resolver.destination import Destination
from l2send.resolver.way_limits import Limits
from l2send.review import Review
from l2send.wallet.fees_paid import FeesPaid
from l2send.wallet.journal.queue_lines import QueuedLine, QueueState
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.keystore import open_keystore
from l2send.wallet.keys.signer import Signer
from l2send.worker import Worker, WorkEvent

__all__ = [
    "Address",
    "Amount",
    "BatchLine",
    "BatchPayment",
    "BatchResult",
    "BatchReview",
    "BatchRow",
    "CannotPay",
    "Client",
    "Destination",
    "ExitStatus",
    "FeesPaid",
    "JudgedBatch",
    "L2sendError",
    "Limits",
    "NetworkError",
    "NotFinal",
    "Paths",
    "Payment",
    "PaymentState",
    "Plan",
    "Progress",
    "ProgressEvent",
    "QueueState",
    "QueuedLine",
    "Record",
    "Refused",
    "Review",
    "Sent",
    "Signer",
    "Snapshot",
    "WorkEvent",
    "Worker",
    "judge_batch",
    "open_client",
    "open_keystore",
    "read_batch",
]
