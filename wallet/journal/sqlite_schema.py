"""The tables of the SQLite journal, as a list of migrations: `PRAGMA user_version` counts those applied.

A released migration is never edited; each change of the tables is a new entry.
"""

from __future__ import annotations

APPLICATION_ID = 0x6C327364
"""`l2sd`, in the SQLite header: another program's database is not mistaken for a journal."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE payments (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            idempotency_key TEXT UNIQUE,
            fingerprint TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            sender TEXT NOT NULL,
            payment TEXT NOT NULL,
            terms TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX payments_fingerprint ON payments (fingerprint)",
        """
        CREATE TABLE transactions (
            payment_id TEXT NOT NULL REFERENCES payments (id),
            step INTEGER NOT NULL,
            kind TEXT NOT NULL,
            chain_id INTEGER NOT NULL,
            sender TEXT NOT NULL,
            body TEXT NOT NULL,
            state TEXT NOT NULL,
            nonce INTEGER,
            hash TEXT,
            raw BLOB,
            signed_at INTEGER,
            block INTEGER,
            block_hash TEXT NOT NULL DEFAULT '',
            detail TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (payment_id, step),
            UNIQUE (chain_id, sender, nonce, hash),
            CHECK ((state IN ('planned', 'cancelled')) = (raw IS NULL)),
            CHECK ((raw IS NULL) = (nonce IS NULL) AND (raw IS NULL) = (hash IS NULL))
        ) STRICT
        """,
        "CREATE INDEX transactions_state ON transactions (state)",
        """
        CREATE TABLE orders (
            payment_id TEXT PRIMARY KEY REFERENCES payments (id),
            body TEXT NOT NULL,
            state TEXT NOT NULL,
            fill_tx TEXT NOT NULL DEFAULT '',
            detail TEXT NOT NULL DEFAULT ''
        ) STRICT
        """,
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            payment_id TEXT NOT NULL REFERENCES payments (id),
            at INTEGER NOT NULL,
            subject TEXT NOT NULL,
            before TEXT NOT NULL,
            after TEXT NOT NULL,
            detail TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX events_payment ON events (payment_id)",
        # Signed bytes are never replaced and history is never rewritten, by any program.
        """
        CREATE TRIGGER signed_bytes_stay BEFORE UPDATE OF nonce, hash, raw ON transactions
        WHEN OLD.raw IS NOT NULL AND (NEW.raw, NEW.nonce, NEW.hash) IS NOT (OLD.raw, OLD.nonce, OLD.hash)
        BEGIN SELECT RAISE(ABORT, 'signed bytes are never exchanged'); END
        """,
        """
        CREATE TRIGGER transactions_stay BEFORE DELETE ON transactions
        BEGIN SELECT RAISE(ABORT, 'transactions are never deleted'); END
        """,
        """
        CREATE TRIGGER events_stay BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END
        """,
        """
        CREATE TRIGGER events_are_as_written BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'events are never changed'); END
        """,
    ),
    (
        # The step that a transaction was signed for again, with the nonce of the first signature.
        "ALTER TABLE transactions ADD COLUMN replaces INTEGER",
        """
        CREATE TRIGGER one_nonce_a_step BEFORE INSERT ON transactions
        WHEN NEW.replaces IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM transactions AS first
            WHERE first.payment_id = NEW.payment_id AND first.step = NEW.replaces AND first.replaces IS NULL
            AND (first.chain_id, first.sender, first.nonce) = (NEW.chain_id, NEW.sender, NEW.nonce)
        )
        BEGIN SELECT RAISE(ABORT, 'a step is signed again with the nonce it has'); END
        """,
        """
        CREATE TRIGGER replacements_stay BEFORE UPDATE OF replaces ON transactions
        WHEN NEW.replaces IS NOT OLD.replaces
        BEGIN SELECT RAISE(ABORT, 'what replaces what is never changed'); END
        """,
    ),
    (
        # A payment from several chains has a row for each leg, under one id; the first row holds the key.
        "ALTER TABLE payments ADD COLUMN group_id TEXT",
        "ALTER TABLE payments ADD COLUMN leg INTEGER",
        "CREATE UNIQUE INDEX payments_group ON payments (group_id, leg) WHERE group_id IS NOT NULL",
        """
        CREATE TRIGGER legs_stay BEFORE UPDATE OF group_id, leg ON payments
        WHEN (NEW.group_id, NEW.leg) IS NOT (OLD.group_id, OLD.leg)
        BEGIN SELECT RAISE(ABORT, 'a leg stays with its payment'); END
        """,
    ),
    (
        # The messages with which a sponsor opens a payment's order, and their concatenated signatures.
        """
        CREATE TABLE sponsored (
            payment_id TEXT PRIMARY KEY REFERENCES payments (id),
            body TEXT NOT NULL,
            state TEXT NOT NULL,
            signatures BLOB,
            signed_at INTEGER,
            opening_tx TEXT NOT NULL DEFAULT '',
            block INTEGER,
            detail TEXT NOT NULL DEFAULT '',
            CHECK ((state IN ('planned', 'cancelled')) = (signatures IS NULL))
        ) STRICT
        """,
        """
        CREATE TRIGGER signatures_stay BEFORE UPDATE OF body, signatures ON sponsored
        WHEN NEW.body IS NOT OLD.body OR (OLD.signatures IS NOT NULL AND NEW.signatures IS NOT OLD.signatures)
        BEGIN SELECT RAISE(ABORT, 'signed messages are never exchanged'); END
        """,
        """
        CREATE TRIGGER sponsored_stay BEFORE DELETE ON sponsored
        BEGIN SELECT RAISE(ABORT, 'signed messages are never deleted'); END
        """,
    ),
    (
        # The name that was typed for the recipient. Contacts and ENS may change; the address stays.
        "ALTER TABLE payments ADD COLUMN typed_name TEXT NOT NULL DEFAULT ''",
    ),
    (
        # This journal's identity, and how far the columns below are filled in: derived.py. Until then a payment counts
        # as open.
        """
        CREATE TABLE identity (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            id TEXT NOT NULL,
            rules INTEGER NOT NULL,
            filled INTEGER NOT NULL,
            target INTEGER NOT NULL
        ) STRICT
        """,
        "INSERT INTO identity VALUES (1, lower(hex(randomblob(16))), 0, 0, 0)",
        "ALTER TABLE payments ADD COLUMN state TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE payments ADD COLUMN is_open INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE payments ADD COLUMN recipient TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE payments ADD COLUMN key_seen TEXT",
        "CREATE INDEX payments_open ON payments (seq) WHERE is_open = 1",
        "CREATE INDEX payments_open_same ON payments (fingerprint) WHERE is_open = 1",
        "CREATE INDEX payments_same ON payments (fingerprint, created_at)",
        "DROP INDEX payments_fingerprint",
        "CREATE INDEX payments_key_seen ON payments (key_seen) WHERE key_seen IS NOT NULL",
        "CREATE INDEX payments_recipient ON payments (recipient, state)",
        "CREATE TABLE recipients (address TEXT PRIMARY KEY, ends TEXT NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE INDEX recipients_ends ON recipients (ends)",
    ),
    (
        # Whether another wallet signed it: its fee was not approved here. Older rows count as signed here.
        "ALTER TABLE transactions ADD COLUMN elsewhere INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # What a transaction cost, by its final receipt; what the payment's transfer or fill delivered, and when that
        # was seen, by this machine's clock. Wei and units are decimal text: they may exceed 63 bits.
        "ALTER TABLE transactions ADD COLUMN gas_used INTEGER",
        "ALTER TABLE transactions ADD COLUMN gas_price TEXT",
        "ALTER TABLE transactions ADD COLUMN l1_fee TEXT",
        "ALTER TABLE transactions ADD COLUMN operator_fee TEXT",
        "ALTER TABLE payments ADD COLUMN arrived TEXT",
        "ALTER TABLE payments ADD COLUMN delivered_at INTEGER",
        "ALTER TABLE payments ADD COLUMN memo TEXT NOT NULL DEFAULT ''",
        """
        CREATE TRIGGER fees_stay BEFORE UPDATE OF gas_used, gas_price, l1_fee, operator_fee ON transactions
        WHEN (OLD.gas_used IS NOT NULL OR NEW.state NOT IN ('final', 'reverted'))
        AND (NEW.gas_used, NEW.gas_price, NEW.l1_fee, NEW.operator_fee)
        IS NOT (OLD.gas_used, OLD.gas_price, OLD.l1_fee, OLD.operator_fee)
        BEGIN SELECT RAISE(ABORT, 'a fee is written once, with the end of its transaction'); END
        """,
        """
        CREATE TRIGGER arrivals_stay BEFORE UPDATE OF arrived, delivered_at ON payments
        WHEN OLD.delivered_at IS NOT NULL AND (NEW.arrived, NEW.delivered_at) IS NOT (OLD.arrived, OLD.delivered_at)
        BEGIN SELECT RAISE(ABORT, 'what arrived is written once'); END
        """,
        """
        CREATE TRIGGER memos_stay BEFORE UPDATE OF memo ON payments WHEN NEW.memo IS NOT OLD.memo
        BEGIN SELECT RAISE(ABORT, 'a memo is never changed'); END
        """,
    ),
    (
        # What the owners of a Safe sign for a payment: one for each nonce of a Safe, and never replaced.
        """
        CREATE TABLE proposals (
            payment_id TEXT PRIMARY KEY REFERENCES payments (id),
            chain_id INTEGER NOT NULL,
            safe TEXT NOT NULL,
            nonce INTEGER NOT NULL,
            hash TEXT NOT NULL,
            body TEXT NOT NULL,
            state TEXT NOT NULL,
            tx_hash TEXT NOT NULL DEFAULT '',
            block INTEGER,
            detail TEXT NOT NULL DEFAULT '',
            UNIQUE (chain_id, safe, nonce)
        ) STRICT
        """,
        """
        CREATE TRIGGER proposals_are_as_written
        BEFORE UPDATE OF payment_id, chain_id, safe, nonce, hash, body ON proposals
        BEGIN SELECT RAISE(ABORT, 'what owners sign is never exchanged'); END
        """,
        """
        CREATE TRIGGER proposals_stay BEFORE DELETE ON proposals
        BEGIN SELECT RAISE(ABORT, 'what owners sign is never deleted'); END
        """,
    ),
    (
        # One step per nonce. If what was signed with it can never happen, another step gets the next turn.
        "ALTER TABLE transactions ADD COLUMN turn INTEGER NOT NULL DEFAULT 0",
        """
        UPDATE transactions SET turn = (
            SELECT count(*) FROM transactions AS other
            WHERE (other.chain_id, other.sender, other.nonce) = (transactions.chain_id, transactions.sender,
            transactions.nonce) AND other.replaces IS NULL AND other.elsewhere = 0 AND other.rowid < transactions.rowid
        ) WHERE raw IS NOT NULL AND replaces IS NULL AND elsewhere = 0
        """,
        """
        CREATE UNIQUE INDEX transactions_turn ON transactions (chain_id, sender, nonce, turn)
        WHERE raw IS NOT NULL AND replaces IS NULL AND elsewhere = 0
        """,
    ),
    (
        # Limits sum up what was recorded on a day.
        "CREATE INDEX payments_created ON payments (created_at)",
    ),
    (
        # Approved lines of batches that wait for a worker. A line begins one payment, or is withdrawn.
        """
        CREATE TABLE queue (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL UNIQUE,
            key_seen TEXT NOT NULL UNIQUE,
            batch TEXT NOT NULL,
            sender TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            payment TEXT NOT NULL,
            typed_name TEXT NOT NULL,
            memo TEXT NOT NULL,
            caps TEXT NOT NULL,
            approved_at INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('waiting', 'begun', 'withdrawn')),
            payment_id TEXT,
            tries INTEGER NOT NULL DEFAULT 0,
            not_before INTEGER NOT NULL DEFAULT 0,
            detail TEXT NOT NULL DEFAULT '',
            CHECK ((state = 'begun') = (payment_id IS NOT NULL))
        ) STRICT
        """,
        "CREATE INDEX queue_waiting ON queue (sender, seq) WHERE state = 'waiting'",
        """
        CREATE TRIGGER queue_stays BEFORE DELETE ON queue
        BEGIN SELECT RAISE(ABORT, 'what was approved is never deleted'); END
        """,
        """
        CREATE TRIGGER queue_is_as_approved
        BEFORE UPDATE OF key, key_seen, batch, sender, fingerprint, payment, typed_name, memo ON queue
        BEGIN SELECT RAISE(ABORT, 'what was approved is never changed'); END
        """,
        """
        CREATE TRIGGER queue_caps_stay BEFORE UPDATE OF caps, approved_at ON queue
        WHEN NOT (OLD.state = 'withdrawn' AND NEW.state = 'waiting')
        BEGIN SELECT RAISE(ABORT, 'what was approved is never changed'); END
        """,
        """
        CREATE TRIGGER queue_begins_once BEFORE UPDATE OF state, payment_id ON queue WHEN OLD.state = 'begun'
        BEGIN SELECT RAISE(ABORT, 'a line begins one payment'); END
        """,
    ),
    (
        # Limits that every l2send using this journal enforces: the text of a policy file.
        """
        CREATE TABLE shared_limits (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            text TEXT NOT NULL,
            set_at INTEGER NOT NULL
        ) STRICT
        """,
        "INSERT INTO shared_limits VALUES (1, '', 0)",
    ),
    (
        # Where a journal was moved to: it is not used after that. And whether this one is still being filled.
        "ALTER TABLE identity ADD COLUMN moved_to TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE identity ADD COLUMN arriving INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # Which payment is made by which call of another payment's transaction that makes several.
        """
        CREATE TABLE rides (
            payment_id TEXT PRIMARY KEY REFERENCES payments (id),
            shared_id TEXT NOT NULL REFERENCES payments (id),
            call INTEGER NOT NULL,
            calls INTEGER NOT NULL,
            UNIQUE (shared_id, call),
            CHECK (call >= 0 AND call < calls AND payment_id <> shared_id)
        ) STRICT
        """,
        """
        CREATE TRIGGER rides_are_as_written BEFORE UPDATE ON rides
        BEGIN SELECT RAISE(ABORT, 'which call pays which payment is never changed'); END
        """,
        """
        CREATE TRIGGER rides_stay BEFORE DELETE ON rides
        BEGIN SELECT RAISE(ABORT, 'which call pays which payment is never deleted'); END
        """,
    ),
    (
        # Of a user operation: its nonce at the EntryPoint, in decimal digits. One is approved for each nonce.
        "ALTER TABLE sponsored ADD COLUMN chain_id INTEGER",
        "ALTER TABLE sponsored ADD COLUMN account TEXT",
        "ALTER TABLE sponsored ADD COLUMN nonce TEXT",
        """
        CREATE UNIQUE INDEX sponsored_nonce ON sponsored (chain_id, account, nonce) WHERE nonce IS NOT NULL
        """,
        """
        CREATE TRIGGER sponsored_nonces_stay BEFORE UPDATE OF chain_id, account, nonce ON sponsored
        BEGIN SELECT RAISE(ABORT, 'the nonce of an operation is never changed'); END
        """,
    ),
    (
        # When the user closed a payment of which no evidence says whether the recipient was paid.
        "ALTER TABLE payments ADD COLUMN closed_at INTEGER",
        """
        CREATE TRIGGER payments_stay_closed BEFORE UPDATE OF closed_at ON payments WHEN OLD.closed_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a payment is closed once'); END
        """,
    ),
    (
        # Whether something else with its nonce may have made the payment; before, a sentence of the detail said so.
        "ALTER TABLE transactions ADD COLUMN maybe_paid INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE proposals ADD COLUMN maybe_paid INTEGER NOT NULL DEFAULT 0",
        """
        UPDATE transactions SET maybe_paid = 1
        WHERE state = 'indeterminate' AND detail LIKE '%Whether that was this payment is not known%'
        """,
        """
        UPDATE proposals SET maybe_paid = 1
        WHERE state = 'indeterminate' AND detail LIKE '%Whether that was this payment is not known%'
        """,
    ),
)
