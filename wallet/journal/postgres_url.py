"""Checks the URL of a PostgreSQL journal before any connection; no message repeats its password.

A password may be in the URL, in the environment or config.toml; ~/.pgpass, PGPASSFILE and a service file are better,
and libpq reads them itself. A server on another machine must prove its identity: sslmode=verify-full. Source:
PostgreSQL documentation, "Connection URIs" and "Protection Provided in Different Modes".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from l2send.core.errors import ConfigError
from l2send.core.optional_packages import how_to_install
from l2send.core.redaction import remember_url
from l2send.core.text import clean

SCHEMES = ("postgresql://", "postgres://")
_VERIFIED = "verify-full"
_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_EXAMPLE = "postgresql://USER@HOST/DATABASE?sslmode=verify-full"


def shown_url(url: str) -> str:
    """The URL of a database as it may be shown: host, port and name."""
    try:
        parts = urlsplit(url)
        place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        place = "/…"
    return clean(f"postgresql://{place}", 120) if url else ""


@dataclass(frozen=True, slots=True)
class Target:
    """A database to connect to, with its displayable name."""

    shown: str
    """Without user, password and options."""
    loopback: bool
    """Whether it is on this machine: no TLS is required then."""
    parameters: Mapping[str, str] = field(repr=False)
    """libpq's parameters, including the password."""


def read_target(url: str) -> Target:
    """The database that `url` names. Raises ConfigError without repeating the URL; also if psycopg is missing."""
    if not url.startswith(SCHEMES):
        raise ConfigError("the journal's URL does not begin with postgresql://.", hint=f"Write it like {_EXAMPLE}.")
    parameters = _parsed(url)
    for name in _SECRETS:
        if secret := parameters.get(name):
            remember_url(f"postgresql://:{quote(secret, safe='')}@host")
    if parameters.get("service") or (os.environ.get("PGSERVICE") and not parameters.get("host")):
        raise ConfigError(
            "the journal's URL names no host: it stands in a service file, where l2send does not look.",
            hint=f"Name the host in the URL, for example {_EXAMPLE}. User and password may stay in the file.",
        )
    hosts = _hosts(parameters)
    loopback = all(map(_is_here, hosts))
    mode = parameters.get("sslmode") or os.environ.get("PGSSLMODE") or ("" if loopback else _VERIFIED)
    if not loopback and mode != _VERIFIED:
        raise ConfigError(
            f"the journal's server is on another machine, and sslmode={clean(mode, 20)} does not prove that it is the "
            "right one.",
            hint="Use sslmode=verify-full, with sslrootcert=FILE if your own authority signed its certificate.",
        )
    if mode:
        parameters["sslmode"] = mode
    where = ",".join("this machine's socket" if not host or host.startswith(("/", "@")) else host for host in hosts)
    port = parameters.get("port", "")
    name = parameters.get("dbname") or parameters.get("user") or ""
    return Target(clean(f"PostgreSQL {where}{':' if port else ''}{port}/{name}", 120), loopback, parameters)


def _parsed(url: str) -> dict[str, str]:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise ConfigError(
            "a journal in PostgreSQL needs the package psycopg.", hint=how_to_install("postgres")
        ) from None
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        for port in filter(None, parameters.get("port", "").split(",")):
            int(port)  # In user:password/more@host, libpq takes the password for a port.
        return parameters
    except (ProgrammingError, ValueError):  # libpq's message repeats the URL, with the password.
        raise ConfigError(
            "the journal's URL cannot be read.",
            hint=f"Write it like {_EXAMPLE}. In a password, write @ : / ? # and % as %40 %3A %2F %3F %23 %25.",
        ) from None


def _hosts(parameters: Mapping[str, str]) -> list[str]:
    """Each host that libpq may connect to; an empty name is this machine's socket."""
    address = parameters.get("hostaddr") or os.environ.get("PGHOSTADDR")
    named = parameters.get("host") or os.environ.get("PGHOST") or ""
    return (address or named).split(",")


def _is_here(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
