"""Delays the import of slow library modules that most commands do not need until their first use.

No function is missing. A listed name of such a module is a placeholder: it loads the module when it is called,
subclassed or accessed; any other name loads it at once. So if a new release of a library needs more of a module,
start-up is slower but works. Only the command does this (`main` in cli/main.py): a program that imports l2send,
httpx or eth_account gets them unchanged.
"""

from __future__ import annotations

import sys
from collections import UserString
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:
    Loader = MetaPathFinder = object  # importlib.abc would import modules that `--version` does not need

LATE_MODULES: Mapping[str, Sequence[str]] = {
    # The chain names and currencies of eth_utils: 800 of them.
    "eth_typing.networks": ("URI", "ChainId"),
    "eth_utils.network": ("Network", "name_from_chain_id", "network_from_chain_id", "short_name_from_chain_id"),
    # Imports pydantic, which a payment does not need.
    "eth_utils.pydantic": ("CamelModel",),
    # 18 regular expressions. Servers of l2send set no cookies that it keeps.
    "http.cookiejar": ("Cookie", "CookieJar"),
    # httpx's own command, which imports click, pygments and rich if installed.
    "httpx._main": ("main",),
    # Reads the metadata of every installed package for `__version__`, and imports zipfile, csv and parsers of mail.
    "importlib.metadata": ("version",),
    # For validator keystores; pairings take most of eth_keyfile's import time.
    "py_ecc.bls": ("G2ProofOfPossession",),
    "py_ecc.bls12_381.bls12_381_pairing": ("final_exponentiate", "pairing"),
}
"""Modules, each with the names that other modules of its library use during import."""

_TEXTS = {("importlib.metadata", "version")}
"""Functions whose result is a text that importing modules only keep: they are called when the text is used."""
_DOES_WITHOUT = {"cffi": ("Crypto.Util._raw_api", "load_lib"), "cytoolz": ("eth_utils.toolz", "pipe")}
"""A module, the one that uses another in its place where it is missing, and a name that this one has in the end.

pycryptodome parses C declarations by cffi at every start. By ctypes it loads the same code, and calls it faster.
cytoolz imports all of toolz, which is what eth_utils uses without it.
"""
_ASKS_FILE = "Crypto.Util._raw_api"
"""By ctypes, it starts the program `file` to learn whether this is Windows (`platform.architecture`)."""


class _Late:
    """A placeholder for a function or class of a module, which is loaded on first use."""

    def __init__(self, real: Callable[[], Any]) -> None:
        self._real = real

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._real()(*given, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # typing probes every object for such names; that is not a use
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        """The real class is subclassed. See PEP 560."""
        return (self._real(),)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real())

    def __ror__(self, other: Any) -> Any:
        """`dict | CamelModel`, in an annotation."""
        return Union[other, self]  # noqa: UP007 - the operator would call this method again


class _LateText(UserString):
    """The text that a function returns, which is called when the text is used."""

    def __init__(self, function: Callable[[], str]) -> None:  # pyright: ignore[reportMissingSuperCall]
        self._function = function

    @cached_property
    def data(self) -> str:  # type: ignore[override]
        return str(self._function())


class _LateTextFunction(_Late):
    """A placeholder for a function of `_TEXTS`."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        return _LateText(lambda: self._real()(*given, **named))


class _Wrapped(Loader):
    """A loader in another one's place."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the real loader does."""
        return self._loader.create_module(spec)


class _KnowingLoader(_Wrapped):
    """Executes the module, and tells it what it would start a program for."""

    def exec_module(self, module: ModuleType) -> None:
        """Executes it."""
        self._loader.exec_module(module)
        if vars(module).get("cached_architecture") == []:
            vars(module)["cached_architecture"] += ["", ""]  # Only Windows has a name in the second place.


class _LateLoader(_Wrapped):
    """Creates a module with placeholders; executes the real one in it on first use."""

    def exec_module(self, module: ModuleType) -> None:
        """Delays the module's code, which runs once, in the first thread that needs it; other threads wait."""
        late, lock = list(LATE_MODULES[module.__name__]), RLock()

        def real(name: str) -> Any:
            if name == "__path__":  # the import system reads it; packages have it from the start
                raise AttributeError(name)
            with lock:
                if late:
                    for one in late:
                        delattr(module, one)
                    late.clear()
                    self._loader.exec_module(module)
                if name in vars(module):
                    return vars(module)[name]
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        for name in late:
            kind = _LateTextFunction if (module.__name__, name) in _TEXTS else _Late
            setattr(module, name, kind(partial(real, name)))
        vars(module)["__getattr__"] = real


class _Finder(MetaPathFinder):
    """Finds the listed modules in their usual place, with a loader of this file."""

    _loaders: Mapping[str, type[_Wrapped]] = {} if sys.platform == "win32" else {_ASKS_FILE: _KnowingLoader}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None for a module that is not listed: other finders find it. Raises ModuleNotFoundError."""
        place, last_name = _DOES_WITHOUT.get(name, ("", ""))
        if place in sys.modules and not hasattr(sys.modules[place], last_name):  # it is what imports `name` now
            raise ModuleNotFoundError(f"{place} does without {name}", name=name)
        loads = _LateLoader if name in LATE_MODULES else self._loaders.get(name)
        spec = PathFinder.find_spec(name, path, target) if loads else None
        if spec and spec.loader and loads:
            spec.loader = loads(spec.loader)
        return spec


def load_late() -> None:
    """From now on, load the listed modules on first use, in the whole process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
