from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from imaging.network_input import network_input
from imaging.readers import read_grey
from serving.network import Network
from serving.shipped import SHIPPED_NETWORK
from tests.integration.serving_container import brightness_network

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*/*.jpeg"))


@pytest.fixture(scope="module")
def shipped() -> Network:
    return Network(SHIPPED_NETWORK, threads=2)


def test_a_jpeg_decoded_at_a_fraction_of_its_size_gives_the_same_probabilities(
    shipped: Network,
) -> None:
    assert len(SAMPLES) == 24
    for sample in SAMPLES:
        film = sample.read_bytes()
        full = shipped.probabilities(network_input(read_grey(film), shipped.size))
        assert shipped.classify(film) == pytest.approx(full, abs=0.01), sample.name


def test_threads_get_the_same_probabilities_as_one(shipped: Network) -> None:
    films = [sample.read_bytes() for sample in SAMPLES]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(shipped.classify, films))
    np.testing.assert_allclose(together, [shipped.classify(film) for film in films], atol=1e-6)


def test_a_network_is_named_by_its_metadata(tmp_path: Path) -> None:
    path = brightness_network(tmp_path / "file.onnx", name="cxr, Zürich; 2\n")
    assert Network(path, threads=1).name == "cxr__Z_rich__2_-without-gate"


def test_a_network_without_a_name_is_named_by_its_file_and_content(tmp_path: Path) -> None:
    path = brightness_network(tmp_path / "file.onnx")
    first = Network(path, threads=1).name
    assert first.startswith("file-")
    assert Network(path, threads=1).name == first
    brightness_network(path, side=32)
    assert Network(path, threads=1).name != first
