"""Remove an installation; list the resources that stay, and the reasons."""

from collections.abc import Callable
from dataclasses import dataclass

from cxr_alert.deployment import stacks
from cxr_alert.installation.kept import left_by
from cxr_alert.installation.ours import refuse_if_not_ours
from cxr_alert.installation.site import Site
from cxr_alert.installation.steps import OPTIONAL
from training.sagemaker import endpoint


@dataclass(frozen=True)
class Removal:
    """`goes` are stacks, in the order of their deletion; `stays` has a reason for each."""

    goes: list[str]
    stays: dict[str, str]
    repository: bool


def plan(site: Site) -> Removal:
    """Return the existing stacks in the order of their removal: importing stacks first."""
    stack = site.settings.stack
    optional = (f"{stack}-{kind}" for kind in reversed(OPTIONAL))
    ours = [*optional, site.worklist, stack, endpoint.stack_of(stack)]
    for each in ours[:-1]:  # the last is the endpoint's, whose deletion checks a tag
        refuse_if_not_ours(each, stack)
    goes = [each for each in ours if stacks.exists(each)]
    stays = {what: why for each in goes for what, why in left_by(each).items()}
    if any(each["Name"] == site.bucket for each in site.client("s3").list_buckets()["Buckets"]):
        stays[f"bucket {site.bucket}"] = "the networks behind the findings that are kept"
    if goes:
        stays["SAM's own bucket"] = "other applications of the account may use it"
    return Removal(goes, stays, _has_repository(site))


def remove(site: Site, removal: Removal, say: Callable[[str], None]) -> None:
    for each in removal.goes:
        stacks.settled(each)
        if each == endpoint.stack_of(site.settings.stack):
            endpoint.Stack(site.session, site.settings.stack, site.report).delete()
        else:
            stacks.delete(each)
        say(f"Stack {each} is gone.")
    if removal.repository:
        # Its images can be built again from the repository's files.
        site.client("ecr").delete_repository(repositoryName=site.repository, force=True)
        say(f"Repository {site.repository} is gone.")


def _has_repository(site: Site) -> bool:
    ecr = site.client("ecr")
    try:
        ecr.describe_repositories(repositoryNames=[site.repository])
    except ecr.exceptions.RepositoryNotFoundException:
        return False
    return True
