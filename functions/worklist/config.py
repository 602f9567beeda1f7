"""What the environment tells the worklist's functions, read once."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    uploads_bucket: str
    renditions_bucket: str
    screenings_table: str
    worklist_table: str
    reviews_table: str
    login_address: str
    client_id: str


def read_config(environment: Mapping[str, str]) -> Config:
    return Config(
        uploads_bucket=environment["UPLOADS_BUCKET"],
        renditions_bucket=environment["RENDITIONS_BUCKET"],
        screenings_table=environment["SCREENINGS_TABLE"],
        worklist_table=environment["WORKLIST_TABLE"],
        reviews_table=environment["REVIEWS_TABLE"],
        login_address=environment["LOGIN_ADDRESS"].rstrip("/"),
        client_id=environment["LOGIN_CLIENT_ID"],
    )
