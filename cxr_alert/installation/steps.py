"""The steps of an installation. Each asks AWS what exists and adds the missing resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cxr_alert.deployment import sam, stacks
from cxr_alert.installation import costs, image
from cxr_alert.installation.kept import left_by
from cxr_alert.installation.ours import refuse_if_not_ours
from cxr_alert.installation.site import Settings, Site
from cxr_alert.operate import readers
from cxr_alert.operate.check import check
from screening.errors import Failure
from screening.judgement import Finding
from training.sagemaker import endpoint
from training.sagemaker.cloud import aws_in_a_sentence

_FAILED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
_UNCONFIRMED = "PendingConfirmation"


@dataclass(frozen=True)
class Step:
    """`cost` is empty for a step without costs; `run` returns what the step found or did."""

    name: str
    purpose: str
    cost: str
    run: Callable[[Site], str]


def steps(settings: Settings) -> list[Step]:
    """Return all steps in their order; an existing endpoint needs no network and no image."""
    ours = [
        Step("networks", "a private bucket for the networks", "", _networks),
        Step("repository", "a repository for the container's image", "", _repository),
        Step("image", "build the image and push it", costs.of_image(), _image),
        Step("endpoint", "the network as an endpoint of SageMaker", "see below", _endpoint),
    ]
    rest = [
        Step("application", "the screening application", "see below", _application),
        Step("worklist", "the readers' page", "see below", _worklist),
        Step("reader", "the first reader, who sees the performance page too", "", _reader),
        *(step for kind, step in OPTIONAL.items() if kind in settings.optional),
        Step("mail", "subscribe people's mail and the operators'", "", _mail),
        Step("check", "wait for S3's events, and screen a test film", "", _check),
    ]
    return [*(ours if settings.endpoint is None else []), *rest]


def with_existing(settings: Settings) -> Settings:
    """Add the optional stacks that exist, so that an update of the checkout reaches them too."""
    existing = {each: None for each in OPTIONAL if stacks.exists(f"{settings.stack}-{each}")}
    return replace(settings, optional={**existing, **settings.optional})


def _networks(site: Site) -> str:
    s3 = site.client("s3")
    made = False
    try:
        s3.head_bucket(Bucket=site.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise Failure(f"The bucket {site.bucket} belongs to somebody else.") from error
        place: dict[str, Any] = {"LocationConstraint": site.region}
        # S3 rejects this region as a location constraint: it is the default.
        options = {} if site.region == "us-east-1" else {"CreateBucketConfiguration": place}
        s3.create_bucket(Bucket=site.bucket, **options)
        made = True
    s3.put_public_access_block(
        Bucket=site.bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    return _became(f"bucket {site.bucket}", made=made)


def _repository(site: Site) -> str:
    return _became(f"repository {site.repository}", made=image.make_repository(site))


def _image(site: Site) -> str:
    name = image.uri(site)
    if image.is_there(site):
        return f"{name} is there already"
    program = None if site.settings.codebuild else image.builder()
    if program:
        image.build_here(site, program)
        return f"{name} was built by {program}"
    image.build_in_account(site)
    return f"{name} was built by CodeBuild"


def _endpoint(site: Site) -> str:
    settings = site.settings
    # AWS may still be busy for an interrupted run.
    stacks.settled(endpoint.stack_of(settings.serves))
    artefact = endpoint.uploaded_to(site.bucket, settings.serves, settings.model)
    serves = endpoint.Served(image.uri(site), artefact)
    plan = endpoint.Plan(settings.serves, serves, settings.runs_on, settings.model)
    with aws_in_a_sentence():
        _, became = endpoint.apply(site.session, plan, site.report)
    return f"endpoint {settings.serves} is {became}"


def _application(site: Site) -> str:
    settings = site.settings
    given = {"NotificationEmail": settings.email, "OperationsEmail": settings.operations_email}
    first = {}
    if settings.endpoint is None:
        # Only at first: somebody may have tuned them since.
        taken = endpoint.application_parameters(settings.serves, settings.runs_on)
        first = dict(each.split("=") for each in taken.split())
    given["EndpointName"] = settings.serves
    return _deploy(
        site,
        settings.stack,
        ("default", settings.template, settings.root / ".aws-sam/build/template.yaml"),
        first,
        {**given, **settings.parameters},
    )


def _worklist(site: Site) -> str:
    settings = site.settings
    return _deploy(
        site,
        site.worklist,
        ("worklist", settings.worklist_template, settings.root / ".aws-sam/worklist/template.yaml"),
        {},
        {"Application": settings.stack, **settings.worklist_parameters},
    )


def _results(site: Site) -> str:
    return _deploy_optional(site, "results", {})


def _drift(site: Site) -> str:
    reviews = site.application.outputs["ReviewsTableName"]
    return _deploy_optional(
        site, "drift", {"EndpointName": site.settings.serves, "ReviewsTable": reviews}
    )


def _deploy_optional(site: Site, kind: str, given: Mapping[str, str]) -> str:
    settings = site.settings
    runtime = {k: v for k, v in settings.parameters.items() if k == "PythonRuntime"}
    return _deploy(
        site,
        f"{settings.stack}-{kind}",
        (kind, settings.optional[kind], settings.root / f".aws-sam/{kind}/template.yaml"),
        {},
        {"Application": settings.stack, **runtime, **given},
    )


OPTIONAL = {  # in the order of their deployment
    "results": Step("results", "a queue of results for `cxr-alert send`", "see below", _results),
    "drift": Step("drift", "the nightly comparison with the reference", costs.of_drift(), _drift),
}


def _deploy(
    site: Site,
    stack: str,
    source: tuple[str, Path | None, Path],
    first: Mapping[str, str],
    given: Mapping[str, str],
) -> str:
    """Build and deploy a template; `first` counts for a new stack only.

    A parameter that is not given keeps the value that the stack has.
    """
    profile, built, default = source
    refuse_if_not_ours(stack, site.settings.stack)
    state = stacks.settled(stack)
    remains = ""
    if state in _FAILED:
        # CloudFormation takes no second deployment into a stack whose first one failed.
        left = ", ".join(left_by(stack))
        remains = f"; its first deployment had failed and left {left}, all empty" if left else ""
        stacks.delete(stack)
        state = None
    parameters = {**({} if state else first), **given}
    if built is None:
        has = stacks.parameters(stack)
        parameters.setdefault("PythonRuntime", sam.python_runtime(has.get("PythonRuntime")))
        architecture = {"Architecture": "arm64", **has, **parameters}["Architecture"]
        site.report(f"SAM builds {stack}")
        sam.build(
            site.settings.sam,
            profile,
            site.settings.root,
            parameters["PythonRuntime"],
            architecture,
        )
    site.report(f"SAM deploys {stack}")
    assigned = [f'{name}="{value}"' for name, value in parameters.items()]
    sam.deploy(site.settings.sam, built or default, stack, assigned)
    return _became(f"stack {stack}", made=state is None, otherwise="is up to date") + remains


def _reader(site: Site) -> str:
    settings, application = site.settings, site.application
    made = not _is_reader(site, application.outputs["ReaderPoolId"])
    if made:
        readers.add(application, settings.reader, readers.GROUPS, settings.reader_email)
    mailed = f", and Cognito mails the first password to {settings.reader_email}" if made else ""
    return _became(f"reader {settings.reader}", made=made) + mailed


def _is_reader(site: Site, pool: str) -> bool:
    cognito = site.client("cognito-idp")
    try:
        cognito.admin_get_user(UserPoolId=pool, Username=site.settings.reader)
    except cognito.exceptions.UserNotFoundException:
        return False
    return True


def _mail(site: Site) -> str:
    """Subscribe addresses again if needed: SNS deletes unconfirmed subscriptions after two days."""
    wanted = {
        "NotificationsTopicArn": site.settings.email,
        "OperationsTopicArn": site.settings.operations_email,
    }
    outputs = site.application.outputs
    for topic, address in wanted.items():
        if not _subscription(site, outputs[topic], address):
            site.client("sns").subscribe(
                TopicArn=outputs[topic], Protocol="email", Endpoint=address
            )
    waiting = unconfirmed(site)
    return f"{', '.join(waiting)} must confirm" if waiting else "confirmed"


def _subscription(site: Site, topic: str, address: str) -> str | None:
    """Return the ARN of an address's subscription, or SNS's substitute for it."""
    pages = site.client("sns").get_paginator("list_subscriptions_by_topic")
    for page in pages.paginate(TopicArn=topic):
        for each in page["Subscriptions"]:
            if each["Endpoint"] == address and each["SubscriptionArn"] != "Deleted":
                return str(each["SubscriptionArn"])
    return None


def unconfirmed(site: Site) -> list[str]:
    """Return the addresses that have not confirmed their subscription."""
    settings, outputs = site.settings, site.application.outputs
    wanted = {
        (outputs["NotificationsTopicArn"], settings.email),
        (outputs["OperationsTopicArn"], settings.operations_email),
    }
    found = {
        address for topic, address in wanted if _subscription(site, topic, address) == _UNCONFIRMED
    }
    return sorted(found)


def _check(site: Site) -> str:
    done = check(
        site.application,
        site.settings.film.read_bytes(),
        lambda seconds: site.report(f"waiting for the test film's record, {seconds:.0f} s"),
    )
    judgement = done.record.judgement
    if judgement.finding is Finding.REJECTED:
        raise Failure(
            f"The test film was not screened but rejected ({judgement.code}): {judgement.reason}"
        )
    return f"the test film is {judgement.finding} after {done.seconds:.0f} s; nobody was alerted"


def _became(what: str, *, made: bool, otherwise: str = "is there already") -> str:
    return f"{what} {'was made' if made else otherwise}"
