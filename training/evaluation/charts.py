"""The charts of an evaluation, as SVG, in the colour-blind safe colours of Okabe and Ito."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType
from sklearn.metrics import precision_recall_curve, roc_curve

from training.evaluation.calibration import BINS, Floats, reliability, reweighted
from training.evaluation.metrics import net_benefit

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"
_MARKERS = "os^D"
_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "cxr-alert",  # the same films give the same file
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "legend.frameon": False,
    "legend.fontsize": 10,
}
_RARE = 0.05  # prevalence of the second decision curve


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, with a description for people who can't see it."""

    name: str
    title: str
    alt: str
    svg: str


def draw_all(
    labels: Floats, probabilities: Floats, cutoffs: Sequence[float], prevalence: float
) -> list[Chart]:
    """Draw ROC, precision and recall, reliability, decision; `cutoffs` are marked on the curves.

    The probabilities are calibrated for `prevalence`.
    """
    with mpl.rc_context(_STYLE):
        return [
            _roc(labels, probabilities, cutoffs),
            _precision_recall(labels, probabilities, cutoffs),
            _reliability(labels, probabilities, prevalence),
            _decision(labels, probabilities, prevalence),
        ]


def _roc(labels: Floats, probabilities: Floats, cutoffs: Sequence[float]) -> Chart:
    figure, axes = _square()
    false, true, _ = roc_curve(labels, probabilities)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="guessing")
    axes.plot(false, true, color=BLUE, drawstyle="steps-post")
    for marker, cutoff in zip(_MARKERS, cutoffs, strict=False):
        sensitivity, specificity = _rates(labels, probabilities, np.array([cutoff]))
        axes.plot(
            1 - specificity,
            sensitivity,
            marker,
            color=ORANGE,
            markersize=8,
            label=f"cutoff {cutoff:g}",
        )
    axes.set(xlabel="false alarms among normal films", ylabel="found among films with pneumonia")
    axes.legend(loc="lower right")
    alt = "Receiver operating characteristic: share of pneumonia found against false alarms."
    return _chart("roc", "ROC: found against false alarms", alt, figure)


def _precision_recall(labels: Floats, probabilities: Floats, cutoffs: Sequence[float]) -> Chart:
    figure, axes = _square()
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    share = float(labels.mean())
    axes.axhline(share, color=GREY, linestyle=":", label=f"alert on every film: {share:.2f}")
    axes.plot(recall, precision, color=BLUE, drawstyle="steps-pre")
    for marker, cutoff in zip(_MARKERS, cutoffs, strict=False):
        positive = probabilities >= cutoff
        if positive.any():
            at = (labels[positive].sum() / labels.sum(), labels[positive].mean())
            label = f"cutoff {cutoff:g}"
            axes.plot(*at, marker, color=ORANGE, markersize=8, label=label, linestyle="none")
    axes.set(xlabel="recall: found among ill", ylabel="precision: ill among alerts")
    axes.legend(loc="lower left")
    alt = f"Precision against recall; {100 * share:.0f} % of these films show pneumonia."
    return _chart("precision-recall", "Precision and recall", alt, figure)


def _reliability(labels: Floats, probabilities: Floats, prevalence: float) -> Chart:
    figure = Figure(figsize=(5, 5.6), layout="constrained")
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1.3])
    bins = reliability(labels, probabilities, prevalence)
    predicted = np.array([each.mean_probability for each in bins])
    seen = np.array([each.observed.share for each in bins])
    low = seen - np.array([each.observed.low for each in bins])
    high = np.array([each.observed.high for each in bins]) - seen
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="perfect calibration")
    errors = np.maximum([low, high], 0)
    axes.errorbar(
        predicted, seen, errors, fmt="o", color=BLUE, capsize=3, label="films, with 95 % interval"
    )
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), ylabel="share with pneumonia")
    axes.legend(loc="lower right")
    places = np.minimum((predicted * BINS).astype(int), BINS - 1)
    films = [each.films for each in bins]
    bars = counts.bar((places + 0.5) / BINS, films, width=0.9 / BINS, color=BLUE)
    counts.bar_label(bars, fontsize=9)
    counts.margins(y=0.3)
    counts.set(xlabel="predicted probability of pneumonia", ylabel="films")
    alt = f"Reliability where {100 * prevalence:.0f} % of films show pneumonia: " + "; ".join(
        f"of {each.films} films given {100 * each.mean_probability:.0f} % on average, "
        f"{100 * each.observed.share:.0f} % show pneumonia"
        for each in bins
    )
    return _chart("reliability", "Reliability of the probabilities", f"{alt}.", figure)


def _decision(labels: Floats, probabilities: Floats, prevalence: float) -> Chart:
    figure = Figure(figsize=(9, 4), layout="constrained")
    thresholds = np.linspace(0.01, 0.99, 99)
    everyone, nobody = np.ones(99), np.zeros(99)
    for axes, ill in zip(figure.subplots(1, 2), (prevalence, _RARE), strict=True):
        shifted = reweighted(probabilities, prevalence, ill)
        sensitivity, specificity = _rates(labels, shifted, thresholds)
        network = net_benefit(sensitivity, specificity, thresholds, ill)
        every = net_benefit(everyone, nobody, thresholds, ill)
        axes.plot(thresholds, network, color=BLUE, linewidth=2, label="the network")
        axes.plot(thresholds, every, color=ORANGE, linestyle="--", label="review every film")
        axes.axhline(0, color=GREY, linestyle=":", label="review none")
        axes.set(
            title=f"{100 * ill:.0f} % with pneumonia",
            xlabel="threshold probability",
            ylabel="net benefit per film",
            xlim=(0, 1),
            ylim=(-0.25 * ill, 1.1 * ill),
        )
    figure.axes[0].legend(loc="center left")
    alt = (
        "Decision curves: net benefit of the network, of reviewing every film and of reviewing "
        "none, against the threshold probability."
    )
    return _chart("decision", "Decision curve: benefit of using it", alt, figure)


def _rates(labels: Floats, probabilities: Floats, cutoffs: Floats) -> tuple[Floats, Floats]:
    """Return sensitivity and specificity [N] at cutoffs [N]."""
    ill, normal = np.sort(probabilities[labels == 1]), np.sort(probabilities[labels == 0])
    sensitivity = 1 - np.searchsorted(ill, cutoffs) / len(ill)
    specificity = np.searchsorted(normal, cutoffs) / len(normal)
    return sensitivity, specificity


def _square() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    return figure, axes


def _chart(name: str, title: str, alt: str, figure: Figure) -> Chart:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Chart(name, title, alt, file.getvalue())
