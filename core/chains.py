"""Reads the registry from chains.toml into types.

Order of precedence: `L2SEND_RPC_<CHAINID>`, the user's chains.toml, the one that ships with l2send.
While a devnet runs in this home, its chains are the whole registry: play money never meets real money.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from l2send.core.account_contracts import (
    Delegate,
    Deployment,
    SafeVersion,
    delegates_of,
    multicall3_of,
    safes_of,
    takes_delegations,
)
from l2send.core.address import Address, checksum
from l2send.core.chain_facts import Code, Ens, Stage, l1_fee_oracle_of, pinned_code
from l2send.core.chain_names import nearest, same_letters
from l2send.core.environment import rpc_of_environment
from l2send.core.errors import ConfigError, L2sendError, UnknownChain, UnknownToken
from l2send.core.paths import Paths
from l2send.core.redaction import remember_url
from l2send.core.settlers import Settlers, settlers_of, types_of
from l2send.core.shipped_chains import refuse_real, shipped_tables
from l2send.core.text import clean
from l2send.core.toml_lines import line_of
from l2send.core.units import ChainId, Token
from l2send.core.user_chains import KINDS, Problem, judge, lay_over, parse, read_text

__all__ = ["Chain", "Code", "Ens", "Registry", "Stage", "check_user_chains", "load_registry"]

_SCHEMA = 1
_LONGEST_NAME = 80
S = TypeVar("S", bound=Settlers)


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain of the registry. `short_name` is its ERC-3770 name."""

    short_name: str
    chain_id: ChainId
    name: str
    kind: str
    testnet: bool
    native: Token
    rpcs: tuple[str, ...] = field(repr=False)  # URLs may hold API keys
    explorer: str
    confirmations: int
    stage: Stage
    multicall3: Address | None
    """Answers many reads in one request; None if its address is unknown: then each read is a request."""
    price_feed: Address | None
    """Chainlink AggregatorV3 of the native coin in USD, on this chain."""
    tokens: tuple[Token, ...]
    settlers: Mapping[str, Settlers] = field(default_factory=dict[str, Settlers])
    """For each bridge, its contracts and quote API on this chain."""
    ens: Ens | None = None
    pinned: Mapping[str, Mapping[str, Code]] = field(default_factory=dict[str, Mapping[str, Code]])
    """For each bridge, by the field names of `settlers`: the code at the time of pinning."""
    safes: tuple[SafeVersion, ...] = ()
    """The versions of Safe on this chain, oldest first."""
    delegates: tuple[Delegate, ...] = ()
    """Contracts that an account may delegate to on this chain, if they are there (EIP-7702)."""
    takes_delegations: bool = True
    """False if the registry says that the chain takes no transactions of EIP-7702."""
    pinned_multicall3: Deployment | None = None
    """`multicall3`, if the registry pins its code: only then payments of native coin go through it."""
    aliases: tuple[str, ...] = ()
    """Other names accepted for this chain as input, in lower case; never printed."""
    l1_fee_oracle: Address | None = None
    """The contract whose `getL1Fee(bytes)` returns the L1 data fee; None if the chain charges none."""
    _contracts: list[frozenset[Address]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the chain, in lower case."""
        return (self.short_name.lower(), self.name.lower(), *self.aliases)

    @property
    def assets(self) -> tuple[Token, ...]:
        """The native coin, then every token."""
        return (self.native, *self.tokens)

    def token(self, wanted: str) -> Token:
        """The token with that symbol (in any case) or address. Raises UnknownToken.

        Symbols are unique within a chain of the registry: native and bridged USDC are USDC and USDC.e.
        """
        if wanted.lower().startswith("0x"):
            return self._token_at(wanted)
        exact = [t for t in self.assets if t.symbol.lower() == wanted.lower()]
        if exact:
            return exact[0]
        known = ", ".join(t.symbol for t in self.assets)
        # USDT is not a misspelt USDC: only symbols with the same letters in another order are suggested.
        meant = next((t.symbol for t in self.assets if same_letters(t.symbol, wanted)), "")
        raise UnknownToken(
            f"{wanted[:40]!r} is not a token l2send knows on {self.name}.",
            hint=f"{f'Did you mean {meant}? ' if meant else ''}Tokens there: {known}",
            correction=(wanted, meant) if meant else None,
        )

    def _token_at(self, wanted: str) -> Token:
        address = checksum(wanted)
        for token in self.tokens:
            if token.address == address:
                return token
        raise UnknownToken(
            f"the token {address} is not in the registry of {self.name}.",
            hint="Add it to your own chains.toml after checking the address with its issuer.",
        )

    def settlers_of(self, bridge: str, kind: type[S]) -> S | None:
        """The entry of `bridge`, if it is of that type."""
        return found if isinstance(found := self.settlers.get(bridge), kind) else None

    def asset_like(self, token: Token) -> Token | None:
        """The same asset on this chain, or None."""
        return next((t for t in self.assets if t.same_asset(token)), None)

    def contracts(self) -> frozenset[Address]:
        """Every contract of this chain that is not an account: tokens, settlers, Multicall3, oracles, Safe's own."""
        if not self._contracts:  # Needed for every chain and recipient: collected once.
            settlers = (address for entry in self.settlers.values() for address in entry.contracts.values())
            ens = (self.ens.registry, self.ens.universal_resolver) if self.ens else ()
            others = (a for a in (self.multicall3, self.l1_fee_oracle, self.price_feed, *ens) if a)
            safes = (contract.address for safe in self.safes for contract in safe.contracts)
            more = (*(t.address for t in self.tokens if t.address), *(d.code.address for d in self.delegates))
            self._contracts.append(frozenset({*settlers, *others, *safes, *more}))
        return self._contracts[0]


@dataclass(frozen=True, slots=True)
class Registry:
    """All known chains, by short name and by chain id."""

    by_name: Mapping[str, Chain]
    is_devnet: bool = False
    retired: Mapping[str, str] = field(default_factory=dict[str, str])
    """Retired short names, each with the name that replaced it."""
    elsewhere: Mapping[str, str] = field(default_factory=dict[str, str])
    """Short names of unlisted chains that could be confused with a name of a listed chain, in their exact spelling,
    each with the name of that chain."""
    problems: tuple[Problem, ...] = ()
    """Errors in the user's own file. The chains of these entries are left out."""

    def __iter__(self) -> Iterator[Chain]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def chain(self, chain_id: ChainId) -> Chain:
        """The chain with that EIP-155 id. Raises UnknownChain."""
        for chain in self:
            if chain.chain_id == chain_id:
                return chain
        left_out = "; ".join(str(problem) for problem in self.problems if problem.chain)
        raise UnknownChain(
            f"no chain with id {chain_id} in the registry.",
            hint=f"These entries are wrong, and their chains are left out: {left_out}" if left_out else "",
        )

    def shown(self, chain_id: ChainId) -> Chain:
        """The chain with that id, to report a payment on it; if no longer listed, only its id is known."""
        try:
            return self.chain(chain_id)
        except UnknownChain:
            name, coin = f"unlisted-{chain_id}", Token(chain_id, None, "", 18)
            return Chain(name, chain_id, name, "", False, coin, (), "", 1, Stage("none", ""), None, None, ())

    def find(self, name: str) -> Chain | None:
        """The chain with that ERC-3770 short name, in any case, or with that alias if unambiguous.

        None for a retired name, and for the name of an entry with errors.
        """
        if name in self.by_name:
            return self.by_name[name]
        low = name.lower()
        if (
            name in self.elsewhere
            or low in self.retired
            or any(problem.chain.lower() == low for problem in self.problems)
        ):
            return None
        same = [c for c in self if c.short_name.lower() == low] or [c for c in self if low in c.aliases]
        return same[0] if len(same) == 1 else None

    def named(self, short_name: str) -> Chain:
        """The chain that `find` finds. Raises UnknownChain with a suggestion, and ConfigError."""
        if chain := self.find(short_name):
            return chain
        self.refuse_left_out(short_name)
        if self.is_devnet:
            refuse_real(short_name, [*self.by_name])
        if now := self.retired.get(short_name):
            raise UnknownChain(
                f"the short name {short_name} is retired: {self.by_name[now].name} is called {now} now.",
                hint=f"Write {now} if {self.by_name[now].name} is what you mean.",
            )
        if short_name in self.elsewhere:
            raise UnknownChain(
                f"{short_name} is the short name of {self.elsewhere[short_name]}, which l2send does not know.",
                hint=self._meant(short_name),
            )
        only = (short_name, meant[0]) if len(meant := self._nearest(short_name)) == 1 else None
        raise UnknownChain(f"no chain is called {short_name[:40]!r}.", hint=self._meant(short_name), correction=only)

    def refuse_left_out(self, short_name: str) -> None:
        """Raises ConfigError for a chain whose entry in the user's file is wrong."""
        wrong = [problem for problem in self.problems if problem.chain == short_name]
        if wrong:
            raise ConfigError(
                "\n".join([f"the chain {short_name} cannot be used: its entry is wrong.", *map(str, wrong)]),
                hint="Correct the file. docs/chains.md says which fields there are.",
            )

    @property
    def ens_chain(self) -> Chain | None:
        """The chain whose ENS resolves names: Ethereum among real chains."""
        return next((c for c in sorted(self, key=lambda c: c.testnet) if c.ens), None)

    def _nearest(self, wanted: str) -> list[str]:
        """The short names of the chains that `wanted` may mean."""
        by_id = [chain.short_name for chain in self if wanted == str(chain.chain_id)]
        names = {name: chain.short_name for chain in self for name in chain.names}
        return by_id or nearest(wanted, names, {chain.short_name for chain in self if chain.testnet})

    def _meant(self, wanted: str) -> str:
        """A hint for a chain id in place of a short name, for a full name, or with the nearest short names."""
        if meant := self._nearest(wanted):
            if wanted == str(self.by_name[meant[0]].chain_id):
                return f"{wanted} is a chain id; the short name of {self.by_name[meant[0]].name} is {meant[0]}"
            return "Did you mean: " + ", ".join(f"{m} ({self.by_name[m].name})" for m in meant)
        return "`l2send chains` lists every chain l2send knows."


def load_registry(paths: Paths) -> Registry:
    """The registry with every override applied. Raises ConfigError on a file that cannot be read.

    A chain with a wrong entry in the user's own file is left out: see `Registry.problems`.
    """
    devnet = paths.devnet / "chains.toml"
    if devnet.exists():
        data = parse(read_text(devnet), devnet)
        return Registry(_with_env_rpcs(_devnet_chains(data, devnet)), is_devnet=True)
    if not paths.user_chains.exists():
        return _registry("", paths.user_chains)
    return _registry(read_text(paths.user_chains), paths.user_chains)


def check_user_chains(text: str, path: Path) -> None:
    """Raises ConfigError if `text`, as the user's chains.toml at `path`, has an unusable entry."""
    problems = _registry(text, path).problems
    if problems:
        raise ConfigError("\n".join(str(problem) for problem in problems))


def _registry(text: str, path: Path) -> Registry:
    """The shipped registry with the user's tables laid over it."""
    user = parse(text, path) if text else {}
    data = deepcopy(shipped_tables()) if user else shipped_tables()
    shipped = {url for entry in data["chains"].values() for url in entry["rpcs"]}
    if user.get("schema", _SCHEMA) != _SCHEMA:
        raise ConfigError(f"{path}: schema {user.get('schema')!r} is not {_SCHEMA}.")
    problems = list(judge(user, text, path, data["chains"]))
    lay_over(data, {key: user[key] for key in ("chains", "retired", "accounts") if isinstance(user.get(key), Mapping)})
    own = user.get("chains", {}).keys() if isinstance(user.get("chains"), Mapping) else ()
    chains, wrong = _usable_chains(data, own, {problem.chain for problem in problems})
    problems += (Problem(path, line_of(text, ("chains", name)), name, f"{name}: {why}") for name, why in wrong.items())
    chains = _with_env_rpcs(chains)
    for url in {url for chain in chains.values() for url in chain.rpcs} - shipped:
        remember_url(url)
    renamed = {old: now for old, now in data.get("retired", {}).items() if isinstance(now, str)}
    retired = {old: now for old, now in renamed.items() if now in chains and old not in chains}
    elsewhere = {name: chain for name, chain in data.get("elsewhere", {}).items() if name not in chains}
    return Registry(chains, retired=retired, elsewhere=elsewhere, problems=tuple(problems))


def _usable_chains(
    data: Mapping[str, Any], own: Collection[str], left_out: Collection[str]
) -> tuple[dict[str, Chain], dict[str, str]]:
    """The chains of all tables but those in `left_out`, in their order; and by name why others are unusable. Shipped
    chains are read before the user's `own`, which cannot take over the chain id of a shipped one.
    """
    found, wrong, first_of = dict[str, Chain](), dict[str, str](), dict[str, Settlers]()
    entries = [item for item in data["chains"].items() if item[0] not in left_out]
    for name, entry in sorted(entries, key=lambda item: item[0] in own):
        try:
            chain = _chain(name, entry, data["accounts"])
            _refuse_second(chain, found)
            for bridge, listed in chain.settlers.items():
                types_of([{bridge: first_of.setdefault(bridge, listed)}, {bridge: listed}])
            found[name] = chain
        except (KeyError, TypeError, ValueError, AttributeError, L2sendError) as error:
            wrong[name] = clean(error.message if isinstance(error, L2sendError) else error, 200)
    return {name: found[name] for name in data["chains"] if name in found}, wrong


def _refuse_second(chain: Chain, chains: Mapping[str, Chain]) -> None:
    """Raises ValueError for a chain id that another chain has."""
    other = next((each for each in chains.values() if each.chain_id == chain.chain_id), None)
    if other:
        raise ValueError(f"chain_id: {chain.chain_id} is the chain {other.short_name}. Change the entry of that name")


def _devnet_chains(data: Mapping[str, Any], path: Path) -> dict[str, Chain]:
    """The chains of the file that the devnet wrote. Raises ConfigError."""
    chains = dict[str, Chain]()
    for name, entry in data.get("chains", {}).items():
        try:
            chains[name] = _chain(name, entry, data.get("accounts", {}))
        except (KeyError, TypeError, ValueError, AttributeError, L2sendError) as error:
            raise ConfigError(f"{path}: the chain {name} is not usable: {error!r}") from error
    types_of(chain.settlers for chain in chains.values())
    return chains


def _chain(short_name: str, entry: Mapping[str, Any], accounts: Mapping[str, Any]) -> Chain:
    chain_id = ChainId(int(entry["chain_id"]))
    native = entry["native"]
    feed, ens = entry.get("price_feed"), entry.get("ens")
    if entry["kind"] not in KINDS:
        raise ValueError(f"kind {entry['kind']!r}")
    return Chain(
        short_name=short_name,
        chain_id=chain_id,
        name=_plain(entry["name"]),
        kind=entry["kind"],
        testnet=bool(entry.get("testnet", False)),
        native=Token(chain_id, None, _plain(native["symbol"]), int(native["decimals"]), native.get("name", "")),
        rpcs=tuple(entry["rpcs"]),
        explorer=entry.get("explorer", ""),
        confirmations=int(entry["confirmations"]),
        stage=Stage(*(str(entry["stage"].get(key, "")) for key in ("value", "date", "source"))),
        multicall3=checksum(entry["multicall3"]) if "multicall3" in entry else None,
        price_feed=checksum(feed["address"]) if feed else None,
        tokens=_tokens(chain_id, entry),
        settlers=settlers_of(entry.get("settlers", {})),
        ens=_ens(ens) if ens else None,
        aliases=tuple(alias.lower() for alias in entry.get("aliases", ())),
        pinned={name: pinned_code(fields) for name, fields in entry.get("settlers", {}).items()},
        l1_fee_oracle=l1_fee_oracle_of(entry),
        safes=safes_of(accounts, entry),
        delegates=delegates_of(accounts, entry),
        takes_delegations=takes_delegations(accounts, entry),
        pinned_multicall3=multicall3_of(accounts, entry),
    )


def _ens(entry: Mapping[str, str]) -> Ens:
    universal = entry.get("universal_resolver")
    return Ens(checksum(entry["registry"]), checksum(universal) if universal else None)


def _tokens(chain_id: ChainId, entry: Mapping[str, Any]) -> tuple[Token, ...]:
    tokens = tuple(
        Token(
            chain_id,
            checksum(t["address"]),
            _plain(t["symbol"]),
            int(t["decimals"]),
            t.get("name", ""),
            bridged=t["origin"] == "bridged",
            asset=t.get("asset", ""),
            peg=t.get("peg", ""),
        )
        for t in entry.get("tokens", ())
    )
    symbols = [t.symbol.lower() for t in tokens]
    if len(symbols) != len(set(symbols)):
        raise ValueError("two tokens have the same symbol")
    return tokens


def _plain(text: str) -> str:
    """A name or symbol that any screen can display unchanged. Raises ValueError."""
    if not text or clean(text, _LONGEST_NAME) != text:
        raise ValueError("a name or symbol is empty, too long, or holds characters that are not printable")
    return text


def _with_env_rpcs(chains: dict[str, Chain]) -> dict[str, Chain]:
    def override(chain: Chain) -> Chain:
        url = rpc_of_environment(chain.chain_id)
        if not url:
            return chain
        remember_url(url)
        return replace(chain, rpcs=(url,))

    return {name: override(chain) for name, chain in chains.items()}
