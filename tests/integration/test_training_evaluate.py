"""evaluate, predict and cutoff as typed, on films and a network with predictable answers."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from PIL import Image

from imaging.refusals import NotReadable
from serving.shipped import SHIPPED_NETWORK
from tests.integration.classify_cloud import EndpointStub, Reply, Request
from tests.integration.serving_container import (
    SAGEMAKER,
    Container,
    brightness,
    brightness_network,
    running,
)
from tests.typed import typed
from training.dataset.folder import find_films
from training.dataset.learned import patient_digest, write_patients
from training.evaluation.live_endpoint import connect
from training.evaluation.predictor import NoAnswer, Unread, load_network

ROOT = Path(__file__).parents[2]
NETWORK = SHIPPED_NETWORK
SAMPLES = ROOT / "samples"
# At 0.7 the brightness network is positive from grey level 108 on.
LEVELS = {
    "NORMAL/IM-0001-0001.jpeg": 20,
    "NORMAL/IM-0001-0002.jpeg": 40,
    "NORMAL/IM-0002-0001.jpeg": 150,
    "PNEUMONIA/person1_bacteria_1.jpeg": 200,
    "PNEUMONIA/person1_bacteria_2.jpeg": 180,
    "PNEUMONIA/person2_virus_3.jpeg": 60,
}


def draw(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (64, 64), level).save(path, quality=100)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, level in LEVELS.items():
        draw(tmp_path / "films" / name, level)
    return tmp_path / "films"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    return brightness_network(folder / "network.onnx", name="brightness-1")


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """The shipped network, served."""
    folder = tmp_path_factory.mktemp("container")
    with running(
        folder, "--model", NETWORK, "--endpoint-name", "cxr-alert", program=SAGEMAKER
    ) as container:
        yield container


@pytest.fixture
def at_container(
    aws_environment: None, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", container.url())


@pytest.fixture
def at_stub(
    aws_environment: None, endpoint: EndpointStub, monkeypatch: pytest.MonkeyPatch
) -> EndpointStub:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", endpoint.url)
    return endpoint


class Page(HTMLParser):
    """Collects the resources and words of an HTML page, and pictures without a description."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.without_words: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.loads += [value for name in ("src", "href") if (value := found.get(name))]
        if tag == "img" and not found.get("alt"):
            self.without_words.append(str(found))

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"


def test_the_metrics_equal_those_computed_by_hand(
    tmp_path: Path, data: Path, network: Path
) -> None:
    out = tmp_path / "out"
    result = typed("evaluate", "--data", data, "--model", network, "--cutoff", "0.7", "--out", out)
    assert result.returncode == 0, result.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["network"] == "brightness-1-without-gate"
    assert (metrics["films"], metrics["patients"]) == (6, 4)
    # Film 60 is above the normal films 20 and 40 but not above 150.
    assert metrics["auc"] == pytest.approx(8 / 9)
    assert set(metrics["at"]) == {"0.5", "0.1", "0.7"}
    at = metrics["at"]["0.7"]
    assert [at[name] for name in ("tp", "fp", "tn", "fn")] == [2, 1, 2, 1]
    for name in ("accuracy", "recall", "precision", "specificity"):
        assert at[name] == pytest.approx(2 / 3)
        low, high = at[f"{name}_interval"]
        assert low < 2 / 3 < high
    said = [brightness(level)[1] for level in LEVELS.values()]
    labels = [0, 0, 0, 1, 1, 1]
    brier = np.mean([(p - y) ** 2 for p, y in zip(said, labels, strict=True)])
    assert metrics["brier"] == pytest.approx(brier, abs=1e-4)
    assert metrics["subgroups"]["bacterial"]["auc"] == 1
    assert metrics["subgroups"]["bacterial"]["at"]["0.7"]["recall"] == 1
    assert metrics["subgroups"]["viral"]["auc"] == pytest.approx(2 / 3)
    assert metrics["subgroups"]["viral"]["at"]["0.7"]["recall"] == 0
    with (out / "predictions.csv").open() as file:
        rows = {row["film"]: float(row["probability"]) for row in csv.DictReader(file)}
    assert list(rows.values()) == pytest.approx(said, abs=1e-4)
    assert list(rows) == list(LEVELS)


def test_the_report_needs_nothing_else_and_shows_the_mistakes(
    tmp_path: Path, data: Path, network: Path
) -> None:
    out = tmp_path / "out"
    typed("evaluate", "--data", data, "--model", network, "--cutoff", "0.7", "--out", out)
    page = Page((out / "report.html").read_text())
    assert [address for address in page.loads if not address.startswith("data:image/")] == []
    assert page.without_words == []
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert "url(" not in (out / "report.html").read_text()
    missed, alarms = page.words.split("Missed, with")[1].split("False alarms, with")
    assert "person2_virus_3.jpeg" in missed
    assert "IM-0002-0001.jpeg" in alarms
    # 100 of 1,000 with pneumonia: two thirds found, a third of the 900 others alerted.
    assert "100 (10 %) 367 67 (" in page.words
    assert "brightness-1" in page.words
    assert "cxr-alert evaluate --data" in page.words
    figures = sorted(path.stem for path in (out / "figures").iterdir())
    assert figures == ["decision", "precision-recall", "reliability", "roc"]


def test_the_worst_mistakes_come_first(tmp_path: Path, data: Path, network: Path) -> None:
    for level in range(10, 80, 10):
        draw(data / f"PNEUMONIA/faint{level}.png", level)
        draw(data / f"NORMAL/bright{level}.png", 150 + level)
    out = tmp_path / "out"
    typed("evaluate", "--data", data, "--model", network, "--cutoff", "0.7", "--out", out)
    words = Page((out / "report.html").read_text()).words
    missed, alarms = words.split("Missed, with")[1].split("Limits")[0].split("False alarms, with")
    faint = [word for word in missed.split() if word.startswith(("faint", "person"))]
    assert faint == [f"faint{level}.png" for level in range(10, 70, 10)]
    bright = [word for word in alarms.split() if word.startswith(("bright", "IM-"))]
    assert bright == [f"bright{level}.png" for level in range(70, 10, -10)]


def test_odd_names_cannot_write_into_the_report(tmp_path: Path, data: Path, network: Path) -> None:
    draw(data / "PNEUMONIA" / "<script>&.jpeg", 10)
    out = tmp_path / "out"
    result = typed("evaluate", "--data", data, "--model", network, "--cutoff", "0.7", "--out", out)
    assert result.returncode == 0, result.stderr
    page = Page((out / "report.html").read_text())
    assert "script" not in page.tags
    assert "<script>&.jpeg" in page.words


def test_names_without_a_cause_make_no_subgroups(tmp_path: Path, network: Path) -> None:
    for name in ("NORMAL/a.png", "NORMAL/b.png", "PNEUMONIA/c.png"):
        draw(tmp_path / "films" / name, 100)
    out = tmp_path / "out"
    result = typed("evaluate", "--data", tmp_path / "films", "--model", network, "--out", out)
    assert result.returncode == 0, result.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    assert "subgroups" not in metrics
    assert "auc_interval" not in metrics  # one ill patient
    words = Page((out / "report.html").read_text()).words
    assert "By cause" not in words
    assert "No interval of the AUC is given" in words


def test_the_same_probabilities_by_file_container_and_sdk(
    container: Container, at_container: None, tmp_path: Path
) -> None:
    films = [film.path for film in find_films(SAMPLES)]
    assert len(films) == 24
    by_file = answers(load_network(NETWORK).predict(films))
    by_http = [json.loads(container.post("/invocations", f.read_bytes()).body) for f in films]
    client = boto3.client("sagemaker-runtime")
    by_sdk = []
    for film in films:
        response = client.invoke_endpoint(
            EndpointName="cxr-alert", Body=film.read_bytes(), ContentType="image/jpeg"
        )
        by_sdk.append(json.loads(response["Body"].read()))
    assert np.array(by_http) == pytest.approx(np.array(by_file), abs=1e-3)
    assert np.array(by_sdk) == pytest.approx(np.array(by_file), abs=1e-3)

    measured: dict[str, dict[str, float]] = {}
    for how, asked in (("file", ["--model", str(NETWORK)]), ("sdk", ["--endpoint", "cxr-alert"])):
        result = typed("evaluate", "--data", SAMPLES, *asked, "--out", tmp_path / how)
        assert result.returncode == 0, result.stderr
        with (tmp_path / how / "predictions.csv").open() as file:
            measured[how] = {row["film"]: float(row["probability"]) for row in csv.DictReader(file)}
    assert measured["sdk"] == pytest.approx(measured["file"], abs=1e-3)
    assert list(measured["file"].values()) == pytest.approx([p for _, p in by_file], abs=1e-3)
    names = [
        json.loads((tmp_path / how / "metrics.json").read_text())["network"] for how in measured
    ]
    assert names[1] == f"{names[0]}, behind endpoint cxr-alert"


def answers(given: Iterator[tuple[float, float] | Unread]) -> list[tuple[float, float]]:
    return [each for each in given if not isinstance(each, Unread)]


def test_predict_shows_every_image_and_says_which_it_could_not_read(
    tmp_path: Path, network: Path
) -> None:
    draw(tmp_path / "film.png", 200)
    (tmp_path / "letter.png").write_text("Dear doctor")
    images = [tmp_path / name for name in ("letter.png", "film.png", "nowhere.png")]
    result = typed("predict", *images, "--model", network, "--json")
    assert result.returncode == 2
    assert "2 of 3 images were not screened." in result.stderr
    letter, film, nowhere = json.loads(result.stdout)
    assert film == {
        "image": str(images[1]),
        "finding": "PNEUMONIA",
        "normal": pytest.approx(brightness(200)[0], abs=1e-5),
        "pneumonia": pytest.approx(brightness(200)[1], abs=1e-5),
    }
    assert "neither a JPEG nor a PNG" in letter["error"]
    assert "No such file" in nowhere["error"]

    table = typed("predict", *images, "--model", network, COLUMNS="200")
    assert table.returncode == 2
    assert f"{100 * brightness(200)[1]:.1f} %" in table.stdout
    assert f"{images[0]} is not screened (format): The file is neither" in table.stdout


def test_predict_uses_the_shipped_network_by_default() -> None:
    (film, *_) = find_films(SAMPLES)
    result = typed("predict", film.path, "--json")
    assert result.returncode == 0, result.stderr
    (shown,) = json.loads(result.stdout)
    assert (shown["normal"], shown["pneumonia"]) == pytest.approx(
        answers(load_network(NETWORK).predict([film.path]))[0], abs=1e-5
    )


def test_the_endpoints_reason_is_shown_for_an_image(at_container: None, tmp_path: Path) -> None:
    (tmp_path / "letter.png").write_text("Dear doctor")
    result = typed("predict", tmp_path / "letter.png", "--endpoint", "cxr-alert", "--json")
    assert result.returncode == 2
    assert "neither a JPEG nor a PNG" in json.loads(result.stdout)[0]["error"]


def test_a_missing_endpoint_is_reported(at_container: None, data: Path) -> None:
    result = typed("evaluate", "--data", data, "--endpoint", "other", "--out", data.parent / "out")
    assert result.returncode == 2
    assert "There is no endpoint other in service in us-east-1" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "no AWS credentials were found"),
        (("AWS_DEFAULT_REGION",), "No region is set for endpoint cxr-alert"),
    ],
)
def test_missing_aws_settings_are_reported(
    at_stub: EndpointStub,
    monkeypatch: pytest.MonkeyPatch,
    missing: Sequence[str],
    complaint: str,
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    for name in missing:
        monkeypatch.delenv(name, raising=False)
    result = typed("predict", find_films(SAMPLES)[0].path, "--endpoint", "cxr-alert")
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
    assert at_stub.requests == []


@pytest.mark.parametrize(
    "passing",
    [
        EndpointStub.error(400, "ThrottlingException"),
        EndpointStub.error(429, "ModelNotReadyException"),
        EndpointStub.model_error(500, "out of memory"),
    ],
)
def test_temporary_errors_are_tried_again(
    at_stub: EndpointStub, tmp_path: Path, passing: Reply
) -> None:
    asked: Counter[bytes] = Counter()

    def refuses_each_film_for_longer_than_the_sdk_waits(request: Request) -> Reply:
        asked[request.body] += 1
        return at_stub.probabilities([0.25, 0.75]) if asked[request.body] > 3 else passing

    at_stub.answer = refuses_each_film_for_longer_than_the_sdk_waits
    films = [tmp_path / f"{level}.png" for level in (1, 2, 3)]
    for level, film in enumerate(films):
        draw(film, level)
    assert answers(connect("cxr-alert").predict(films)) == [(0.25, 0.75)] * 3
    assert list(asked.values()) == [4] * 3


def test_lasting_errors_end_the_tries(at_stub: EndpointStub) -> None:
    at_stub.says(at_stub.error(400, "AccessDeniedException"))
    with pytest.raises(
        NoAnswer, match=r"does not permit calls of endpoint cxr-alert \(AccessDenied"
    ):
        connect("cxr-alert").predictor.classify(b"film")
    assert len(at_stub.requests) == 1


def test_an_endpoint_with_invalid_answers_is_reported(at_stub: EndpointStub) -> None:
    at_stub.says(at_stub.probabilities([0.9, 0.9]))
    with pytest.raises(NoAnswer, match="two probabilities do not add up"):
        connect("cxr-alert").predictor.classify(b"film")


def test_the_content_type_follows_from_the_bytes(at_stub: EndpointStub, tmp_path: Path) -> None:
    at_stub.finds(0.5)
    draw(tmp_path / "film.png", 7)
    (tmp_path / "film.png").rename(tmp_path / "film.jpeg")
    list(connect("cxr-alert").predict([tmp_path / "film.jpeg"]))
    assert at_stub.requests[0].headers["Content-Type"] == "image/png"


def test_a_rejected_film_is_not_asked_about_again(at_stub: EndpointStub) -> None:
    at_stub.says(at_stub.model_error(400, "That is a cat."))
    with pytest.raises(NotReadable, match="That is a cat"):
        connect("cxr-alert").predictor.classify(b"cat")
    assert len(at_stub.requests) == 1


def test_a_cutoff_comes_with_its_price(data: Path, network: Path) -> None:
    arguments = ("--sensitivity", "0.6", "--prevalence", "0.1", "0.5")
    result = typed("cutoff", "--data", data, "--model", network, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    shown: dict[str, Any] = json.loads(result.stdout)
    chosen = shown["chosen"]
    assert chosen["cutoff"] == pytest.approx(brightness(180)[1], abs=1e-3)
    assert chosen["cutoff"] <= brightness(180)[1]
    assert chosen["sensitivity"] == pytest.approx(2 / 3)
    assert chosen["specificity"] == 1
    tenth, half = chosen["per_thousand"]
    assert (tenth["prevalence"], half["prevalence"]) == (0.1, 0.5)
    assert tenth["missed"] == pytest.approx(100 / 3)
    assert (tenth["false_alarms"], tenth["precision"]) == (0, 1)
    # None of three: the interval's upper end is z^2 / (3 + z^2).
    z2 = 1.959964**2
    assert tenth["false_alarms_interval"][1] == pytest.approx(900 * z2 / (3 + z2), rel=1e-4)
    assert shown["supported"] is None

    table = typed("cutoff", "--data", data, "--model", network, *arguments, COLUMNS="120")
    assert table.returncode == 0, table.stderr
    assert f"Cutoff {chosen['cutoff']:g} finds 0.6 of these films" in table.stdout
    assert "These 3 films with pneumonia can't promise 0.6" in table.stdout
    assert "at least 6 films with pneumonia" in table.stdout


@pytest.mark.parametrize("command", ["evaluate", "cutoff"])
def test_films_that_the_network_has_learned_from_are_reported(
    tmp_path: Path, data: Path, network: Path, command: str
) -> None:
    learned = tmp_path / "run" / "network.onnx"
    learned.parent.mkdir()
    learned.write_bytes(network.read_bytes())
    out = ("--out", tmp_path / "out") if command == "evaluate" else ("--sensitivity", "0.6")
    asked = (command, "--data", data, "--model", learned, *out)
    assert "learned" not in typed(*asked).stderr
    ill = [film for film in find_films(data) if film.path.name.startswith("person1_")]
    write_patients(learned.parent, map(patient_digest, ill))
    result = typed(*asked)
    assert result.returncode == 0, result.stderr
    assert "2 of these 6 films show patients that network.onnx learned from" in result.stderr


def test_a_calibration_on_six_films_says_that_they_are_too_few(tmp_path: Path, data: Path) -> None:
    result = typed("calibrate", "--data", data, "--out", tmp_path / "new.onnx")
    assert result.returncode == 0, result.stderr
    assert "6 films are too few to estimate the error of this calibration." in result.stdout


def test_a_cutoff_is_never_chosen_on_test_films(data: Path, network: Path) -> None:
    data.rename(data.parent / "test")
    result = typed("cutoff", "--data", data.parent / "test", "--model", network)
    assert result.returncode == 2
    assert "has test films" in result.stderr
    assert "Asking" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "nowhere", "--model", "{network}"], "nowhere is not a folder"),
        (["--data", "{data}", "--model", "README.md"], "README.md is not an ONNX network"),
        (["--data", "{data}", "--model", "x", "--endpoint", "y"], "not allowed with argument"),
        (
            ["--data", "{data}", "--model", "{network}", "--cutoff", "10"],
            "10: must be a number between 0 and 1",
        ),
        (["--data", "{data}", "--model", "{network}", "--only", "{normal}"], "one class only"),
        (["--data", "{data}", "--model", "{network}", "--only", "README.md"], "are not below"),
        (["--data", "{data}", "--model", "{network}", "--out", "README.md"], "is a file"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, data: Path, network: Path, arguments: list[str], complaint: str
) -> None:
    normal = tmp_path / "normal.txt"
    normal.write_text("NORMAL/IM-0001-0001.jpeg\n")
    filled = [each.format(data=data, network=network, normal=normal) for each in arguments]
    result = typed("evaluate", "--out", tmp_path / "out", *filled)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_films_that_cannot_be_read_are_all_named(tmp_path: Path, data: Path, network: Path) -> None:
    for name in ("letter", "list"):
        (data / "NORMAL" / f"{name}.jpeg").write_text("Dear doctor")
    result = typed("evaluate", "--data", data, "--model", network, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert "letter.jpeg can't be read: The file is neither" in result.stderr
    assert "list.jpeg can't be read" in result.stderr
    assert "Traceback" not in result.stderr
