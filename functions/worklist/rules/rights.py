"""The rights of a person, from the groups in the access token. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    LOOK = "look"
    REVIEW = "review"
    PERFORMANCE = "performance"


_RIGHTS = {
    "readers": {Right.LOOK, Right.REVIEW},
    "administrators": {Right.LOOK, Right.PERFORMANCE},
}


class NoRight(Exception):
    """The caller lacks the right for this request."""


@dataclass(frozen=True)
class Person:
    name: str
    rights: frozenset[Right]

    def must(self, right: Right) -> None:
        if right not in self.rights:
            raise NoRight(f"{self.name} may not do this: the right `{right}` is missing.")


def person(claims: Mapping[str, object]) -> Person:
    """Return the person of an access token.

    API Gateway has verified the token and passes its claims as text, a list as `[one two]`.
    """
    name = claims.get("username")
    if claims.get("token_use") != "access" or not isinstance(name, str) or not name:
        raise NoRight("The token is not a person's access token.")
    groups = str(claims.get("cognito:groups", "")).strip("[]").replace(",", " ").split()
    rights = {right for group in groups for right in _RIGHTS.get(group, set())}
    return Person(name, frozenset(rights))
