"""Who pays, and where l2send keeps its things: flags and environment turned into an account and paths."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l2send.cli.screen import err, print_words, styled
from l2send.cli.settings import load_settings
from l2send.core.address import Address, parse_address
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import ConfigError, Interrupted, UsageError
from l2send.core.paths import Paths
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed import TypedData
from l2send.core.units import ChainId, Gas, Nonce
from l2send.wallet.keys.derivation import DerivationPath, parse_path, path_on_device
from l2send.wallet.keys.hardware import HardwareSigner
from l2send.wallet.keys.keyring import remembered
from l2send.wallet.keys.keystore import Keystore, find, named, open_keystore, password_from
from l2send.wallet.keys.ledger import open_ledger
from l2send.wallet.keys.signed import SignedTx
from l2send.wallet.keys.signer import LocalSigner, SecretKey, Signer
from l2send.wallet.keys.trezor import open_trezor


def paths_for(*, devnet: bool) -> Paths:
    """The folders of this run. `--devnet` means the devnet's own home. Raises ConfigError if none runs there."""
    paths = Paths.for_devnet() if devnet else Paths.from_environment()
    if devnet and not (paths.devnet / "chains.toml").exists():
        raise ConfigError("no devnet is running.", hint="Start one: l2send devnet up")
    return paths


def open_registry(*, devnet: bool) -> Registry:
    """The chains of this run; says which entries of the user's own file are wrong. Raises ConfigError."""
    return registry_of(paths_for(devnet=devnet))


def registry_of(paths: Paths) -> Registry:
    """The same, of these folders."""
    registry = load_registry(paths)
    for problem in registry.problems:
        left_out = f"; {problem.chain} is left out" if problem.chain else ""
        print_words(err(), styled(f"{problem}{left_out}", "yellow", limit=600))
    return registry


@dataclass(frozen=True, slots=True)
class Unlocking:
    """How a signer is had without asking: a password from a file or a descriptor, a bare key, or a device."""

    password_file: Path | None = None
    password_fd: int | None = None
    private_key: str | None = field(default=None, repr=False)
    hardware: Hardware | None = None


@dataclass(frozen=True, slots=True)
class Hardware:
    """Which device, and which of its accounts."""

    is_ledger: bool
    path: DerivationPath

    def open(self) -> HardwareSigner:
        """The signer. Raises ConfigError, Interrupted."""
        device = open_ledger(self.path) if self.is_ledger else open_trezor(self.path, _ask_unseen)
        return HardwareSigner(device, lambda text: err().print(styled(text, "bold")))


def unlocking_from(
    password_file: Path | None,
    password_fd: int | None,
    private_key: str | None,
    ledger: bool,
    trezor: bool,
    hd_path: str | None,
    hd_index: int | None,
) -> Unlocking:
    """What was typed about keys, understood. Raises UsageError where it does not go together."""
    if not (ledger or trezor):
        if hd_path is not None or hd_index is not None:
            raise UsageError(
                "--hd-path and --mnemonic-index choose a key of a device.", hint="Add --ledger or --trezor."
            )
        return Unlocking(password_file, password_fd, private_key)
    if (ledger and trezor) or private_key:
        raise UsageError("more than one key is named: --ledger, --trezor, --private-key.", hint="Name one.")
    if hd_path is not None and hd_index is not None:
        raise UsageError("--hd-path says which key, so --mnemonic-index has nothing to say.")
    path = path_on_device(hd_index or 0) if hd_path is None else parse_path(hd_path)
    return Unlocking(hardware=Hardware(ledger, path))


@dataclass
class Sender:
    """The account that pays; its key stays locked until `unlock`."""

    keystore: Keystore | None
    stated: Address | None
    unlocking: Unlocking
    _signer: Signer | None = field(default=None, repr=False)

    @property
    def address(self) -> Address:
        """The account's address; opens the keystore only if nothing else says it."""
        return self.stated or self.unlock().address

    def unlock(self) -> Signer:
        """The signer. Asks for the password on a terminal if nothing else gives it. Raises ConfigError."""
        if self._signer is None:
            signer = self._open()
            if self.stated and signer.address != self.stated:
                raise UsageError(f"the key opened is that of {signer.address}, not of {self.stated}.")
            self._signer = signer
        return self._signer

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        """Sign, opening the key only now: a payment that needs no signature any more asks for no password."""
        return self.unlock().sign(chain_id, nonce, tx, gas, price)

    def sign_typed(self, data: TypedData) -> bytes:
        """Sign an EIP-712 message, opening the key only now."""
        return self.unlock().sign_typed(data)

    def _open(self) -> Signer:
        if self.unlocking.hardware:
            return self.unlocking.hardware.open()
        if self.unlocking.private_key:
            err().print("A private key on the command line can be read by other programs.", style="yellow")
            return LocalSigner(SecretKey.from_hex(self.unlocking.private_key))
        if self.keystore is None:
            raise ConfigError(
                f"the account {self.stated} has no keystore here, so nothing can be signed.",
                hint="Name one with --account or --keystore; `l2send wallet list` shows those that are known.",
            )
        keystore = self.keystore
        password = password_from(
            file=self.unlocking.password_file,
            descriptor=self.unlocking.password_fd,
            kept=lambda: remembered(keystore.path),
            prompt=(lambda: ask_password(keystore.name)) if can_ask() else None,
        )
        return open_keystore(keystore.path, password)


def choose_sender(
    paths: Paths,
    sender: str | None,
    account: str | None,
    keystore: Path | None,
    unlocking: Unlocking | None = None,
) -> Sender:
    """The account of a device or a bare key, or that of --keystore, --account, --from, config.toml; else the only one.

    Raises ConfigError.
    """
    unlocking = unlocking or Unlocking()
    stated = parse_address(sender)[0] if sender else None
    if unlocking.private_key or unlocking.hardware:
        return Sender(None, stated, unlocking)
    wanted = str(keystore) if keystore else account or stated or load_settings(paths.settings).text("account")
    found = _find(wanted, paths, must_exist=wanted != stated) if wanted else _only_one(paths)
    return Sender(found, stated or (found.address if found else None), unlocking)


def choose_payer(
    paths: Paths, payer: Address, account: str | None, keystore: Path | None, unlocking: Unlocking
) -> Sender:
    """The account that made a payment, which alone can sign for it. Raises ConfigError."""
    return choose_sender(paths, payer, account or (None if keystore else payer), keystore, unlocking)


def _find(wanted: str, paths: Paths, *, must_exist: bool) -> Keystore | None:
    try:
        return named(wanted, paths.keystores)
    except ConfigError:
        if must_exist:
            raise
        return None


def _only_one(paths: Paths) -> Keystore:
    """The single own keystore. Raises ConfigError where there is none, or a choice."""
    own = [k for k in find(paths.keystores) if k.origin == "l2send"]
    if len(own) == 1:
        return own[0]
    if own:
        names = ", ".join(k.name for k in own)
        raise ConfigError("which account?", hint=f"Add --account NAME, one of: {names}")
    raise ConfigError("there is no account yet.", hint="Make one: l2send wallet new NAME. Or name one: --account NAME")


def run_to_end(command: Coroutine[Any, Any, int]) -> int:
    """Run a command. Ctrl-C outside a payment's own steps has sent nothing: raises Interrupted."""
    try:
        return asyncio.run(command)
    except KeyboardInterrupt:
        raise Interrupted("interrupted.") from None


def can_ask() -> bool:
    """Whether a person sits at this process."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask_unseen(question: str) -> str:
    """Raises ConfigError where nobody can be asked."""
    from getpass import getpass

    if not can_ask():
        raise ConfigError("the device asks for something to be typed here, and nobody can be asked.")
    return getpass(question)


def ask_password(name: str) -> str:
    """The password, typed unseen. Raises KeyboardInterrupt."""
    from getpass import getpass

    return getpass(f"Password of {name}: ")
