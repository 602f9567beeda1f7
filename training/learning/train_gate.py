"""`cxr-alert gate`: pictures of all kinds in, a gate for a network's first half out."""

from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from training.dataset.folder import BadDataset, Film, find_films, patients_below, split_films
from training.learning.gate import Gate, Seen, fit_gate, see
from training.learning.gate_films import Counts, Sources, make_pictures, pictures_in
from training.learning.network import ResNet18
from training.learning.recipe import Recipe
from training.learning.weights import weights_of

HELD_OUT = 5  # every fifth adult's film is never trained on


@dataclass(frozen=True)
class GateFolders:
    """Where the pictures are that a gate learns from.

    `data`, `kept_out` and the recipe's fold say which children's films are trained on, as in
    `train`. `others` has a folder for each kind of picture that is no chest film; `adults` are
    chest films of adults.
    """

    data: Path
    others: Path
    adults: Path
    kept_out: Path | None

    @property
    def kinds(self) -> list[str]:
        """The names of the folders in `others`; raises BadDataset where there is none."""
        found = [path.name for path in self.others.glob("*") if path.is_dir()]
        if not found:
            raise BadDataset(f"No folder lies in {self.others}: put a folder for each kind there.")
        return sorted(found)


def train_gate(
    folders: GateFolders,
    start: Path,
    out: Path,
    recipe: Recipe,
    counts: Counts = Counts(),  # noqa: B008 - frozen
) -> Gate:
    """Train a gate that looks at what the first half of the served network `start` sees.

    Leaves `gate.pt` in `out`.
    """
    seen, _ = look(folders, weights_of(start), recipe, counts)
    gate = fit_gate(seen, recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    torch.save(gate.state_dict(), out / "gate.pt")
    return gate


def look(
    folders: GateFolders, network: ResNet18, recipe: Recipe, counts: Counts
) -> tuple[Seen, list[Film]]:
    """What a gate of `network` learns from, as it sees it, and the films of children held out."""
    apart = patients_below(folders.kept_out)
    films = find_films(folders.data)
    training, held_out = split_films(films, recipe.fold, recipe.folds, apart)
    by_kind = {kind: pictures_in(folders.others / kind) for kind in folders.kinds}
    learned = [path for index, path in enumerate(pictures_in(folders.adults)) if index % HELD_OUT]
    sources = Sources([film.path for film in training], learned, by_kind)
    Console(stderr=True).print(
        f"Gate: {len(training):,} children's films, {len(learned):,} adults', "
        f"{sum(map(len, by_kind.values())):,} other pictures of {len(by_kind)} kinds."
    )
    pictures = make_pictures(sources, recipe.size, counts, recipe.seed)
    return see(network.early, pictures.films, pictures.kinds, pictures.sources), held_out
