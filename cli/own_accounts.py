"""Your own accounts as recipients: an account's name is no destination, and the review says whose an address is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2send.core.chain_names import symbol_meant
from l2send.core.errors import BadAddress, UsageError
from l2send.resolver.contacts import name_and_chain
from l2send.wallet.keys.keystore import Keystore, find

if TYPE_CHECKING:
    from l2send.cli.typed_recipient import Words
    from l2send.core.address import Address
    from l2send.core.chains import Registry
    from l2send.core.paths import Paths
    from l2send.resolver.contacts import Book


def whose(address: Address, paths: Paths) -> str:
    """`bob, an account of yours` for the address of a keystore here; else empty."""
    own = next((one for one in find(paths.keystores) if one.address == address), None)
    return f"{own.name}, an account of yours" if own else ""


def own_account(name: str, paths: Paths) -> Keystore | None:
    """The keystore with that name here, or None."""
    return next((one for one in find(paths.keystores) if one.name == name), None) if name else None


def with_own_account(text: str, registry: Registry, book: Book, paths: Paths) -> str:
    """`text`, with the address in place of the name of an account here: `base:bob`, `bob`. To look at, not to pay."""
    name, chain = name_and_chain(text.strip())
    own = _own_of(name, chain, registry, book, paths)
    if own is None or own.address is None:
        return text
    return f"{chain}:{own.address}" if chain else own.address


def _own_of(name: str, chain: str, registry: Registry, book: Book, paths: Paths) -> Keystore | None:
    """The keystore here that a destination names. Contacts and chains come first."""
    if name.lower() in book.contacts or (chain and not registry.find(chain)) or (not chain and registry.find(name)):
        return None
    return own_account(name, paths)


def refuse_own_name(words: Words, registry: Registry, book: Book, paths: Paths) -> None:
    """Raises BadAddress, with the line to type, for the name of a keystore in place of a destination.

    The name is not taken: a contact of that name may be added later, and would be another recipient.
    """
    name, chain = name_and_chain(words.destination.strip())
    own = _own_of(name, chain, registry, book, paths)
    if own is None:
        return
    whole = f"{chain or 'CHAIN'}:{own.address or 'ADDRESS'}"
    token = symbol_meant(words.token or "TOKEN", (asset.symbol for chain in registry for asset in chain.assets))
    line = " ".join(["l2send", words.amount or "AMOUNT", token, whole])
    address = "" if own.address else f" Its address: l2send wallet show {name}"
    raise BadAddress(
        f"{name} is an account of yours, and no contact: a destination has an address.", hint=f"Write: {line}{address}"
    )


def refuse_name_after_from(text: str) -> None:
    """Raises UsageError for a word after --from that cannot be an address."""
    if text.replace("-", "_").isidentifier():
        raise UsageError(
            f"--from takes an address, and {text[:60]!r} is none.", hint=f"For a name: --account {text[:60]}"
        )
