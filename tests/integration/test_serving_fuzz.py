"""A short run of `make fuzz`: broken films and odd headers get a documented answer or a success."""

from collections import Counter
from pathlib import Path

from serving.shipped import SHIPPED_NETWORK
from tests.faults.fuzz import DOCUMENTED, MOST_MEGABYTES, fuzz
from tests.integration.serving_container import SAGEMAKER, running


def test_broken_films_are_refused_and_the_container_lives(tmp_path: Path) -> None:
    with running(tmp_path, "--model", SHIPPED_NETWORK, program=SAGEMAKER) as container:
        statuses = sum(fuzz(container, inputs=2000, seed=1), Counter())
        assert container.get("/ping").status == 200
        assert container.megabytes("VmHWM") < MOST_MEGABYTES
    assert statuses.total() == 2000
    assert set(statuses) <= DOCUMENTED
    # Else they test only what refuses files at first sight, and never the network.
    assert statuses[200] > 100
    assert statuses[422] > 100
    assert statuses[400] > 100
