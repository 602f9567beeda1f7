"""Derived identifiers: a result that is built twice has the same ones."""

from uuid import UUID, uuid5

from screening.judgement import Judgement

_NAMESPACE = UUID("7b0f7a0e-6f0c-5a5f-9d1c-3f1a9c0f5d42")


def result_id(kind: str, film: str, judgement: Judgement) -> UUID:
    """Return the id of one result of a kind, e.g. `sr`, for a judgement of a film.

    `film` is the SOP Instance UID or, without one, another stable name of the film.
    """
    network = judgement.model or ""
    return derived(kind, film, network, f"{judgement.cutoff.normalize():f}", judgement.classified)


def derived(*parts: str) -> UUID:
    return uuid5(_NAMESPACE, "\0".join(parts))


def uid(identifier: UUID) -> str:
    """Return it as a DICOM UID of at most 44 characters (PS3.5 B.2)."""
    return f"2.25.{identifier.int}"


def series_uid(kind: str, study_uid: str) -> str:
    """Return the series that holds a study's results of one kind."""
    return uid(derived("series", kind, study_uid))
