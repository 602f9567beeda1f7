"""Who may do what. Pure: the groups that a token names in, rights out."""

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
    """The token's owner may not do this."""


@dataclass(frozen=True)
class Person:
    name: str
    rights: frozenset[Right]

    def must(self, right: Right) -> None:
        if right not in self.rights:
            raise NoRight(f"{self.name} may not do this: it needs the right to {right}.")


def person(claims: Mapping[str, object]) -> Person:
    """Return whose access token it is.

    API Gateway has checked the token and hands its claims on as text, a list as `[one two]`.
    """
    name = claims.get("username")
    if claims.get("token_use") != "access" or not isinstance(name, str) or not name:
        raise NoRight("The token is no access token of a person.")
    groups = str(claims.get("cognito:groups", "")).strip("[]").replace(",", " ").split()
    rights = {right for group in groups for right in _RIGHTS.get(group, set())}
    return Person(name, frozenset(rights))
