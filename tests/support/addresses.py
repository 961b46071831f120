"""Addresses that no account has used."""

from __future__ import annotations

import secrets

from l2send.core.address import Address, checksum


def new_address() -> Address:
    return checksum(secrets.token_bytes(20))
