"""`python -m training COMMAND`: from a labelled folder to a network that can be served."""

import argparse
import dataclasses
import sys
from pathlib import Path

from serving.network import BadNetwork
from training.evaluate import evaluate
from training.films import BadDataset
from training.recipe import BadRecipe, Recipe, load_recipe
from training.train import train

INTERRUPTED = 130


def main() -> int:
    """Run the command; a user's mistake is one sentence and exit code 2."""
    options = _options()
    try:
        if options.command == "train":
            train(options.data, options.out, _recipe(options), options.keep_out)
        else:
            cutoffs = [options.cutoff] if options.cutoff else []
            evaluate(options.data, options.model, options.out, cutoffs, options.only)
    except (BadDataset, BadNetwork, BadRecipe) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nStopped. The same command goes on from {options.out}.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("train", help="train a ResNet-18 on this machine")
    _add_data(command)
    command.add_argument("--out", type=Path, required=True, help="where the network is left")
    command.add_argument("--recipe", type=Path, help="a recipe.json; default: the shipped recipe")
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--seed", type=int, help="instead of the recipe's")
    command.add_argument(
        "--keep-out", type=Path, help="films whose patients are never trained on, like samples/"
    )

    command = commands.add_parser("evaluate", help="measure a network on labelled films")
    _add_data(command)
    command.add_argument("--model", type=Path, required=True, help="the network, an ONNX file")
    command.add_argument("--out", type=Path, required=True, help="where the measure is left")
    command.add_argument("--cutoff", type=float, help="one more beside 0.5 and 0.1")
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")
    return parser.parse_args()


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="folder with NORMAL and PNEUMONIA, at any depth"
    )


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = load_recipe(options.recipe) if options.recipe else Recipe()
    changes = {name: getattr(options, name) for name in ("epochs", "seed")}
    return dataclasses.replace(recipe, **{k: v for k, v in changes.items() if v is not None})


if __name__ == "__main__":
    sys.exit(main())
