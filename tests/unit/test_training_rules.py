import dataclasses
import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.metrics import measure
from training.learning.augment import augment, mix
from training.learning.fit import disagreement
from training.learning.network import standardise
from training.learning.recipe import BadRecipe, Recipe, load_recipe


def test_a_probability_at_the_cutoff_is_positive() -> None:
    labels = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    result = measure(labels, np.array([0.1, 0.09, 0.1, 0.0, 0.0]))
    at = cast(dict[str, dict[str, Any]], result["at"])["0.1"]
    assert (at["tp"], at["fn"], at["fp"], at["tn"]) == (1, 1, 1, 2)
    assert (at["accuracy"], at["recall"], at["precision"]) == (0.6, 0.5, 0.5)
    assert at["specificity"] == pytest.approx(2 / 3)


def test_a_rate_comes_with_its_wilson_interval() -> None:
    labels, probabilities = np.array([1.0] * 10 + [0.0]), np.array([0.9] * 9 + [0.2, 0.1])
    at = cast(dict[str, dict[str, Any]], measure(labels, probabilities)["at"])["0.5"]
    # Nine of ten: 0.596 to 0.982 (Newcombe 1998, method 3).
    assert at["recall"] == 0.9
    assert at["recall_interval"] == pytest.approx([0.596, 0.982], abs=1e-3)


def test_a_requested_cutoff_is_added_to_the_two_of_the_report() -> None:
    result = measure(np.array([0.0, 1.0]), np.array([0.2, 0.8]), [0.25])
    assert list(cast(dict[str, Any], result["at"])) == ["0.5", "0.1", "0.25"]


def test_without_positives_there_is_no_precision() -> None:
    result = measure(np.array([0.0, 1.0]), np.array([0.01, 0.02]))
    assert "precision" not in cast(dict[str, dict[str, Any]], result["at"])["0.5"]


def test_brightness_and_contrast_do_not_reach_the_network() -> None:
    film = torch.rand(1, 1, 16, 16, dtype=torch.float64) * 100 + 20
    brighter = film * 2 + 10
    torch.testing.assert_close(standardise(film), standardise(brighter), atol=0.05, rtol=0.0)


def test_edges_do_not_affect_the_centre() -> None:
    film = torch.rand(1, 1, 40, 40) * 100 + 20
    framed = film.clone()
    framed[:, :, :5] = 0
    same = slice(6, 34)
    torch.testing.assert_close(
        standardise(framed)[..., same, same], standardise(film)[..., same, same]
    )


def test_a_blank_film_gives_finite_values() -> None:
    assert torch.all(standardise(torch.full((1, 1, 8, 8), 255.0)) == 0)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from([32, 48]),
    st.sampled_from([{}, {"cropped": 0.3, "contrast": 0.6}]),
)
def test_a_varied_film_is_a_film(seed: int, size: int, crops: dict[str, Any]) -> None:
    random = torch.Generator().manual_seed(seed)
    films = torch.rand((3, 1, 64, 64), generator=random) * 255
    varied = augment(films, size, Recipe(sharpened=0.5, framed=0.5, **crops), random)
    assert varied.shape == (3, 1, size, size)
    assert float(varied.min()) >= 0
    assert float(varied.max()) <= 255


def test_the_same_seed_varies_in_the_same_way() -> None:
    films = torch.rand(2, 1, 64, 64) * 255

    def draw(seed: int) -> torch.Tensor:
        return augment(films, 32, Recipe(), torch.Generator().manual_seed(seed))

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


STILL = Recipe(
    rotation=0,
    shear=0,
    shift=0,
    zoom=0,
    aspect=0,
    gamma=0,
    noise=0,
    blurred=0,
    erased=0,
    sharpened=0,
    framed=0,
    contrast=0,
    cropped=1,
)


def test_a_framed_film_is_black_along_its_edges_only() -> None:
    films = torch.full((200, 1, 64, 64), 200.0)
    framed = augment(films, 64, dataclasses.replace(STILL, framed=1.0), torch.Generator())
    assert torch.all(framed[:, :, 12:52, 12:52] == 200)
    assert bool((framed[:, :, 0, 0] == 0).any())
    # Corners alone hide letters; whole edges hide the collimator.
    assert 0 < int((framed[:, 0, 0, 32] == 0).sum()) < int((framed[:, 0, 0, 0] == 0).sum())


def test_a_sharpened_film_keeps_its_flat_parts_and_raises_its_edges() -> None:
    film = torch.full((1, 1, 64, 64), 100.0)
    film[..., 32:] = 150
    sharp = augment(film, 64, dataclasses.replace(STILL, sharpened=1.0), torch.Generator())
    step = (sharp[0, 0, 32, 30:34] - sharp[0, 0, 32, 30]).abs().max()
    assert float(step) > 50
    torch.testing.assert_close(sharp[..., :30].flip(-1), sharp[..., :30])


def test_views_with_equal_answers_have_no_consistency_loss() -> None:
    logits = torch.tensor([[1.0, -1.0], [0.0, 3.0]])
    assert float(disagreement(logits.repeat(2, 1))) == pytest.approx(0.0, abs=1e-6)
    # Of one film, 1/2 and 4/5: (4/5 - 1/2) (log 4/5 - log 1/2) + (1/5 - 1/2) (log 1/5 - log 1/2),
    # halved.
    apart = torch.tensor([[0.0, 0.0], [0.0, math.log(4)]])
    assert float(disagreement(apart)) == pytest.approx(0.15 * math.log(4), abs=1e-6)
    assert float(disagreement(apart.flip(0))) == pytest.approx(0.15 * math.log(4), abs=1e-6)


def test_a_milder_recipe_varies_films_less() -> None:
    recipe = Recipe(rotation=20.0, framed=0.4)
    assert (recipe.milder().rotation, recipe.milder().framed) == (5.0, 0.1)
    assert recipe.milder().size == recipe.size


def test_a_mixed_target_still_sums_to_one() -> None:
    targets = torch.eye(2)[torch.tensor([0, 1, 1, 0])]
    films = torch.rand(4, 1, 8, 8)
    _, mixed = mix(films, targets, 0.2, torch.Generator().manual_seed(1))
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(4))


def test_training_films_grow_to_full_size_and_keep_it() -> None:
    recipe = Recipe(epochs=10, first_size=96, size=160, grown_after=0.5)
    sizes = [recipe.size_at(epoch) for epoch in range(10)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 96
    assert sizes[5:] == [160] * 5


def test_a_recipe_survives_its_file(tmp_path: Path) -> None:
    recipe = dataclasses.replace(Recipe(), epochs=3, mixup=0.0)
    recipe.save(tmp_path / "recipe.json")
    assert load_recipe(tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "can't be read as a recipe"),
        ("[]", "must be a JSON object"),
        (json.dumps({"epoch": 3}), "with fields among seed"),
        (json.dumps({"epochs": "many"}), "epochs must be a number"),
        (json.dumps({"epochs": 2.5}), "epochs must be a number"),
        (json.dumps({"mixup": 0.2, "consistency": 1.0}), "mixup and consistency"),
    ],
)
def test_an_invalid_recipe_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(BadRecipe, match=complaint):
        load_recipe(path)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"epochs": 0}, "epochs must be above 0"),
        ({"batch_size": 0}, "batch_size must be above 0"),
        ({"learning_rate": -0.1}, "learning_rate must be above 0"),
        ({"erased": 7.0}, "erased must be 0 to 1; it is 7"),
        ({"fold": 10}, "fold must be 0 to 9"),
    ],
)
def test_a_recipe_that_cannot_be_used_for_training_is_refused(
    values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadRecipe, match=complaint):
        Recipe(**values)
