"""Finds the paying account from options and environment, and opens its key when something must be signed."""

from __future__ import annotations

import os
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread, current_thread, main_thread
from typing import TYPE_CHECKING

from l2send.cli.forgotten_devnet import reminder_of_the_devnet
from l2send.cli.interruptible import apart, load_package, result_of, run_into
from l2send.cli.loading_beside import BESIDE_THE_LOOKS, BESIDE_THE_PLAN, TO_OPEN_A_KEYSTORE, load_beside
from l2send.cli.options import AccountOptions, KeyOptions, SenderOptions
from l2send.cli.own_accounts import refuse_name_after_from
from l2send.cli.progress import Live
from l2send.cli.screen import aloud, err, print_words, styled
from l2send.cli.secret_prompts import TRIES
from l2send.cli.settings import load_settings
from l2send.cli.terminal import ask_password, ask_unseen, can_ask
from l2send.cli.terminal_echo import without_echo
from l2send.core.address import Address, parse_address
from l2send.core.errors import ConfigError, UsageError
from l2send.core.paths import Paths
from l2send.core.units import ChainId, Gas, Nonce
from l2send.wallet.keys.derivation import DerivationPath, parse_path, path_on_device
from l2send.wallet.keys.keyring import remembered
from l2send.wallet.keys.keystore import Keystore, WrongPassword, find, named, open_keystore, password_from

if TYPE_CHECKING:
    from l2send.core.plan import GasPrice, UnsignedTx
    from l2send.core.typed_data import TypedData
    from l2send.wallet.journal.records import Record
    from l2send.wallet.keys.signed import SignedTx
    from l2send.wallet.keys.signer import Signer


@dataclass
class Sender:
    """The account that pays; its key stays locked until `unlock`."""

    keystore: Keystore | None
    stated: Address | None
    keys: KeyOptions
    _signer: Signer | None = field(default=None, repr=False)
    _opening: Future[Signer] | None = field(default=None, repr=False)

    @property
    def address(self) -> Address:
        """The account's address; opens the keystore only if it is not known otherwise."""
        return self.stated or self.unlock().address

    @property
    def name(self) -> str:
        """The account's name here; empty without a keystore."""
        return self.keystore.name if self.keystore else ""

    def unlock(self) -> Signer:
        """The signer. Asks for the password on a terminal if it is not given otherwise. Raises ConfigError."""
        if self._signer is None:
            signer = self._opened_beside(self._opening) if self._opening else self._open()
            if self.stated and signer.address != self.stated:
                raise UsageError(f"the key opened is that of {signer.address}, not of {self.stated}.")
            self._signer = signer
        return self._signer

    def prepare_to_plan(self) -> None:
        """After the first requests are sent: import the bridges, and open the key in a thread if its password is in a
        file. `unlock` raises any error.
        """
        if self.keystore and self._password_is_in_a_file:  # scrypt takes longest, so it begins first
            load_beside(TO_OPEN_A_KEYSTORE, self._begin_to_unlock)
        load_beside(BESIDE_THE_PLAN)

    def prepare_to_sign(self) -> None:
        """After the next requests are sent, or while a question is answered: import the signing libraries."""
        load_beside(BESIDE_THE_LOOKS)

    def _begin_to_unlock(self) -> None:
        if not self._signer and not self._opening:
            self._opening = Future()
            Thread(target=run_into, args=(self._opening, self._open), daemon=True).start()

    def _opened_beside(self, opening: Future[Signer]) -> Signer:
        load_package("eth_account")  # while scrypt runs in the thread, which loads nothing of it
        return result_of(opening)

    @property
    def _password_is_in_a_file(self) -> bool:
        return bool(self.keys.password_file or os.environ.get("ETH_PASSWORD")) and self.keys.password_fd is None

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        """Sign, opening the key only now: a payment that needs no more signatures asks for no password."""
        return self.unlock().sign(chain_id, nonce, tx, gas, price)

    def sign_typed(self, data: TypedData) -> bytes:
        """Sign an EIP-712 message, opening the key only now."""
        return self.unlock().sign_typed(data)

    def _open(self) -> Signer:
        if _names_a_device(self.keys):
            return _open_device(self.keys)
        if self.keys.private_key:
            return _open_bare_key(self.keys.private_key)
        if self.keystore is None:
            whose = f"the account {self.stated} has no keystore here" if self.stated else "no account was named"
            raise ConfigError(
                f"{whose}, so nothing can be signed.",
                hint="Name one with --account or --keystore; `l2send wallet list` shows those that are known.",
            )
        return self._open_keystore(self.keystore)

    def _open_keystore(self, keystore: Keystore) -> Signer:
        """Open it, asking again after a wrong typed password. Raises ConfigError."""
        typed = list[str]()

        def ask() -> str:
            typed.append(ask_password(keystore.name))
            return typed[-1]

        with without_echo():  # until the key is open: the next try may be typed ahead
            while True:
                password = password_from(
                    file=self.keys.password_file,
                    descriptor=self.keys.password_fd,
                    kept=lambda: remembered(keystore.path),
                    prompt=ask if can_ask() else None,
                )
                try:
                    return _opened(keystore, password)
                except WrongPassword:
                    if not typed or len(typed) == TRIES:
                        raise
                    print_words(aloud(), f"That password does not open {keystore.name}. Try again.", "yellow")


def _opened(keystore: Keystore, password: str) -> Signer:
    """The signer of a keystore; scrypt takes a second or two. Raises ConfigError, KeyboardInterrupt."""
    if current_thread() is not main_thread():
        return open_keystore(keystore.path, password)
    for package in TO_OPEN_A_KEYSTORE:
        load_package(package)
    with Live(f"opening {keystore.name}"):
        return apart(lambda: open_keystore(keystore.path, password))


def choose_sender(paths: Paths, options: SenderOptions, keys: KeyOptions | None = None) -> Sender:
    """The account of a device or a bare key, or that of --keystore, --account, --from, config.toml; else the only one.

    Raises UsageError for conflicting key options, ConfigError.
    """
    keys = keys or KeyOptions()
    refuse_contradiction(keys)
    if options.sender:
        refuse_name_after_from(options.sender)
    stated = parse_address(options.sender)[0] if options.sender else None
    if keys.private_key or _names_a_device(keys):
        return Sender(None, stated, keys)
    wanted = str(options.keystore) if options.keystore else options.account or stated
    wanted = wanted or load_settings(paths.settings).text("account")
    found = _find(wanted, paths, must_exist=wanted != stated) if wanted else _only_one(paths)
    return Sender(found, stated or (found.address if found else None), keys)


def account_names(text: str) -> list[str | None]:
    """The accounts of a list like `payroll,grants`; None for the default account. Raises UsageError."""
    names = [name.strip() for name in text.split(",")] if text else []
    if "" in names or len(set(names)) != len(names):
        raise UsageError("--accounts is a list of different names.", hint="Write --accounts payroll,grants")
    return [*names] or [None]


def is_sender_named(paths: Paths, options: SenderOptions, keys: KeyOptions) -> bool:
    """Whether options, environment or config.toml name the paying account. Raises ConfigError."""
    if keys.private_key or _names_a_device(keys) or options.keystore or options.account or options.sender:
        return True
    return bool(load_settings(paths.settings).text("account"))


def choose_payer(paths: Paths, payer: Address, options: AccountOptions, keys: KeyOptions) -> Sender:
    """The account that made a payment: only it can sign for it. Raises UsageError, ConfigError."""
    account = options.account or (None if options.keystore else payer)
    return choose_sender(paths, SenderOptions(account, options.keystore, payer), keys)


def choose_signer(paths: Paths, record: Record, options: AccountOptions, keys: KeyOptions) -> Sender:
    """The account that signs a payment's next step: its own, or any with gas if a Safe's owners signed it.

    Raises UsageError, ConfigError.
    """
    if not record.payment.by_owners:
        return choose_payer(paths, record.payment.signer, options, keys)
    if options.account or options.keystore or keys.private_key or _names_a_device(keys):
        return choose_sender(paths, SenderOptions(options.account, options.keystore), keys)
    sent = [tx.sender for tx in record.transactions]
    return choose_payer(paths, sent[-1], options, keys) if sent else Sender(None, None, keys)


def refuse_contradiction(keys: KeyOptions) -> None:
    """Raises UsageError for conflicting key options, before anything else is checked."""
    if not _names_a_device(keys):
        if keys.hd_path is not None or keys.hd_index is not None:
            raise UsageError(
                "--hd-path and --mnemonic-index choose a key of a device.", hint="Add --ledger or --trezor."
            )
        return
    if (keys.ledger and keys.trezor) or keys.private_key:
        raise UsageError("more than one key is named: --ledger, --trezor, --private-key.", hint="Name one.")
    if keys.hd_path is not None and keys.hd_index is not None:
        raise UsageError("--hd-path names the key, so --mnemonic-index has no effect here.")
    _path_on(keys)


def _names_a_device(keys: KeyOptions) -> bool:
    return keys.ledger or keys.trezor


def _path_on(keys: KeyOptions) -> DerivationPath:
    """Which account of the device. Raises UsageError."""
    return path_on_device(keys.hd_index or 0) if keys.hd_path is None else parse_path(keys.hd_path)


def _open_device(keys: KeyOptions) -> Signer:
    """The device's signer. Raises ConfigError, Interrupted."""
    from l2send.wallet.keys.hardware import HardwareSigner
    from l2send.wallet.keys.ledger import open_ledger
    from l2send.wallet.keys.trezor import open_trezor

    device = open_ledger(_path_on(keys)) if keys.ledger else open_trezor(_path_on(keys), ask_unseen)
    return HardwareSigner(device, lambda text: err().print(styled(text, "bold")))


def _open_bare_key(text: str) -> Signer:
    from l2send.wallet.keys.signer import LocalSigner, SecretKey

    err().print("A private key on the command line can be read by other programs.", style="yellow")
    return LocalSigner(SecretKey.from_hex(text))


def _find(wanted: str, paths: Paths, *, must_exist: bool) -> Keystore | None:
    try:
        return named(wanted, paths.keystores)
    except ConfigError:
        if must_exist:
            raise
        return None


def _only_one(paths: Paths) -> Keystore:
    """The single own keystore. Raises ConfigError if there is none, or several."""
    own = [k for k in find(paths.keystores) if k.origin == "l2send"]
    if len(own) == 1:
        return own[0]
    if own:
        names = ", ".join(k.name for k in own)
        raise ConfigError("which account?", hint=f"Add --account NAME, one of: {names}")
    hint = "Make one: l2send wallet new NAME. Or name one: --account NAME"
    raise ConfigError("there is no account yet.", hint=f"{hint}. {reminder_of_the_devnet(paths)}".removesuffix(". "))
