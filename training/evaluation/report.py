"""The report of an evaluation: one self-contained HTML file, for screen and paper."""

import base64
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from imaging.readers import read_grey
from training.dataset.folder import CLASSES, Film
from training.evaluation.calibration import Rate
from training.evaluation.charts import Chart, draw_all
from training.evaluation.evaluate import Evaluation
from training.evaluation.metrics import ExpectedPerThousand, Json, per_thousand, rates

WORST = 6  # errors of each kind that are shown
PICTURE_SIDE = 320
PREVALENCES = (0.01, 0.05, 0.1, 0.2, 0.5)
CUTOFF_OF_A_COIN = 0.5


@dataclass(frozen=True)
class Confusion:
    """The four outcomes at a cutoff, with the rates by name."""

    cutoff: str
    counts: Json
    rates: dict[str, Rate]


@dataclass(frozen=True)
class Misjudged:
    name: str
    probability: float
    picture: str  # a data: address


@dataclass(frozen=True)
class Subgroup:
    name: str
    films: int
    auc: float
    auc_interval: list[float] | None
    recall: dict[str, Rate]


def write_report(evaluation: Evaluation, data: Path, cutoff: float, typed: str, out: Path) -> Path:
    """Write `report.html` to `out`, and its charts to `out/figures`; return the report's path.

    `typed` is the command that made it. The shown errors are those at `cutoff`, which must be among
    the evaluation's cutoffs.
    """
    shown = list(dict.fromkeys([CUTOFF_OF_A_COIN, cutoff]))
    charts = draw_all(
        evaluation.labels, evaluation.probabilities, shown, evaluation.metrics["prevalence"]
    )
    figures = out / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for chart in charts:
        (figures / f"{chart.name}.svg").write_text(chart.svg, encoding="utf-8")
    confusions = [_confusion(evaluation.metrics, each) for each in shown]
    at_cutoff = confusions[-1]
    page = _environment().get_template("report.html.jinja")
    ill = int(evaluation.labels.sum())
    report = out / "report.html"
    report.write_text(
        page.render(
            metrics=evaluation.metrics,
            network=evaluation.network,
            data=data.resolve().name,
            made=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
            typed=typed,
            ill=ill,
            normal=len(evaluation.films) - ill,
            cutoff=at_cutoff.cutoff,
            at=at_cutoff,
            confusions=confusions,
            charts={chart.name: chart for chart in charts},
            thousands=_thousands(at_cutoff),
            subgroups=_subgroups(evaluation.metrics, [each.cutoff for each in confusions]),
            missed=_worst(evaluation, cutoff, label=1),
            alarms=_worst(evaluation, cutoff, label=0),
            classes=CLASSES,
        ),
        encoding="utf-8",
        errors="backslashreplace",  # names may not be valid UTF-8
    )
    return report


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["address"] = _address
    environment.filters["percent"] = _percent
    environment.filters["percent_interval"] = _percent_interval
    environment.filters["interval"] = _interval
    environment.filters["range"] = _range
    return environment


def _address(chart: Chart) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(chart.svg.encode()).decode()}"


def _percent(rate: Rate) -> str:
    return f"{100 * rate.share:.1f} %"


def _percent_interval(rate: Rate) -> str:
    return f"({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _interval(interval: list[float] | None) -> str:
    return f"({interval[0]:.4f} to {interval[1]:.4f})" if interval else ""


def _range(values: tuple[float, float, float]) -> str:
    places = 1 if values[0] < 10 else 0
    value, low, high = (f"{each:.{places}f}" for each in values)
    return f"{value} ({low} to {high})"


def _confusion(metrics: Json, cutoff: float) -> Confusion:
    name = f"{cutoff:g}"
    return Confusion(name, metrics["at"][name], rates(metrics["at"][name]))


def _thousands(at: Confusion) -> list[tuple[float, ExpectedPerThousand]]:
    sensitivity, specificity = at.rates["recall"], at.rates["specificity"]
    return [(ill, per_thousand(sensitivity, specificity, ill)) for ill in PREVALENCES]


def _subgroups(metrics: Json, cutoffs: list[str]) -> list[Subgroup]:
    return [
        Subgroup(
            name,
            group["films"],
            group["auc"],
            group.get("auc_interval"),
            {cutoff: rates(group["at"][cutoff])["recall"] for cutoff in cutoffs},
        )
        for name, group in metrics.get("subgroups", {}).items()
    ]


def _worst(evaluation: Evaluation, cutoff: float, label: int) -> list[Misjudged]:
    """Return the errors among the films of class `label` with the most extreme probabilities."""
    labels, probabilities = evaluation.labels, evaluation.probabilities
    wrong = np.flatnonzero((labels == label) & ((probabilities >= cutoff) != (label == 1)))
    doubt = probabilities[wrong] * (1 if label == 1 else -1)
    worst = wrong[np.argsort(doubt, kind="stable")][:WORST]
    return [
        Misjudged(
            evaluation.films[each].path.name,
            float(probabilities[each]),
            _picture(evaluation.films[each]),
        )
        for each in worst
    ]


def _picture(film: Film) -> str:
    picture = Image.fromarray(read_grey(film.path.read_bytes(), smallest=PICTURE_SIDE))
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
