"""`cxr-alert gate`: pictures of all kinds in, a gate for a network's first half out."""

from collections.abc import Collection
from pathlib import Path

import torch
from rich.console import Console

from training.dataset.folder import find_films, patients_below, split_films
from training.learning.gate import Gate, fit_gate, see
from training.learning.gate_films import Counts, Sources, make_pictures, pictures_in
from training.learning.recipe import Recipe
from training.learning.weights import weights_of

HELD_OUT = 5  # every fifth adult's film is never trained on


def train_gate(
    data: Path,
    others: Path,
    adults: Path,
    start: Path,
    out: Path,
    recipe: Recipe,
    kept_out: Path | None,
    left_out: Collection[str] = (),
    counts: Counts = Counts(),  # noqa: B008 - frozen
) -> Gate:
    """Train a gate that looks at what the first half of the served network `start` sees.

    `others` has a folder for each kind of picture that is no chest film; `adults` are chest films
    of adults; `data`, `kept_out` and the recipe's fold say which children's films are trained on,
    as in `train`. Kinds that are `left_out` are not learned from: what the gate makes of them shows
    what it makes of pictures that nobody thought of. Leaves `gate.pt` in `out`.
    """
    films = find_films(data)
    apart = patients_below(kept_out)
    training, _ = split_films(films, recipe.fold, recipe.folds, apart)
    by_kind = {
        folder.name: pictures_in(folder)
        for folder in sorted(others.iterdir())
        if folder.name not in left_out
    }
    learned = [path for index, path in enumerate(pictures_in(adults)) if index % HELD_OUT]
    sources = Sources([film.path for film in training], learned, by_kind)
    console = Console()
    console.print(
        f"Gate: {len(training):,} children's films, {len(learned):,} adults', "
        f"{sum(map(len, by_kind.values())):,} other pictures of {len(by_kind)} kinds."
    )
    pictures = make_pictures(sources, recipe.size, counts, recipe.seed)
    seen = see(weights_of(start).early, pictures.films, pictures.kinds, pictures.sources)
    gate = fit_gate(seen, recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    torch.save(gate.state_dict(), out / "gate.pt")
    return gate
