"""Checks the URL of a PostgreSQL journal before any connection; no message repeats its password.

A password may be in the URL, in the environment or config.toml; ~/.pgpass, PGPASSFILE and a service file are better,
and libpq reads them itself. A server on another machine must prove its identity: sslmode=verify-full. libpq completes
a URL from its environment variables and a service file, so what it would complete is judged with it, and what decides
where and how it connects is then passed to it explicitly. Source: PostgreSQL documentation, "Connection URIs",
"Environment Variables", "The Connection Service File", and "Protection Provided in Different Modes".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import zip_longest
from urllib.parse import quote, urlsplit

from l2send.core.errors import ConfigError
from l2send.core.optional_packages import how_to_install
from l2send.core.redaction import remember_url
from l2send.core.text import clean

SCHEMES = ("postgresql://", "postgres://")
_VERIFIED = "verify-full"
_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_PLACE = ("host", "hostaddr", "port")
_NO_CHOICE = frozenset({b"service", b"servicefile"})
"""These complete a connection; what they complete is in the other parameters."""
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
    if parameters.get("service") or parameters.get("servicefile"):
        raise ConfigError(
            "the journal's URL names a service: its file would decide which server that is.",
            hint=f"Name the host in the URL, for example {_EXAMPLE}. Or name the service in PGSERVICE.",
        )
    parameters = {**_completed_by_libpq(), **parameters}
    for name in _SECRETS:
        if secret := parameters.get(name):
            remember_url(f"postgresql://:{quote(secret, safe='')}@host")
    hosts = _connected_to(parameters)
    loopback = all(map(_is_here, hosts))
    parameters |= _security(parameters, loopback=loopback)
    for name in _PLACE:
        parameters.setdefault(name, "")  # Empty is what libpq takes for not given, and does not complete.
    where = ",".join("this machine's socket" if not host or host.startswith(("/", "@")) else host for host in hosts)
    port = parameters["port"]
    name = parameters.get("dbname") or parameters.get("user") or ""
    return Target(clean(f"PostgreSQL {where}{':' if port else ''}{port}/{name}", 120), loopback, parameters)


def _connected_to(parameters: Mapping[str, str]) -> list[str]:
    """Where libpq connects: each hostaddr, or the host at its place if that is empty. Source: libpq, "hostaddr"."""
    names, addresses = parameters.get("host", "").split(","), parameters.get("hostaddr", "").split(",")
    return [address or name for name, address in zip_longest(names, addresses, fillvalue="")]


def _security(parameters: Mapping[str, str], *, loopback: bool) -> dict[str, str]:
    """How the connection is protected. Raises ConfigError for less than a server must prove."""
    mode = parameters.get("sslmode") or ("" if loopback else _VERIFIED)
    if loopback:
        return {"sslmode": mode} if mode else {}
    if mode != _VERIFIED:
        raise ConfigError(
            f"the journal's server is on another machine, and sslmode={clean(mode, 20)} does not prove that it is the "
            "right one.",
            hint="Use sslmode=verify-full, with sslrootcert=FILE if your own authority signed its certificate.",
        )
    if parameters.get("gssencmode") == "require":
        raise ConfigError(
            "the journal's server is on another machine, and gssencmode=require replaces the check of its certificate.",
            hint="Use gssencmode=disable with sslmode=verify-full.",
        )
    return {"sslmode": mode, "gssencmode": "disable"}


def _completed_by_libpq() -> dict[str, str]:
    """The parameters that libpq takes from its environment variables, and from the file of PGSERVICE before those.

    Source: PQconndefaults.
    """
    from psycopg.pq import Conninfo

    return {
        option.keyword.decode(): option.val.decode()
        for option in Conninfo.get_defaults()
        if option.val and option.val != option.compiled and option.keyword not in _NO_CHOICE
    }


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


def _is_here(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
