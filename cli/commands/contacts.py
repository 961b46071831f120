"""`l2send contacts`: the address book, whose names can be used as destinations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from l2send.cli.edited_toml import change_toml
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.own_accounts import with_own_account
from l2send.cli.prompts import yes_or_no
from l2send.cli.screen import err, out, print_data, print_json, print_words, styled, table
from l2send.cli.spreadsheet import csv_text
from l2send.cli.terminal import can_ask, run_to_end
from l2send.core.address import alike, parse_address
from l2send.core.chains import Registry
from l2send.core.csv_rows import csv_rows
from l2send.core.errors import ConfigError, ExitStatus, Interrupted, NeedsConfirmation, UsageError
from l2send.core.paths import Paths
from l2send.core.rpc import open_rpcs
from l2send.core.text import clean, json_escaped
from l2send.core.trusted_files import read_trusted_text
from l2send.offline_lookups import paid_accounts_like
from l2send.resolver.contacts import Book, Contact, check_name, load_book, parse_book
from l2send.resolver.destination import look_up, understand
from l2send.resolver.spelling import Voucher

_COLUMNS = ("name", "address", "chains", "ens")

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="small letters, digits, - and _")]
Place = Annotated[str, typer.Argument(metavar="DESTINATION", help="chain:address, chain:name.eth, an address alone, …")]
Known = Annotated[str, typer.Argument(metavar="CONTACT", help="a contact's name")]


@app.callback(invoke_without_command=True)
@spread
def contacts(context: typer.Context, run_options: RunOptions) -> None:
    """Keep the accounts you pay under names. A name is a destination: `l2send 25 USDC alice`.

    Example: l2send contacts
    """
    if not context.invoked_subcommand:
        _list(run_options)


@app.command("add")
@spread
def add(
    name: Name,
    destination: Place,
    chain: Annotated[
        list[str] | None, typer.Option("--chain", metavar="CHAIN", help="Also theirs on this chain; repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="The address was compared: take it without a checksum.")] = (
        False
    ),
    *,
    run_options: RunOptions,
) -> int:
    """Give an account a name. For a name that is there with this address, add the chain.

    An ENS name is looked up once; its address is what is stored. An address alone is paid as `base:alice`.

    Example: l2send contacts add alice base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045
    """
    paths = run_options.paths
    registry, book = run_options.registry(), load_book(paths.contacts)
    name = name.lower()
    check_name(name, registry)
    account = with_own_account(destination, registry, book, paths)

    async def run() -> int:
        contact, checked = await _meant(name, account, chain or [], registry)
        known = book.contacts.get(name)
        if known and known.address == contact.address and set(contact.chains) - set(known.chains) and known.chains:
            contact = replace(known, chains=tuple(dict.fromkeys([*known.chains, *contact.chains])))
            Book({other.name: other for other in book if other.name != name}).check_new(contact, registry)
        else:
            book.check_new(contact, registry)
        _refuse_imitation(contact, paths)
        if not checked:
            await _compared(contact, yes=yes)
        _write(paths, [contact])
        if run_options.as_json:
            print_json(_alone(contact))
        err().print(styled(f"{name} is {contact}", limit=600), soft_wrap=True)
        if contact.ens:
            words = f"That is where {contact.ens} leads now. It is stored, and not looked up again."
            print_words(err(), styled(words, limit=400))
        return ExitStatus.DELIVERED

    return run_to_end(run())


async def _meant(name: str, text: str, chains: Sequence[str], registry: Registry) -> tuple[Contact, bool]:
    """The contact, and whether a checksum or ENS confirms its address. Raises UsageError, NetworkError."""
    spelling = understand(text, registry)
    more = [registry.named(chain).short_name for chain in chains]
    if spelling.name and more:
        raise UsageError(
            f"{spelling.name} may have another address on each chain.", hint="Leave --chain out, or write the address."
        )
    checked = spelling.vouched_by is not Voucher.NONE
    if spelling.chain is None and spelling.address:
        return Contact(name, spelling.address, tuple(dict.fromkeys(more))), checked
    async with open_rpcs(registry) as rpcs:
        found = await look_up(spelling, rpcs)
    places = tuple(dict.fromkeys([found.chain.short_name, *more]))
    return Contact(name, found.address, places, found.name), checked or bool(found.name)


def _refuse_imitation(contact: Contact, paths: Paths) -> None:
    """Refuse imitations of paid accounts: attackers place them where people copy addresses. Raises UsageError."""
    paid = paid_accounts_like(paths, contact.address)
    imitated = next((address for address in paid if alike(address, contact.address)), None)
    if imitated and contact.address not in paid:
        raise UsageError(
            f"{contact.address} looks like {imitated}, which you paid before, and is another one.",
            hint="Compare every character with what the recipient says. Nothing was added.",
        )


async def _compared(contact: Contact, *, yes: bool) -> None:
    """Ask to compare the address: later payments to the contact rely on it. Raises NeedsConfirmation."""
    if yes:
        return
    if not can_ask():
        raise NeedsConfirmation(
            f"{contact.address} was written without a checksum: a wrong character would go unnoticed.",
            hint="Write it in mixed case as its owner has it, or add --yes if every character was compared.",
        )
    if not await yes_or_no(f"No checksum. Did you compare every character of {contact.address}?"):
        raise Interrupted("not compared: nothing was added.")


@app.command("list")
@spread
def list_(run_options: RunOptions) -> None:
    """List the contacts.

    Example: l2send contacts list
    """
    _list(run_options)


def _list(run_options: RunOptions) -> None:
    book = load_book(run_options.paths.contacts)
    if run_options.as_json:
        print_json(_all(book))
        return
    if not book:
        err().print("No contacts yet. Add one: l2send contacts add NAME chain:address")
        return
    rows = table("name", "address", "chains", "from")
    for contact in book:
        rows.add_row(
            styled(contact.name, "bold"), contact.address, " ".join(contact.chains) or "any", styled(contact.ens)
        )
    out().print(rows)


@app.command("show")
@spread
def show(contact: Known, run_options: RunOptions) -> None:
    """Show where a contact is paid: a line for each chain.

    Example: l2send contacts show alice
    """
    found = load_book(run_options.paths.contacts).named(contact)
    if run_options.as_json:
        print_json(_alone(found))
        return
    for chain in found.chains:
        out().print(f"{chain}:{found.address}")
    if not found.chains:
        out().print(found.address)


@app.command("remove")
@spread
def remove(contact: Known, run_options: RunOptions) -> None:
    """Forget a contact. Payments are not touched.

    Example: l2send contacts remove alice
    """
    paths = run_options.paths
    gone = load_book(paths.contacts).named(contact)
    change_toml(paths.contacts, lambda document: document["contacts"].remove(gone.name), _readable(paths))
    if run_options.as_json:
        print_json(_alone(gone))
    err().print(styled(f"Removed. {gone.name} was {gone}", limit=600), soft_wrap=True)


@app.command("export")
@spread
def export(
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV for spreadsheets, instead of TOML.")] = False,
    *,
    run_options: RunOptions,
) -> None:
    """Print all contacts on stdout, as `import` reads them.

    --json prints what `list --json` does; `import` reads TOML and CSV.

    Example: l2send contacts export --csv > contacts.csv
    """
    if as_csv and run_options.as_json:
        raise UsageError("--csv and --json cannot be combined.", hint="Use one of them.")
    paths = run_options.paths
    book = load_book(paths.contacts)
    if run_options.as_json:
        print_json(_all(book))
    elif as_csv:
        rows = [(c.name, c.address, " ".join(c.chains), c.ens) for c in book]
        print_data(csv_text(_COLUMNS, rows))
    elif book:
        print_data(json_escaped(paths.contacts.read_text(encoding="utf-8")))


@app.command("import")
@spread
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="what `export` wrote: .toml or .csv")],
    run_options: RunOptions,
) -> None:
    """Add the contacts of a file: all, or none if one is invalid.

    Contacts that exist already are skipped.

    Example: l2send contacts import contacts.csv
    """
    paths = run_options.paths
    registry, book = run_options.registry(), load_book(paths.contacts)
    new = [contact for contact in _contacts_in(file) if contact != book.contacts.get(contact.name)]
    for contact in new:
        book.check_new(contact, registry)
        _refuse_imitation(contact, paths)
        book = Book({**book.contacts, contact.name: contact})
    if new:
        _write(paths, new)
    if run_options.as_json:
        print_json(_all(new))
    err().print(f"Added {len(new)} contact{'' if len(new) == 1 else 's'}.")


def _contacts_in(file: Path) -> list[Contact]:
    """The contacts in a file, by its suffix. Raises ConfigError, UsageError. A CSV address needs its checksum too."""
    try:
        text = read_trusted_text(file)
    except FileNotFoundError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}.", hint="Nothing was added.") from error
    if file.suffix.lower() != ".csv":
        return list(parse_book(text, str(file)))
    try:
        rows = list(csv_rows(text, _COLUMNS, ("name", "address")))
    except UsageError as error:
        raise ConfigError(f"{file}, {error.message}", hint=f"{error.hint} Nothing was added.".strip()) from error
    for line, row in rows:
        if any(len(cell.splitlines()) > 1 for cell in row.values()):
            raise ConfigError(
                f"{file}, line {line}: a cell holds several lines.",
                hint="A quote may not be closed: the contacts after it would be lost. Nothing was added.",
            )
    return [_contact_in(row) for _, row in rows]


def _contact_in(row: Mapping[str, str]) -> Contact:
    """One line of CSV. Raises UsageError."""
    name, address = (row.get(column, "").strip() for column in ("name", "address"))
    address, checksummed = parse_address(address)
    if not checksummed:
        raise NeedsConfirmation(
            f"the address of {clean(name, 40)} has no checksum: {address}.",
            hint="Write it in mixed case as its owner has it. Nothing was added.",
        )
    chains, ens = row.get("chains", "").split(), clean(row.get("ens", ""), 255)
    return Contact(name.lower(), address, tuple(chains), ens)


def _write(paths: Paths, new: Sequence[Contact]) -> None:
    """Append `new`, or replace entries of the same names. Raises ConfigError."""

    def change(document: Any) -> None:
        entries = document.setdefault("contacts", {})
        for contact in new:
            fields = {"address": contact.address, "chains": list(contact.chains), "ens": contact.ens}
            entries[contact.name] = {key: value for key, value in fields.items() if value}

    change_toml(paths.contacts, change, _readable(paths))


def _readable(paths: Paths) -> Any:
    """A check that the new text can be read again."""
    return lambda text: parse_book(text, str(paths.contacts))


def _all(contacts: Iterable[Contact]) -> dict[str, object]:
    return {"schema": "l2send.contacts/1", "contacts": [_document(contact) for contact in contacts]}


def _alone(contact: Contact) -> dict[str, object]:
    return {"schema": "l2send.contact/1", **_document(contact)}


def _document(contact: Contact) -> dict[str, object]:
    return {
        "name": contact.name,
        "address": contact.address,
        "chains": list(contact.chains),
        "ens": contact.ens or None,
        "destinations": [f"{chain}:{contact.address}" for chain in contact.chains],
    }
