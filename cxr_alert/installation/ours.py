"""Check that a stack belongs to this installation, before it is deployed or deleted."""

from cxr_alert.deployment import stacks
from screening.errors import Mistake

_OF_THE_APPLICATION = {"EndpointName", "Cutoff"}


def refuse_if_not_ours(stack: str, application: str) -> None:
    """Raise Mistake for a stack that is there and not made from our templates.

    It is known by its parameters, which a stack has even when its first deployment failed. Those
    beside the application name it.
    """
    if not stacks.exists(stack):
        return
    given = stacks.parameters(stack)
    if stack == application:
        ours = given.keys() >= _OF_THE_APPLICATION
    else:
        ours = given.get("Application") == application
    if not ours:
        raise Mistake(
            f"There is a stack {stack} that is not of CXR Alert {application}, so it is left "
            "alone: name another one with --stack."
        )
