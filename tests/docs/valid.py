"""Check what the code really writes against the JSON Schemas of docs/reference/."""

import json
from functools import cache
from typing import Any, TypeVar

from jsonschema import Draft202012Validator

from tests.unit.templates import ROOT

T = TypeVar("T")


def valid(name: str, value: T) -> T:
    """Return the value; fail the test that wrote it if it breaks the schema of that name."""
    plain: Any = json.loads(json.dumps(value, default=float))  # DynamoDB's numbers are Decimals
    errors = [f"{error.json_path}: {error.message}" for error in _schema(name).iter_errors(plain)]
    assert errors == [], f"docs/reference/{name}.schema.json does not describe {plain}"
    return value


@cache
def _schema(name: str) -> Draft202012Validator:
    schema = json.loads((ROOT / "docs" / "reference" / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
