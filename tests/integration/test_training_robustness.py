import json
from pathlib import Path

import pytest

from tests.films import small_samples
from tests.integration.serving_container import brightness_network
from tests.typed import typed
from training.evaluation.rerender import RENDERINGS, SPOILT, UNSEEN


def test_films_are_measured_once_for_each_rendering(tmp_path: Path) -> None:
    films = small_samples(tmp_path / "films")
    network = brightness_network(tmp_path / "brightness.onnx")
    arguments = ("--data", films, "--model", network, "--cutoff", "0.72", "--out", tmp_path)
    result = typed("robustness", *arguments)
    assert result.returncode == 0, result.stderr
    measured = json.loads((tmp_path / "robustness.json").read_text())
    assert list(measured) == [*RENDERINGS, *UNSEEN, *SPOILT]
    assert all(name in result.stdout for name in measured)

    # A network that uses brightness alone finds fewer positives in darker films.
    alerts = {name: sum(m["at"]["0.72"][k] for k in ("tp", "fp")) for name, m in measured.items()}
    assert alerts["darker"] < alerts["as it is"] < alerts["lighter"]

    assert typed("evaluate", *arguments).returncode == 0
    evaluated = json.loads((tmp_path / "metrics.json").read_text())
    assert measured["as it is"]["auc"] == pytest.approx(evaluated["auc"], abs=0.01)
    assert measured["as it is"]["brier"] == pytest.approx(evaluated["brier"], abs=0.001)


def test_a_missing_network_is_one_sentence(tmp_path: Path) -> None:
    result = typed("robustness", "--data", "samples", "--model", "nowhere.onnx", "--out", tmp_path)
    assert result.returncode == 2
    assert "nowhere.onnx can't be read" in result.stderr
    assert "Traceback" not in result.stderr
