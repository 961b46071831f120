"""Options that several commands share, with cast's names where it has them; related ones are dataclasses, which
`spread` turns into options. They have no repr, because they may hold a key, and no comparison: generating either would
take time at every start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from l2send.cli.command_table import Heading
from l2send.cli.settings import Settings
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import ConfigError, Refused, UsageError
from l2send.core.paths import Paths
from l2send.resolver.max_fee import DEFAULT_MAX_FEE, parse_max_fee
from l2send.resolver.way_limits import Limits, Speed

if TYPE_CHECKING:
    from l2send.fee_caps import FeeLimit

AN_ID = "the payment's id, or its first characters: 3 or more after p-"
PaymentId = Annotated[str, typer.Argument(metavar="ID", help=AN_ID)]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON document on stdout, with a versioned schema. An error's is the last line of stderr, and "
        "stdout is empty then.",
    ),
]
Devnet = Annotated[
    bool,
    typer.Option("--devnet", help="Use the running local devnet (`l2send devnet up`), never real chains."),
]
Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        envvar="ETH_KEYSTORE_ACCOUNT",
        metavar="NAME",
        help="The sending account, by the name of its keystore (`l2send wallet list`).",
    ),
]
Keystore = Annotated[
    Path | None,
    typer.Option("--keystore", envvar="ETH_KEYSTORE", metavar="FILE", help="The sending account's keystore file."),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", envvar="ETH_PASSWORD", metavar="FILE", help="File that holds the keystore's password."
    ),
]
HdPath = Annotated[
    str | None,
    typer.Option(
        "--hd-path",
        "--mnemonic-derivation-path",
        metavar="PATH",
        help="Which key of a seed, as a full path: m/44'/60'/0'/0/0",
    ),
]
HdIndex = Annotated[
    int | None,
    typer.Option("--mnemonic-index", min=0, metavar="N", help="Which key of a seed, counted from 0."),
]
Again = Annotated[bool, typer.Option("--again", help="Pay although the same payment is open or was just made.")]
IdempotencyKey = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="KEY", help="Pay once for this key, however often this runs."),
]

Memo = Annotated[
    str,
    typer.Option("--memo", metavar="TEXT", help="Your own memo, for `l2send history`. It stays on this machine."),
]


def _permitted(context: typer.Context, yes: bool) -> bool:
    """Raises Refused for --yes if config.toml has `confirm = always`."""
    settings = context.find_object(Settings)
    if yes and settings and settings.always_asks:
        raise Refused(
            "config.toml says confirm = always, so --yes is refused.",
            hint="Leave it out and answer, or: l2send config unset confirm",
        )
    return yes


Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        callback=_permitted,
        help="Do not ask. All checks still apply.",
        rich_help_panel=Heading.PAYMENT,
    ),
]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RunOptions:
    """Options of nearly every command: its chains, and the form of its output."""

    heading: ClassVar[str] = Heading.RUN
    as_json: Json = False
    devnet: Devnet = False

    @property
    def paths(self) -> Paths:
        """The folders of this run; with `--devnet` the devnet's own home. Raises ConfigError if none runs there."""
        paths = Paths.for_devnet() if self.devnet else Paths.from_environment()
        if self.devnet and not (paths.devnet / "chains.toml").exists():
            raise ConfigError("no devnet is running.", hint="Start one: l2send devnet up")
        return paths

    def registry(self) -> Registry:
        """The chains of this run; reports wrong entries of the user's own file. Raises ConfigError."""
        registry = load_registry(self.paths)
        for problem in registry.problems:
            from l2send.cli.screen import err, print_words, styled

            left_out = f"; {problem.chain} is left out" if problem.chain else ""
            print_words(err(), styled(f"{problem}{left_out}", "yellow", limit=600))
        return registry


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PayingRunOptions(RunOptions):
    """The same for commands that begin payments, which limits apply to."""

    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="A file of limits to keep, beside those of config.toml and L2SEND_POLICY (docs/limits.md).",
        ),
    ] = None

    @property
    def paths(self) -> Paths:
        """As in RunOptions, with the policy."""
        return replace(super(PayingRunOptions, self).paths, policy=self.policy)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PaymentWords:
    """A payment as typed: `AMOUNT TOKEN DESTINATION`, or only a payment link."""

    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help="number, for example 25 or 0.5; max; or a payment link (EIP-681)")
    ]
    token: Annotated[
        str | None, typer.Argument(metavar="TOKEN", help="symbol, or address on the destination chain")
    ] = None
    destination: Annotated[
        str | None, typer.Argument(metavar="DESTINATION", help="chain:address, chain:name.eth, or another form")
    ] = None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AccountOptions:
    """Which keystore signs."""

    heading: ClassVar[str] = Heading.ACCOUNT
    account: Account = None
    keystore: Keystore = None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SenderOptions(AccountOptions):
    """Which account pays: by its keystore, or by its address if nothing is signed."""

    sender: Annotated[
        str | None,
        typer.Option(
            "--from",
            "-f",
            envvar="ETH_FROM",
            metavar="ADDRESS",
            help="The sending account, by address. CHAIN:ADDRESS or a contact: a Safe, as --safe.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class KeyOptions:
    """How the key is opened: a password from a file or a descriptor, a plain key, or a device."""

    heading: ClassVar[str] = Heading.KEY
    password_file: PasswordFile = None
    password_fd: Annotated[
        int | None,
        typer.Option("--password-fd", metavar="N", help="Open file descriptor to read the keystore's password from."),
    ] = None
    private_key: Annotated[
        str | None,
        typer.Option(
            "--private-key",
            metavar="HEX",
            help="Sign with this key. Other programs can read it from here: prefer `l2send wallet import`.",
        ),
    ] = None
    ledger: Annotated[bool, typer.Option("--ledger", "-l", help="Sign with a Ledger, its Ethereum app open.")] = False
    trezor: Annotated[bool, typer.Option("--trezor", "-t", help="Sign with a Trezor.")] = False
    hd_path: HdPath = None
    hd_index: HdIndex = None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RouteOptions:
    """Options that limit the choice of a way to pay."""

    heading: ClassVar[str] = Heading.WAY
    from_chain: Annotated[
        list[str] | None,
        typer.Option(
            "--from-chain",
            envvar="L2SEND_FROM_CHAIN",
            metavar="CHAIN",
            help="Pay only from this chain; repeatable.",
        ),
    ] = None
    via: Annotated[
        str, typer.Option("--via", envvar="L2SEND_VIA", metavar="BRIDGE", help="Use only this bridge: direct, eco, …")
    ] = ""
    max_fee: Annotated[
        str,
        typer.Option(
            "--max-fee",
            envvar="L2SEND_MAX_FEE",
            metavar="LIMIT",
            help="3%: the most that bridges may keep of the amount. 2usd: the most that all fees may cost, gas too.",
        ),
    ] = DEFAULT_MAX_FEE
    fast: Annotated[
        bool, typer.Option("--fast", help="Prefer the fast way: a minute saved counts as a dollar of fees.")
    ] = False
    cheap: Annotated[bool, typer.Option("--cheap", help="Prefer the lowest fees, even if it takes longer.")] = False
    batch: Annotated[
        bool,
        typer.Option(
            "--batch",
            help="Make several calls in one transaction. If the account does not delegate to pinned code yet, it does "
            "so in that transaction (EIP-7702), and the delegation stays: docs/delegation.md.",
        ),
    ] = False

    def limits(self, registry: Registry) -> Limits:
        """The typed limits, parsed. Raises UsageError."""
        if self.fast and self.cheap:
            raise UsageError("--fast and --cheap cannot be combined.", hint="Use one of them, or neither.")
        percent, usd = parse_max_fee(self.max_fee)
        chains = tuple(registry.named(name).short_name for name in self.from_chain or [])
        speed = Speed.FAST if self.fast else Speed.CHEAP if self.cheap else Speed.BALANCED
        return Limits(percent, usd, chains, self.via, speed, self.batch)

    def refuse_batch(self, why: str) -> None:
        """Raises UsageError for --batch where no transaction can carry an authorization."""
        if self.batch:
            raise UsageError(f"{why}: --batch cannot be used.", hint="Leave --batch out.")

    def refuse_batch_of(self, keys: KeyOptions, *, safe: bool) -> None:
        """Raises UsageError for --batch with a payer that signs no authorization (EIP-7702)."""
        if keys.ledger or keys.trezor:
            self.refuse_batch("l2send does not sign delegations on a Ledger or a Trezor (EIP-7702)")
        if safe:
            self.refuse_batch("a Safe already makes several calls in one transaction")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FollowOptions:
    """How long a payment is followed."""

    heading: ClassVar[str] = Heading.PAYMENT
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", help="How long to follow the payment; `l2send resume` continues it later."
        ),
    ] = 600.0


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ResumeOptions(FollowOptions):
    """How an existing payment is continued: its limit on costs, and how long it is followed."""

    fee_limit: Annotated[
        str,
        typer.Option(
            "--max-fee",
            metavar="LIMIT",
            help="The most that this command may spend on network fees: 2usd, or 20% of the amount.",
        ),
    ] = ""

    @property
    def limit(self) -> FeeLimit | None:
        """The typed limit; None without one. Raises UsageError."""
        if not self.fee_limit:
            return None
        from l2send.fee_caps import FeeLimit  # imports the journal: not for commands without this option

        return FeeLimit(*parse_max_fee(self.fee_limit))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PayOptions(FollowOptions):
    """How a payment is made: once per key, and whether an equal one may be made again."""

    key: IdempotencyKey = None
    again: Again = False
    memo: Memo = ""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BatchOptions(FollowOptions):
    """How a file of payments is paid."""

    heading: ClassVar[str] = Heading.PAYMENT
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="NAME",
            help="The batch's name (default: the file's): a line is paid once for name and ref.",
        ),
    ] = ""
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Pay the other lines if some are wrong, refused or not funded.")
    ] = False
    result: Annotated[
        Path | None,
        typer.Option("--result", metavar="FILE", help="What became of each line: CSV, or JSON for FILE.json."),
    ] = None
    max_fee_total: Annotated[
        str,
        typer.Option("--max-fee-total", metavar="LIMIT", help="20usd: the most that all fees of the batch may cost."),
    ] = ""
    queue: Annotated[
        bool,
        typer.Option("--queue", help="Approve the lines for `l2send work`, which pays them. Nothing is sent here."),
    ] = False
    again: Again = False
    no_batching: Annotated[
        bool,
        typer.Option("--no-batching", help="A transaction for each line, also where one could pay several."),
    ] = False

    def refuse_for_queue(self, word: str) -> None:
        """Raises UsageError for options that do not apply to `batch status` and `batch withdraw`."""
        if self.name or self.skip_bad or self.max_fee_total or self.again or self.queue:
            raise UsageError(f"batch {word} takes no option but --result and --json.", hint=f"l2send batch {word} NAME")

    def refuse_contradiction(self, route: RouteOptions) -> None:
        """Raises UsageError for --batch together with an option that pays each line by itself."""
        if route.batch and (self.no_batching or self.queue):
            other = "--no-batching" if self.no_batching else "--queue"
            raise UsageError(f"--batch and {other} cannot be combined.", hint="Use one of them, or neither.")

    @property
    def most_in_all(self) -> float | None:
        """`--max-fee-total` in dollars. Raises UsageError."""
        if not self.max_fee_total:
            return None
        _, usd = parse_max_fee(self.max_fee_total)
        if usd is None:
            raise UsageError(
                "--max-fee-total is in dollars: 20usd.", hint="--max-fee limits each line, in percent too."
            )
        return usd
