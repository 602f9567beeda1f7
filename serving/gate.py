"""What the gate says of a picture: a child's chest film, or a refusal that tells what to do.

The network's second output gives a probability to each of KINDS. Its limits were settled in
training, so the likeliest kind decides.
"""

from collections.abc import Sequence

KINDS = ("chest", "not_chest", "adult", "inverted", "turned", "layout")

_REASONS = {
    "not_chest": (
        "This does not look like a frontal chest X-ray. "
        "Check which picture was sent, and send the chest film."
    ),
    "adult": (
        "This looks like an adult's chest X-ray, outside the ages that the network knows "
        "(one to five years). Have it read by a person."
    ),
    "inverted": (
        "This looks like a negative, with bone black and air white. "
        "Export the X-ray with bone white, and send it again."
    ),
    "turned": (
        "This looks like a chest X-ray that is turned or upside down. "
        "Turn it upright, and send it again."
    ),
    "layout": (
        "This does not look like one whole chest X-ray that fills the picture, but like a part of "
        "one, several, or a screenshot. Export the film itself, and send it again."
    ),
}


class StrangePicture(Exception):
    """A picture that is not judged: `code` is for programs, the message for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def refuse_strangers(kinds: Sequence[float]) -> None:
    """Raise StrangePicture where the probabilities of KINDS speak against a picture."""
    likeliest = KINDS[max(range(len(KINDS)), key=lambda index: kinds[index])]
    if likeliest != KINDS[0]:
        raise StrangePicture(likeliest, _REASONS[likeliest])
