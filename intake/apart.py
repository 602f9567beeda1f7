"""De-identify a received film and keep its identity on site."""

import threading
from pathlib import Path

from imaging.refusals import NotReadable
from imaging.sandbox import Sandbox, Task
from intake.bucket import object_key
from intake.identities import Identities
from intake.spool import IncomingFilm, Refusal

_REFUSALS = {"burned_in": Refusal.BURNED_IN, "overlay": Refusal.OVERLAY}


class NotKept(Exception):
    """The film is refused: its copy might identify the patient, or can't be made."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Apart:
    """One sandbox for all senders, since making a copy takes a fraction of a second."""

    def __init__(self, identities: Identities, prefix: str) -> None:
        self.identities = identities
        self.prefix = prefix
        self._sandbox = Sandbox(task=Task.DEIDENTIFY)
        self._one_at_a_time = threading.Lock()

    def key_of(self, instance_uid: str) -> str:
        return object_key(self.prefix, self.identities.derived(instance_uid))

    def keep(self, film: IncomingFilm, file: Path, instance_uid: str) -> str:
        """Keep the film's identity, and replace the film by its copy; return the derived digest.

        The identity is stored before the bucket has the film, so that no result arrives without
        one. Raises NotKept, or the error of a failure of the receiver.
        """
        try:
            with self._one_at_a_time:
                apart = self._sandbox.deidentify(
                    file.read_bytes(), self.identities.uid_key, instance_uid
                )
        except NotReadable as error:
            raise NotKept(_REFUSALS.get(error.code, Refusal.UNREADABLE)) from None
        digest = self.identities.derived_digest(film.digest)
        self.identities.put(self.key_of(instance_uid), digest, apart.study_uid, apart.identity)
        film.replace(apart.copy)
        return digest

    def close(self) -> None:
        self._sandbox.close()
