"""The handler of the worklist's API. It only translates; the rules in `worklist.rules` decide.

API Gateway lets only valid tokens through to `/api`; each path checks the caller's rights again.
No address contains a film's key: a search is sent in a body, and a film is named by its hash.
"""

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from aws.clients import WorklistClients
from aws.drift_table import DriftTable
from aws.handler import Handler
from aws.screenings_table import Screenings
from aws.worklist import OptionalParameters, WorklistParameters
from screening.clock import now, stamp
from screening.config import BUCKET, PARAMETER, TABLE, URL, Variable
from screening.refusals import TryAgain
from screening.rendition import picture_key, rendition_key
from worklist.page_files import COMMON_HEADERS, page_headers, read_page_file
from worklist.rules.entry import Entry, with_review
from worklist.rules.film import film
from worklist.rules.listing import EVERYWHERE, read_wanted, row
from worklist.rules.overdue import overdue_since
from worklist.rules.performance_plots import weeks
from worklist.rules.performance_tables import tables
from worklist.rules.review import Reading, Review, Submitted, WrongRequest, read_submitted
from worklist.rules.rights import NoRight, Person, Right, person
from worklist.tables.pictures import FilmGone, Pictures, Piece
from worklist.tables.reviewed import ASKED, read_cases
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import Changed, WorklistTable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

COUNTED = 20_000  # films at most; for a longer list the page says that there are more
CLAIMED = timedelta(minutes=3)  # how long a claim on a film lasts, unless it is renewed
_TRIES = 5
_FILM = re.compile(r"[0-9a-f]{32}")
_DAYS = re.compile(r"[1-9]\d{0,2}")
_SHARE = re.compile(r"0\.\d{1,4}")
PACS_LINK = r"""|https://[^\s{}"'<>]+\{\}[^\s{}"'<>]*"""
_RANGE = re.compile(r"bytes=(\d{1,12})-\d*")

logger = Logger(service="worklist")
app = APIGatewayHttpResolver()


@dataclass(frozen=True)
class Config:
    uploads_bucket: Annotated[str, Variable(BUCKET, "the name of a bucket")]
    renditions_bucket: Annotated[str, Variable(BUCKET, "the name of a bucket")]
    screenings_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    worklist_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    reviews_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    drift_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    login_address: Annotated[str, Variable(URL, "the address of the login page")]
    login_client_id: Annotated[str, Variable(r"\w+", "the page's client of the user pool")]
    review_hours: Annotated[int, Variable(r"[1-9]\d{0,2}", "whole hours from 1 on")]
    worklist_parameters: Annotated[
        str, Variable(PARAMETER, "the prefix of the names of parameters in SSM")
    ]
    pacs_link: Annotated[str, Variable(PACS_LINK, "an https address with {}, or empty")] = ""


@dataclass(frozen=True)
class Services:
    """The services that the paths use; powertools passes them as the resolver's context."""

    config: Config
    worklist: WorklistTable
    reviews: ReviewsTable
    screenings: Screenings
    pictures: Pictures
    drift: DriftTable
    parameters: WorklistParameters


class NoSuchFilm(Exception):
    """The worklist has no film of that name."""


def make_handler(config: Config, clients: WorklistClients) -> Handler[dict[str, Any]]:
    """Return the function that API Gateway calls with each request."""
    services = Services(
        config,
        WorklistTable(clients.dynamodb, config.worklist_table),
        ReviewsTable(clients.dynamodb, config.reviews_table),
        Screenings(clients.dynamodb, config.screenings_table),
        Pictures(clients.s3),
        DriftTable(clients.dynamodb, config.drift_table),
        WorklistParameters(
            OptionalParameters(boto3_client=clients.ssm), config.worklist_parameters
        ),
    )

    def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        # powertools clears the context after each request
        app.append_context(services=services)  # type: ignore[no-untyped-call]
        return app.resolve(event, context)

    return handler


@app.get("/config.json")
def page_config() -> Response[dict[str, str]]:
    config = _services().config
    return _json({"login": config.login_address, "client": config.login_client_id})


@app.get("/api/me")
def me() -> Response[dict[str, Any]]:
    caller = _caller(Right.LOOK)
    return _json({"name": caller.name, "rights": sorted(caller.rights)})


@app.post("/api/list")
def list_films() -> Response[dict[str, Any]]:
    caller = _caller(Right.LOOK)
    page = _services().worklist.page(read_wanted(_body()))
    return _json(
        {
            "films": [row(entry, caller.name, stamp(now())) for entry in page.entries],
            "cursor": page.cursor,
        }
    )


@app.post("/api/counts")
def counts() -> Response[dict[str, Any]]:
    """Return the counts that the page shows above the list.

    The page asks for them separately, so that the list need not wait. Results of a search are not
    counted, since that would read the whole list.
    """
    _caller(Right.LOOK)
    wanted, worklist = read_wanted(_body()), _services().worklist
    total = None
    if not wanted.text:
        total = 0
        for part in wanted.parts:
            total += worklist.count(part, COUNTED, *wanted.bounds(part))
            if total >= COUNTED:
                break
    before = overdue_since(now(), _services().config.review_hours)
    overdue = sum(worklist.count(part, COUNTED, last=before) for part in ASKED)
    return _json(
        {
            "total": None if total is None else min(total, COUNTED),
            "more": total is not None and total >= COUNTED,
            "overdue": min(overdue, COUNTED),
            "hours": _services().config.review_hours,
            "latest": max(worklist.newest(part) for part in EVERYWHERE) or None,
        }
    )


@app.get("/api/films/<name>")
def one_film(name: str) -> Response[dict[str, Any]]:
    caller = _caller(Right.LOOK)
    return _film(_entry(name), caller)


@app.get("/api/films/<name>/image")
def image(name: str) -> Response[bytes]:
    """Return a piece of the film or its rendition; the page puts the pieces together."""
    _caller(Right.LOOK)
    asked = _RANGE.fullmatch(app.current_event.headers.get("range", "bytes=0-"))
    if not asked:
        raise WrongRequest("Range must have the form bytes=0-.")
    piece = _picture(_entry(name), first=int(asked[1]))
    last = piece.first + len(piece.body) - 1
    headers = {
        **_private_headers(),
        "Content-Range": f"bytes {piece.first}-{last}/{piece.total}",
        "Content-Disposition": "attachment",
    }
    return Response(206, piece.content_type or "application/octet-stream", piece.body, headers)


@app.post("/api/films/<name>/claim")
def claim(name: str) -> Response[dict[str, Any]]:
    """Claim the film for the caller for some minutes; return the name of whoever reads it."""
    caller = _caller(Right.REVIEW)
    for _ in range(_TRIES):
        entry = _entry(name)
        reads = entry.is_read_by(stamp(now()))
        if reads not in (None, caller.name):
            return _json({"by": reads})
        until = stamp(now() + CLAIMED)
        try:
            _services().worklist.put(replace(entry, reading_by=caller.name, reading_until=until))
        except Changed:
            continue
        return _json({"by": caller.name})
    raise Changed("This film's entry is being changed by others; try again.")


@app.post("/api/films/<name>/reviews")
def add_review(name: str) -> Response[dict[str, Any]]:
    caller = _caller(Right.REVIEW)
    submitted = read_submitted(_body())
    for _ in range(_TRIES):
        entry = _entry(name)
        if entry.classified != submitted.answers:
            raise Changed("The film has been screened again since; look at it once more.")
        if submitted.reading is not Reading.SET_ASIDE:
            _must_be_there(entry)
        review = _review(entry, submitted, caller)
        try:
            added = _services().reviews.add(
                review, _services().worklist.write(with_review(entry, review))
            )
        except Changed:
            continue
        if not added and not _stands(review):
            raise WrongRequest("Another review has this id; send the review with a new id.")
        logger.info("Film reviewed", film=name, decision=review.decision, reader=caller.name)
        return _film(_entry(name), caller)
    raise Changed("Others are reviewing this film; send the review again.")


@app.get("/api/performance")
def performance() -> Response[dict[str, Any]]:
    _caller(Right.PERFORMANCE)
    query = app.current_event.query_string_parameters
    days, wanted = query.get("days", "90"), query.get("wanted", "0.95")
    if not _DAYS.fullmatch(days) or not _SHARE.fullmatch(wanted):
        raise WrongRequest("days must be 1 to 999, and wanted a sensitivity such as 0.95.")
    until = now()
    cases = read_cases(
        _services().worklist, _services().reviews, until - timedelta(days=int(days)), until
    )
    drift = _services().drift.read()  # None where the drift stack is not deployed
    return _json(
        {
            "tables": [asdict(table) for table in tables(cases, float(wanted))],
            "weeks": weeks(cases),
            "drift": json.loads(drift.shown) if drift and drift.shown else None,
        }
    )


@app.get("/<name>")
def page_file(name: str) -> Response[str]:
    return _page(name)


@app.get("/")
def page_index() -> Response[str]:
    return _page("")


@app.exception_handler(NoRight)  # type: ignore[untyped-decorator]
def no_right(error: NoRight) -> Response[dict[str, str]]:
    return _json({"error": str(error)}, 403)


@app.exception_handler(WrongRequest)  # type: ignore[untyped-decorator]
def wrong_request(error: WrongRequest) -> Response[dict[str, str]]:
    return _json({"error": str(error)}, 400)


@app.exception_handler([NoSuchFilm, FilmGone])  # type: ignore[untyped-decorator]
def not_there(error: Exception) -> Response[dict[str, str]]:
    return _json({"error": str(error)}, 404)


@app.exception_handler(TryAgain)  # type: ignore[untyped-decorator]
def try_again(error: TryAgain) -> Response[dict[str, str]]:
    return _json({"error": str(error)}, 503)


@app.exception_handler(Changed)  # type: ignore[untyped-decorator]
def changed(error: Changed) -> Response[dict[str, str]]:
    return _json({"error": str(error)}, 409)


def _services() -> Services:
    services: Services = app.context["services"]
    return services


def _caller(right: Right) -> Person:
    authorizer = app.current_event["requestContext"].get("authorizer", {})
    caller = person(authorizer.get("jwt", {}).get("claims", {}))
    caller.must(right)
    return caller


def _body() -> object:
    try:
        return app.current_event.json_body
    except (TypeError, ValueError):
        raise WrongRequest("The request's body is not JSON.") from None
    except RecursionError:
        raise WrongRequest("The request's body is nested too deeply.") from None


def _entry(name: str) -> Entry:
    entry = _services().worklist.find(name) if _FILM.fullmatch(name) else None
    if entry is None:
        raise NoSuchFilm("The worklist has no such film.")
    return entry


def _picture(entry: Entry, first: int) -> Piece:
    """Return a piece of the image for the browser: for a DICOM film, its picture or rendition."""
    record = _services().screenings.find(entry.key, entry.version)
    if record is None or record.facts is None:
        return _services().pictures.piece(
            _services().config.uploads_bucket, entry.key, entry.version, first
        )
    bucket = _services().config.renditions_bucket
    version = record.same_as or record.version
    for key in (picture_key(entry.key, version), rendition_key(entry.key, version)):
        try:
            return _services().pictures.piece(bucket, key, None, first)
        except FilmGone:
            continue
    raise FilmGone(
        "This DICOM film has no picture here: either none could be made, or it has expired. "
        "Open the film in the PACS."
    )


def _must_be_there(entry: Entry) -> None:
    """Raise WrongRequest if the film is gone, so that no reader can have read it."""
    bucket = _services().config.uploads_bucket
    try:
        _services().pictures.must_be_there(bucket, entry.key, entry.version)
    except FilmGone as gone:
        raise WrongRequest(f"{gone} Choose `No film to read`.") from None


def _film(entry: Entry, caller: Person) -> Response[dict[str, Any]]:
    services = _services()
    return _json(
        film(
            entry,
            services.screenings.find(entry.key, entry.version),
            services.reviews.of_film(entry.film),
            caller.name,
            study=services.worklist.of_study(entry.study),
            pacs=services.config.pacs_link,
            precision=services.parameters.precision(entry.model),
            at=stamp(now()),
        )
    )


def _review(entry: Entry, submitted: Submitted, caller: Person) -> Review:
    time = stamp(now())
    return Review(
        film=entry.film,
        review=submitted.review,
        month=time[:7],
        reader=caller.name,
        time=time,
        reading=submitted.reading,
        note=submitted.note,
        score_seen=submitted.score_known or not entry.hides_score_from(caller.name),
        finding=entry.finding,
        cutoff=entry.cutoff,
        probability=entry.probability,
        model=entry.model,
        uploaded=entry.uploaded,
        classified=entry.classified,
        hidden=entry.hidden,
        group=entry.group,
        chance=entry.chance,
    )


def _stands(review: Review) -> bool:
    """Return whether this review is already stored: a page without an answer sends it again."""
    return any(
        (each.review, each.reader, each.reading, each.note)
        == (review.review, review.reader, review.reading, review.note)
        for each in _services().reviews.of_film(review.film)
    )


def _private_headers() -> dict[str, str]:
    return {"Cache-Control": "no-store", **COMMON_HEADERS}


def _json(body: Any, status: int = 200) -> Response[Any]:  # noqa: ANN401
    return Response(status, "application/json", body, _private_headers())


def _page(name: str) -> Response[str]:
    content_type, text = read_page_file(name)
    return Response(200, content_type, text, page_headers(_services().config.login_address))
