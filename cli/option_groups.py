"""Turns frozen dataclasses of related options into single options of the command line."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

R = TypeVar("R")


def spread(command: Callable[..., R]) -> Callable[..., R]:
    """`command` for Typer: the fields of a dataclass replace each parameter of its type.

    Typer then shows and parses every field by its own annotation, and `command` gets the dataclasses, filled. The
    heading of a dataclass (`heading: ClassVar[str]`) is the heading of its options in `--help`. All
    parameters become keyword-only, so those with and without a default may stand in any order. Raises TypeError for
    two fields of the same name.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    parameters = list[Parameter]()
    for parameter in signature(command).parameters.values():
        if parameter.name in groups:
            parameters += _fields_of(groups[parameter.name])
        else:
            annotation = hints.get(parameter.name, parameter.annotation)
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=annotation))
    names = [parameter.name for parameter in parameters]
    if len(set(names)) != len(names):
        raise TypeError(f"{command.__name__} has two options of one name: {names}")

    @wraps(command)
    def spread_out(**given: Any) -> R:
        filled = {name: _filled(group, given) for name, group in groups.items()}
        return command(**filled, **given)

    spread_out.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    spread_out.__annotations__ = {p.name: p.annotation for p in parameters}
    return spread_out


def _fields_of(group: type) -> Iterator[Parameter]:
    """The fields of a dataclass as keyword-only parameters."""
    hints = get_type_hints(group, include_extras=True)
    heading = getattr(group, "heading", None)
    for field in fields(group):
        default = Parameter.empty if field.default is MISSING else field.default
        annotation = _under(heading, hints[field.name])
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _under(heading: str | None, annotation: Any) -> Any:
    """The annotation of an option with that heading; its own heading takes precedence."""
    kind, *more = get_args(annotation)
    if heading is None or not more or more[0].rich_help_panel:
        return annotation
    option = copy.copy(more[0])
    option.rich_help_panel = heading
    return Annotated[kind, option]


def _filled(group: type, given: dict[str, Any] | Mapping[str, Any]) -> Any:
    """An instance of `group`, with its fields removed from `given`."""
    assert isinstance(given, dict)
    return group(**{field.name: given.pop(field.name) for field in fields(group) if field.name in given})
