"""The published set is split as the shipped network's lists say: no held-out film was learned."""

from pathlib import Path

import pytest

from training.dataset.folder import find_films, split_films
from training.dataset.patients import patients_kept_out
from training.learning.recipe import load_recipe
from training.learning.run import note_split

ROOT = Path(__file__).parents[2]
PLACES = [parent / "shared/data/chest_xray" for parent in ROOT.parents]
DATA = next((each for each in PLACES if each.is_dir()), PLACES[0])


@pytest.mark.thorough
def test_the_published_set_is_parted_as_shipped(tmp_path: Path) -> None:
    if not DATA.is_dir():
        pytest.skip(f"The published set is not in {DATA}; docs/training.md says where it is from.")
    recipe = load_recipe(ROOT / "model/recipe.json")
    films = find_films(DATA)
    assert len(films) == 5232
    apart = patients_kept_out(ROOT / "samples", films, films)
    training, validation = split_films(films, recipe.fold, recipe.folds, apart)
    note_split(tmp_path, DATA, training, validation)
    for name in ("validation.txt", "patients.txt"):
        assert (tmp_path / name).read_text() == (ROOT / "model" / name).read_text(), name
