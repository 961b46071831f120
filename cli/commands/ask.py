"""`l2send` alone: asks for destination, token, amount, way and consent. `back` returns to the previous question."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from rich.text import Text

from l2send.cli.account_menu import choose_account
from l2send.cli.balances_table import show
from l2send.cli.consent import consent, notes_of, refuse_or_ask_again
from l2send.cli.live_balances import LiveBalances, spendable
from l2send.cli.option_groups import spread
from l2send.cli.options import FollowOptions, KeyOptions, PayingRunOptions, PayOptions, RouteOptions, SenderOptions
from l2send.cli.own_accounts import refuse_own_name
from l2send.cli.paying import pay
from l2send.cli.paying_safe import choose_safe
from l2send.cli.plan_request import MaxPayment, is_max, plan_of, without_symbol
from l2send.cli.progress import Live
from l2send.cli.prompts import Back, ask_text, choose, pick
from l2send.cli.review_text import show_review
from l2send.cli.screen import err, print_beside, print_words, stage_in_words, styled
from l2send.cli.sender import Sender, choose_sender, is_sender_named, refuse_contradiction
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.cli.times import day
from l2send.cli.typed_recipient import Words, find_destination, judge
from l2send.cli.unfinished import unfinished
from l2send.cli.ways_table import in_a_line, why_not_cheapest
from l2send.client import Client, open_client
from l2send.core.address import short
from l2send.core.errors import BadAmount, CannotPay, Interrupted, L2sendError, UsageError
from l2send.core.plan import Payment
from l2send.core.units import Amount, Token, parse_amount
from l2send.resolver.destination import Destination
from l2send.resolver.planner import is_direct
from l2send.resolver.way_limits import Limits
from l2send.review import Review

_RECENT = 9
"""How many recipients are offered."""
_LOOKED_BACK = 200
"""How many payments are searched for the most recent recipients."""


@spread
def ask(
    sender: SenderOptions,
    keys: KeyOptions,
    route: RouteOptions,
    following: FollowOptions,
    run_options: PayingRunOptions,
) -> int:
    """Ask for everything: destination, token and amount, show the plan, confirm. Also `l2send` alone.

    `back` at any question leads to the one before; Ctrl-C ends, and nothing was sent.

    Example: l2send ask --account alice
    """
    must_be_able_to_ask(yes=False, hint="Write the whole payment: l2send AMOUNT TOKEN CHAIN:ADDRESS --yes")
    registry = run_options.registry()
    limits = route.limits(registry)
    route.refuse_batch_of(keys, safe=False)
    refuse_contradiction(keys)
    if choose_safe(None, sender, run_options.paths, registry)[0]:
        raise UsageError(
            "a Safe's payment is not asked for step by step.",
            hint="Write the whole payment: l2send AMOUNT TOKEN CHAIN:ADDRESS. Or name another payer: --from ADDRESS",
        )

    is_asked = not is_sender_named(run_options.paths, sender, keys)
    while True:
        payer = sender
        if is_asked:
            chosen = choose_account(run_options, registry)
            if chosen.keystore is None:
                return chosen.ended
            payer = replace(sender, keystore=chosen.keystore.path)
        try:
            return run_to_end(_pay_until_done(payer, keys, limits, following, run_options))
        except Back:
            if not is_asked:
                raise


async def _pay_until_done(
    sender: SenderOptions, keys: KeyOptions, limits: Limits, following: FollowOptions, run_options: PayingRunOptions
) -> int:
    """Ask for payments and make them until the user wants no other one. Returns the exit status of the last.

    Raises Back before the first question.
    """
    async with open_client(run_options.paths, run_options.registry()) as client:
        who = choose_sender(client.paths, sender, keys)
        print_words(err(), styled(f"From {who.name} ({short(who.address)})"))
        for words in unfinished(client, who.address):
            print_words(err(), styled(words, "yellow", limit=300))
        async with LiveBalances(client, who.address) as held:
            while True:
                talk = await converse(client, held, who, limits)
                options = PayOptions(following.timeout, again=talk.again, memo=talk.memo)
                status = await pay(client, talk.review, talk.destination, who, options, as_json=run_options.as_json)
                if run_options.as_json or not await _is_more_wanted(client, who):
                    return status


async def _is_more_wanted(client: Client, who: Sender) -> bool:
    """Whether the user wants another payment; shows the remaining balance each time."""
    done, another, balances = "Nothing more", "Another payment", "See what you hold now"
    while True:
        wanted = await pick("What next?", [(words, words) for words in (done, another, balances)])
        if wanted != balances:
            return wanted == another
        with Live.of_answers("asking all chains what you hold"):
            snapshot = await client.balances(who.address)
        show(snapshot, ())


async def converse(client: Client, held: LiveBalances, who: Sender, limits: Limits) -> _Conversation:
    """Ask until a review of the payment is approved; `who` is unlocked then.

    Raises Back before the first question, Interrupted for a no, KeyboardInterrupt on Ctrl-C.
    """
    talk = _Conversation(client, held, who, limits)
    steps: tuple[Callable[[], Awaitable[bool]], ...] = (
        talk.ask_destination,
        talk.ask_token,
        talk.ask_amount,
        talk.ask_way,
        talk.ask_memo,
        talk.ask_consent,
    )
    at, asked = 0, list[int]()
    while at < len(steps):
        try:
            if await steps[at]():
                asked.append(at)
            at += 1
        except Back:
            if not asked:
                raise
            at = asked.pop()
        except Interrupted:
            raise
        except L2sendError as error:
            print_beside(err(), Text("  "), styled(f"{error.message} {error.hint}", "yellow", limit=900))
            at = asked.pop() if asked else 0
    return talk


class _Conversation:
    """A method for each question: it returns whether it asked, and raises Back to return to the previous question."""

    destination: Destination
    token: Token
    request: Payment | MaxPayment
    review: Review
    _most: Amount | None = None
    _typed_max = "max"
    """The word typed for all that can be paid."""
    memo = ""
    """The user's own memo; empty for none."""
    again = False
    """Whether the user confirmed a second payment equal to a recent one."""

    def __init__(self, client: Client, held: LiveBalances, who: Sender, limits: Limits) -> None:
        self._client, self._held, self._who, self._limits = client, held, who, limits

    async def ask_destination(self) -> bool:
        offered = self._recipients()
        for line in offered.values():
            print_beside(err(), Text("  "), styled(line))
        tab = "Tab completes what is listed above: " if offered else ""
        text = await ask_text(
            "Pay to",
            self._judge_destination,
            below=lambda _: f"{tab}a contact, chain:address, chain:name.eth, or a payment link; {self._held.worth()}",
            known=offered,
        )
        self.destination = await find_destination(text, self._client.rpcs, self._client.book, self._held.on)
        chain = self.destination.chain
        print_beside(err(), Text("  "), styled(f"{chain.name}: {stage_in_words(chain)}", "dim"))
        return True

    def _judge_destination(self, typed: str) -> None:
        words, client = Words(None, None, typed), self._client
        refuse_own_name(words, client.registry, client.book, client.paths)
        judge(typed.strip(), client.registry, client.book)

    def _recipients(self) -> dict[str, str]:
        """Suggestions, each with its line: the contacts, then the accounts that this one paid lately, not itself."""
        registry, book, own = self._client.registry, self._client.book, self._who.address
        offered = {contact.name: f"{contact.name}, {contact}" for contact in book}
        for record in self._client.history(_LOOKED_BACK):
            chain, address = registry.shown(record.payment.to.chain_id), record.payment.to.address
            is_payee = record.payment.signer == own and address != own
            if is_payee and chain in registry and not book.at(address, chain):
                typed = f"{chain.short_name}:{address}"
                name = f"{record.typed_name}, " if record.typed_name else ""
                offered.setdefault(typed, f"{typed} ({name}paid {day(record.created_at)})")
        return dict(list(offered.items())[: max(_RECENT, len(book))])

    async def ask_token(self) -> bool:
        chain, asked = self.destination.chain, self.destination.asked
        with Live.of_answers("asking all chains what you hold"):
            snapshot = await self._held.snapshot()
        held = spendable(snapshot, chain)
        if asked and asked.token not in held:
            raise CannotPay(f"the payment link asks for {asked.token.symbol}, and {snapshot.account} holds none.")
        if not held:
            raise CannotPay(
                f"{snapshot.account} holds no token that {chain.name} has too.",
                hint="`l2send balances` shows what it holds.",
            )
        if asked:
            self.token = asked.token
            return False
        offers = [(f"{token.symbol}: {self._places(held[token])}", token) for token in held]
        self.token = await choose("Token", offers)
        return True

    async def ask_amount(self) -> bool:
        token, sender = self.token, self._who.address
        if self.destination.asked and self.destination.asked.amount:
            self.request = Payment(sender, self.destination.account, self.destination.asked.amount)
            return False
        reading = asyncio.create_task(self._read_most())
        try:
            typed = await ask_text(f"Amount of {token.symbol} (or max)", self._judge_amount, below=self._what_is_left)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        typed = without_symbol(typed, token)
        if is_max(typed):
            self._typed_max = typed.lower()
            self.request = MaxPayment(sender, token.address or token.symbol, self.destination)
        else:
            self.request = Payment(sender, self.destination.account, parse_amount(typed, token))
        return True

    async def _read_most(self) -> None:
        """Read the most that can be paid, for the line below the amount; empty if no chain can pay."""
        self._most = None
        with contextlib.suppress(L2sendError):
            asked = Payment(self._who.address, self.destination.account, Amount(1, self.token))
            review = await self._client.plan_max(asked, self._limits)
            self._most = review.plan.payment.amount

    def _sum(self) -> Amount:
        """The sum of the chosen token on all chains, by the newest reading."""
        held = self._held.of(self.token, self.destination.chain)
        return Amount(sum(amount.in_units_of(self.token) for amount in held), self.token)

    def _judge_amount(self, typed: str) -> None:
        """Raises BadAmount for more than the balance; fees are checked with the plan."""
        typed = without_symbol(typed, self.token)
        if not is_max(typed) and parse_amount(typed, self.token).units > (limit := self._sum()).units:
            payable = f"; at most {self._most} can be paid" if self._most else ""
            raise BadAmount(f"you hold at most {limit} on all chains together{payable}.")

    def _what_is_left(self, typed: str) -> str:
        """A line on the balance and what would remain after `typed`."""
        limit = self._sum()
        line = f"you hold {limit}: {self._places(self._held.of(self.token, self.destination.chain))}"
        if self._most:
            line = f"at most {self._most} can be paid; {line}"
        try:
            left = limit.units - parse_amount(without_symbol(typed, self.token), self.token).units
        except L2sendError:
            return line
        return f"{line}; {Amount(left, self.token)} would stay" if left >= 0 else f"{line}; that is too little"

    def _places(self, amounts: list[Amount]) -> str:
        return ", ".join(f"{a.text} on {self._client.registry.chain(a.token.chain_id).short_name}" for a in amounts)

    async def ask_way(self) -> bool:
        with Live.of_answers("asking all chains"):
            self.review = await plan_of(self._client, self.request, self._limits)
        plan = self.review.plan
        if isinstance(self.request, MaxPayment):
            print_beside(err(), Text("  "), styled(f"{self._typed_max} is {plan.payment.amount}", "dim"))
        if not plan.alternatives or isinstance(self.request, MaxPayment) or is_direct(plan.way):
            return False
        best, *others = (plan.way, *plan.alternatives)
        if reason := why_not_cheapest(plan):
            print_beside(err(), Text("  "), styled(reason, "dim", limit=400))
        lines = [(f"{in_a_line(best)} (best)", best), *((in_a_line(way), way) for way in others)]
        way = await choose("Way", lines)
        if way is not best:
            self.review = await self._client.choose(self.review, way)
        return True

    async def ask_memo(self) -> bool:
        question = "A memo for your history (Enter: none)"
        self.memo = await ask_text(question, lambda _: None, below=lambda _: "`back` leads to the question before")
        return True

    async def ask_consent(self) -> bool:
        while True:
            registry, notes = self._client.registry, notes_of(self.destination, self.review, self._client.paths)
            show_review(self.review, registry, self.destination, notes=notes)
            recent = self._client.paid_recently(self.review.plan.payment)
            self.again = await refuse_or_ask_again(self.review.plan.payment, recent, yes=False, again=False)
            await consent(self.destination, self.review, registry, back=True)
            self._who.unlock()
            if not await self._client.has_expired(self.review):
                return True
            err().print("The prices have expired. Asking for new ones.", style="yellow")
            await self.ask_way()
