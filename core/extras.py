"""What a device, a keyring, a SOCKS proxy or a shared journal needs besides l2send itself, and how to install it."""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """The hint of an error about a missing extra of pyproject.toml.

    l2send is installed from its own folder. No hint may name it to a package index: what another party published there
    under this name would run beside the keys.
    """
    return f"From l2send's source folder: pipx install --force '.[{extra}]', or pip install '.[{extra}]'."
