import pytest

from serving.attributes import attributes, packed
from serving.gate import KINDS, OutOfDistribution, reject_out_of_distribution


def test_a_childs_chest_film_is_not_refused() -> None:
    reject_out_of_distribution([0.4, 0.2, 0.1, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("kind", KINDS[1:])
def test_the_likeliest_kind_is_the_code_of_the_refusal(kind: str) -> None:
    with pytest.raises(OutOfDistribution) as refused:
        reject_out_of_distribution([0.5 if each == kind else 0.1 for each in KINDS])
    assert refused.value.code == kind
    said = str(refused.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert len(said) < 250  # the record keeps 300 characters, the code among them


def test_a_saliency_map_has_two_digits_per_cell_and_its_largest_is_99() -> None:
    assert packed([-1.0, 0.0, 0.5, 1.0]) == "00005099"


def test_a_saliency_map_without_evidence_for_pneumonia_is_zero() -> None:
    assert packed([-1.0, -2.0]) == "0000"


def test_attributes_fit_into_the_header() -> None:
    said = attributes("m" * 200, gated=False, cells=[1.0] * 100)
    assert said.startswith("model=mmm")
    assert ",gate=off,map=99" in said
    assert len(said) <= 1024
    assert attributes("m", gated=True, cells=[]) == "model=m"
