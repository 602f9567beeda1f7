"""A FHIR R4 server, which gets each result as one transaction."""

import json
from collections.abc import Sequence

from delivery.destination import Refused, Result
from delivery.settings import Fhir
from delivery.web import WebClient
from results.fhir import with_ids

_FHIR = "application/fhir+json"


class FhirDestination:
    name = "fhir"

    def __init__(self, settings: Fhir) -> None:
        self.client = WebClient(settings)
        self.own_ids = settings.own_ids

    def open(self) -> "FhirDestination":
        return self

    def deliver(self, result: Result) -> None:
        headers = {"Content-Type": _FHIR, "Accept": _FHIR}
        bundle = with_ids(result.bundle) if self.own_ids else result.bundle
        answer = self.client.ask("POST", "", headers, json.dumps(bundle).encode())
        statuses = _statuses(answer.data)
        if not all(status.startswith("2") for status in statuses):
            raise Refused("it did not accept the whole transaction")

    def close(self) -> None:
        """Do nothing: no connection stays open between requests."""

    def check(self) -> Sequence[str]:
        """Ask for the capability statement."""
        answer = self.client.ask("GET", "/metadata", {"Accept": _FHIR})
        try:
            version = str(json.loads(answer.data)["fhirVersion"])
        except (ValueError, KeyError, TypeError):
            return ["answers without a capability statement: check url"]
        if not version.startswith("4."):
            return [f"speaks FHIR {version} instead of R4"]
        return [f"speaks FHIR {version}"]


def _statuses(answer: bytes) -> list[str]:
    """Return the status of each entry, if the answer has them: a server may leave them out."""
    try:
        entries = json.loads(answer).get("entry", [])
        return [str(each["response"]["status"]) for each in entries]
    except (ValueError, AttributeError, KeyError, TypeError):
        return []
