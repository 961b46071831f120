"""The optional dependencies for a device, a keyring, a SOCKS proxy or a shared journal, and how to install them."""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """The hint of an error about a missing extra of pyproject.toml.

    l2send is installed from its own folder. No hint may install it by name from a package index: another party's
    package of this name would run beside the keys.
    """
    return f"From l2send's source folder: pipx install --force '.[{extra}]', or pip install '.[{extra}]'."
