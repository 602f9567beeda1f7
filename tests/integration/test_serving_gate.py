"""The container with a network that has a gate and a map, with SageMaker's requests."""

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from serving.gate import OutOfDistribution
from serving.network import Network
from tests.integration.serving_container import (
    SAGEMAKER,
    Container,
    brightness,
    brightness_network,
    running,
)
from tests.typed import typed

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
CHILD, ADULT = 150, 230


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    return brightness_network(folder / "network.onnx", name="gated", gate=True)


@pytest.fixture(scope="module")
def container(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("container")
    with running(folder, "--model", network, program=SAGEMAKER) as container:
        yield container


def film(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (80, 60), level).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_accepted_film_comes_with_its_saliency_map_on_request(
    container: Container,
) -> None:
    unasked = container.post("/invocations", film(CHILD))
    assert unasked.headers[ATTRIBUTES.lower()] == "model=gated"
    reply = container.post("/invocations", film(CHILD), {ATTRIBUTES: "map=on"})
    assert reply.status == 200
    assert json.loads(reply.body) == pytest.approx(brightness(CHILD), abs=0.01)
    model, _, cells = reply.headers[ATTRIBUTES.lower()].partition(",map=")
    assert model == "model=gated"
    assert len(cells) == 2 * 49
    assert (cells[:2], cells[-2:]) == ("00", "99")


def test_a_refused_film_has_a_code_and_a_sentence(container: Container) -> None:
    reply = container.post("/invocations", film(ADULT))
    assert reply.status == 422
    code, _, sentence = reply.body.decode().partition(": ")
    assert code == "adult"
    assert sentence.startswith("This looks like an adult's")
    assert sentence.endswith("Have it read by a person.")


def test_a_person_overrules_the_gate_and_the_answer_says_so(container: Container) -> None:
    asked = {ATTRIBUTES: "reader=7,gate=off"}
    reply = container.post("/invocations", film(ADULT), asked)
    assert reply.status == 200
    assert json.loads(reply.body) == pytest.approx(brightness(ADULT), abs=0.01)
    assert reply.headers[ATTRIBUTES.lower()] == "model=gated,gate=off"


def test_only_gate_off_overrules(container: Container) -> None:
    for said in ("gate=on", "no-gate=off", "gate=offline"):
        assert container.post("/invocations", film(ADULT), {ATTRIBUTES: said}).status == 422


def test_boto3_gets_the_refusal_and_can_overrule_it(container: Container) -> None:
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=container.url(),
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nobody's
    )
    ask = partial(client.invoke_endpoint, EndpointName="any", Body=film(ADULT))
    with pytest.raises(ClientError) as refused:
        ask()
    response: Any = refused.value.response
    assert response["OriginalStatusCode"] == 422
    assert response["OriginalMessage"].startswith("adult: ")
    assert ask(CustomAttributes="gate=off")["Body"].read()


def test_the_network_can_be_used_without_the_gate(network: Path) -> None:
    served = Network(network, threads=1)
    assert served.classify(film(ADULT)) == pytest.approx(brightness(ADULT), abs=0.01)
    with pytest.raises(OutOfDistribution):
        served.screen(film(ADULT), gated=True)


def test_predict_shows_the_gates_answer_and_can_skip_the_gate(
    network: Path, tmp_path: Path
) -> None:
    child, adult = tmp_path / "child.png", tmp_path / "adult.png"
    child.write_bytes(film(CHILD))
    adult.write_bytes(film(ADULT))
    shown, refused = _predict(network, 2, child, adult)
    assert (shown["image"], shown["finding"]) == (str(child), "PNEUMONIA")
    assert (refused["finding"], refused["code"]) == ("REJECTED", "adult")
    assert "pneumonia" not in refused
    (judged,) = _predict(network, 0, adult, "--without-gate")
    assert judged["pneumonia"] == pytest.approx(brightness(ADULT)[1], abs=0.01)


def _predict(network: Path, status: int, *arguments: Path | str) -> list[dict[str, Any]]:
    result = typed("predict", *arguments, "--model", network, "--json")
    assert result.returncode == status, result.stderr
    shown: list[dict[str, Any]] = json.loads(result.stdout)
    return shown
