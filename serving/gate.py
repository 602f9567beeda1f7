"""The gate: rejects images that are not a child's frontal chest film, with a reason.

The network's second output gives a probability to each of KINDS. Its limits were set in training,
so the likeliest kind decides.
"""

from collections.abc import Sequence

KINDS = ("chest", "not_chest", "adult", "inverted", "turned", "layout")

_REASONS = {
    "not_chest": (
        "This does not look like a frontal chest X-ray. "
        "Check which image was sent, and send the chest film."
    ),
    "adult": (
        "This looks like an adult's chest X-ray, outside the ages that the network knows "
        "(one to five years). Have it read by a person."
    ),
    "inverted": (
        "This looks like an inverted film, with bone black and air white. "
        "Export the X-ray with bone white, and send it again."
    ),
    "turned": (
        "This looks like a chest X-ray that is turned or upside down. "
        "Turn it upright, and send it again."
    ),
    "layout": (
        "This does not look like one whole chest X-ray that fills the image, but like a part of "
        "one, several, or a screenshot. Export the film itself, and send it again."
    ),
}


class OutOfDistribution(Exception):
    """The image is out of distribution; `code` is for programs, the message for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def reject_out_of_distribution(kinds: Sequence[float]) -> None:
    """Raise OutOfDistribution if the probabilities of KINDS speak against an image."""
    likeliest = KINDS[max(range(len(KINDS)), key=lambda index: kinds[index])]
    if likeliest != KINDS[0]:
        raise OutOfDistribution(likeliest, _REASONS[likeliest])
