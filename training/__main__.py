"""`python -m training COMMAND`: from a labelled folder to a network that can be served."""

import argparse
import dataclasses
import sys
from pathlib import Path

from training.films import BadDataset
from training.recipe import BadRecipe, Recipe, load_recipe
from training.train import train

INTERRUPTED = 130


def main() -> int:
    """Run the command; a user's mistake is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train a ResNet-18 on this machine")
    command.add_argument(
        "--data", type=Path, required=True, help="folder with NORMAL and PNEUMONIA, at any depth"
    )
    command.add_argument("--out", type=Path, required=True, help="where the network is left")
    command.add_argument("--recipe", type=Path, help="a recipe.json; default: the shipped recipe")
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--seed", type=int, help="instead of the recipe's")
    command.add_argument(
        "--keep-out", type=Path, help="films whose patients are never trained on, like samples/"
    )
    options = parser.parse_args()
    try:
        recipe = load_recipe(options.recipe) if options.recipe else Recipe()
        changes = {name: getattr(options, name) for name in ("epochs", "seed")}
        recipe = dataclasses.replace(recipe, **{k: v for k, v in changes.items() if v is not None})
        train(options.data, options.out, recipe, options.keep_out)
    except (BadDataset, BadRecipe) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nStopped. The same command goes on from {options.out}.", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
