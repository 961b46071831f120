"""Modules of libraries that take long to load and are not used by most commands: each is loaded when it is first used.

Nothing is left out. A name that is imported from such a module stands for the real one: it loads the module when it is
called, subclassed or asked for a part; any other name loads it at once. So a release of a library that needs more of a
module is slower to start, and works. Only the command does this (`main` in cli/main.py): a program that imports
l2send, httpx or eth_account gets them as they are.
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
    Loader = MetaPathFinder = object  # importlib.abc brings what `--version` does not wait for

LATE_MODULES: Mapping[str, Sequence[str]] = {
    # The chain names and currencies of eth_utils: 800 of them.
    "eth_typing.networks": ("ChainId",),
    "eth_utils.network": ("Network", "name_from_chain_id", "network_from_chain_id", "short_name_from_chain_id"),
    # Brings pydantic. The ABI needs none of it, signing does.
    "eth_utils.pydantic": ("CamelModel",),
    # httpx's own command, which brings click, pygments and rich where these are installed.
    "httpx._main": ("main",),
    # For keystores of validators; pairings are two thirds of the start of eth_account.
    "py_ecc.bls": ("G2ProofOfPossession",),
    "py_ecc.bls12_381.bls12_381_pairing": ("final_exponentiate", "pairing"),
}
"""Modules, each with the names that other modules of its library import while they are loaded."""


class _Late:
    """A function or class of a module that is loaded when this is first used."""

    def __init__(self, real: Callable[[], Any]) -> None:
        self._real = real

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._real()(*given, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # typing asks all it is given for such names; that is no use
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        """A subclass is one of the real class. See PEP 560."""
        return (self._real(),)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real())

    def __ror__(self, other: Any) -> Any:
        """`dict | CamelModel`, in an annotation."""
        return Union[other, self]  # noqa: UP007 - the operator would ask here again


class _LateLoader(Loader):
    """Gives a module its late names; loads the rest of it, in its place, when it is used."""

    def __init__(self, loader: Loader, names: Sequence[str]) -> None:
        self._loader, self._names = loader, names

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the real loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Without its code, which runs once, in the thread that first needs it; others wait."""
        late, lock = list(self._names), RLock()

        def real(name: str) -> Any:
            if name == "__path__":  # the import system asks for it; packages have it from the start
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
    """Finds modules where they are, and has those of the table loaded late."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None for a module that is not in the table: others find it."""
        spec = PathFinder.find_spec(name, path, target) if name in LATE_MODULES else None
        if spec and spec.loader:
            spec.loader = _LateLoader(spec.loader, LATE_MODULES[name])
        return spec


def load_late() -> None:
    """From now on, load the modules of the table when they are first used. For the whole process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
