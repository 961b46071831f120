"""Refuses a server that may lose a commit: nothing may be broadcast that a power cut removes from the journal.

Source: PostgreSQL documentation, "Write Ahead Log" (fsync, synchronous_commit, full_page_writes).
"""

from __future__ import annotations

from l2send.core.errors import ConfigError
from l2send.wallet.journal.store import Row

OLDEST = 130000
_FLUSHED = {"on", "remote_apply"}
"""The values of synchronous_commit that wait for every requested disk."""


def refuse_unless_durable(settings: Row, title: str) -> None:
    """Raises ConfigError for settings that can lose a commit, and for a standby."""
    if settings["standby"]:
        raise ConfigError(
            f"the journal's server is a standby, which takes no payments ({title}).",
            hint="Name the primary in the URL, for example with target_session_attrs=read-write and all hosts.",
        )
    wrong = [
        f"{name} is {settings[name]}"
        for name, good in (("fsync", {"on"}), ("full_page_writes", {"on"}), ("synchronous_commit", _FLUSHED))
        if settings[name] not in good
    ]
    if wrong:
        raise ConfigError(
            f"the journal's server may lose what it says is committed: {', '.join(wrong)} ({title}). "
            "A payment that is lost so would be paid again.",
            hint="Switch them on: in postgresql.conf, ALTER SYSTEM, ALTER DATABASE, ALTER ROLE, or the URL's options.",
        )
