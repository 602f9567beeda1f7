"""The type of a Lambda handler, and what a handler of messages or changes returns."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

_Returned = TypeVar("_Returned")

# Takes Lambda's event and context; any object with LambdaContext's attributes will do.
Handler: TypeAlias = Callable[[dict[str, Any], Any], _Returned]
# The messages or changes that failed; Lambda delivers them again.
Failures: TypeAlias = dict[str, list[dict[str, str]]]
