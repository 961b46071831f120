"""The published JSON Schemas, and the check of documents against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
SCHEMAS: dict[str, dict[str, Any]] = {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.iterdir())}
_REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)


def file_of(document: dict[str, Any]) -> str:
    """`l2send.payment/1` is described in payment-1.json."""
    return document["schema"].removeprefix("l2send.").replace("/", "-") + ".json"


def check(document: dict[str, Any]) -> None:
    """Raises jsonschema.ValidationError if the document is not as its schema says."""
    Draft202012Validator({"$ref": file_of(document)}, registry=_REGISTRY).validate(document)
