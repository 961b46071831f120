"""Delays the import of slow library modules that most commands do not need until their first use.

No function is missing. A listed name of such a module is a placeholder: it loads the module when it is called,
subclassed or accessed; any other name loads it at once. So if a new release of a library needs more of a module,
start-up is slower but works. Only the command does this (`main` in cli/main.py): a program that imports l2send,
httpx or eth_account gets them unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
    # Imports pydantic. The ABI does not need it, signing does.
    "eth_utils.pydantic": ("CamelModel",),
    # Compiles 18 regular expressions. l2send keeps no cookies.
    "http.cookiejar": ("Cookie", "CookieJar"),
    # httpx's own command, which imports click, pygments and rich if installed.
    "httpx._main": ("main",),
    # For validator keystores; pairings take two thirds of eth_account's import time.
    "py_ecc.bls": ("G2ProofOfPossession",),
    "py_ecc.bls12_381.bls12_381_pairing": ("final_exponentiate", "pairing"),
}
"""Modules, each with the names that other modules of its library use during import."""

_DOES_WITHOUT = {"cffi": ("Crypto.Util._raw_api", "load_lib"), "cytoolz": ("eth_utils.toolz", "pipe")}
"""A module, the one that uses another in its place where it is missing, and a name that this one has in the end.

pycryptodome parses C declarations by cffi at every start. By ctypes it loads the same code, and calls it faster.
cytoolz imports all of toolz, which is what eth_utils uses without it.
"""


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

    def __or__(self, other: Any) -> Any:
        """`URI | str`, in an annotation."""
        return Union[self, other]  # noqa: UP007 - the operator would call this method again

    def __ror__(self, other: Any) -> Any:
        """`dict | CamelModel`, in an annotation."""
        return Union[other, self]  # noqa: UP007 - as above


class _LateLoader(Loader):
    """Creates a module with placeholders; executes the real one in it on first use."""

    def __init__(self, loader: Loader, names: Sequence[str]) -> None:
        self._loader, self._names = loader, names

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the real loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Delays the module's code, which runs once, in the first thread that needs it; other threads wait."""
        late, lock = list(self._names), RLock()

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
            setattr(module, name, _Late(partial(real, name)))
        vars(module)["__getattr__"] = real


class _Finder(MetaPathFinder):
    """Finds the listed modules in their usual place, with the late loader."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None for a module that is not listed: other finders find it. Raises ModuleNotFoundError."""
        place, last_name = _DOES_WITHOUT.get(name, ("", ""))
        if place in sys.modules and not hasattr(sys.modules[place], last_name):  # it is what imports `name` now
            raise ModuleNotFoundError(f"{place} does without {name}", name=name)
        spec = PathFinder.find_spec(name, path, target) if name in LATE_MODULES else None
        if spec and spec.loader:
            spec.loader = _LateLoader(spec.loader, LATE_MODULES[name])
        return spec


def load_late() -> None:
    """From now on, load the listed modules on first use, in the whole process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
