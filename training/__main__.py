"""`python -m training COMMAND`: from a labelled folder to a network that can be served."""

import argparse
import dataclasses
import sys
from pathlib import Path

from serving.network import BadNetwork
from training.films import BadDataset
from training.recipe import BadRecipe, Recipe, load_recipe

INTERRUPTED = 130


def main() -> int:
    """Run the command; a user's mistake is one sentence and exit code 2."""
    options = _options()
    try:
        options.run(options)
    except (BadDataset, BadNetwork, BadRecipe) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_train(commands.add_parser("train", help="train a ResNet-18"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a network on labelled films"))
    return parser.parse_args()


def _add_train(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    command.add_argument("--out", type=Path, required=True, help="where the network is left")
    command.add_argument("--recipe", type=Path, help="a recipe.json; default: the shipped recipe")
    command.add_argument("--start", type=Path, help="begin with the network of this earlier --out")
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--seed", type=int, help="instead of the recipe's")
    command.add_argument(
        "--keep-out", type=Path, help="films whose patients are never trained on, like samples/"
    )
    command.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> None:
    # Imported here, as each command's own libraries are: PyTorch alone takes seconds to load.
    from training.train import train

    try:
        train(options.data, options.out, _recipe(options), options.keep_out, options.start)
    except KeyboardInterrupt:
        print(f"\nThe same command goes on from {options.out}.", file=sys.stderr)
        raise


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = load_recipe(options.recipe) if options.recipe else Recipe()
    changes = {name: getattr(options, name) for name in ("epochs", "seed")}
    return dataclasses.replace(recipe, **{k: v for k, v in changes.items() if v is not None})


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    command.add_argument("--model", type=Path, required=True, help="the network, an ONNX file")
    command.add_argument("--out", type=Path, required=True, help="where the measure is left")
    command.add_argument("--cutoff", type=float, help="one more beside 0.5 and 0.1")
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")
    command.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from training.evaluate import evaluate

    cutoffs = [options.cutoff] if options.cutoff else []
    evaluate(options.data, options.model, options.out, cutoffs, options.only)


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="folder with NORMAL and PNEUMONIA, at any depth"
    )


if __name__ == "__main__":
    sys.exit(main())
