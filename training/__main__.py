"""`python -m training COMMAND`: from a labelled folder to a network that can be served."""

import argparse
import sys

from serving.network import BadNetwork
from training.commands import deploy, judge, network, prepare, train
from training.mistake import Mistake

INTERRUPTED = 130


def main() -> int:
    """Run the command; a user's mistake is one sentence and exit code 2."""
    options = _options()
    try:
        options.run(options)
    except (Mistake, BadNetwork) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare.add(commands.add_parser("prepare", help="check, split and draw a folder of films"))
    train.add(commands.add_parser("train", help="train a ResNet-18, here or on SageMaker"))
    network.add_gate(commands.add_parser("gate", help="train what refuses other pictures"))
    network.add_assemble(commands.add_parser("assemble", help="average runs, add the gate, serve"))
    network.add_calibrate(
        commands.add_parser("calibrate", help="give a network a scale by films of one's own")
    )
    judge.add_evaluate(commands.add_parser("evaluate", help="measure a network on labelled films"))
    judge.add_robustness(
        commands.add_parser("robustness", help="the same, for films rendered otherwise")
    )
    network.add_compare(commands.add_parser("compare", help="two networks on the same films"))
    network.add_faithfulness(
        commands.add_parser("faithfulness", help="whether the map shows what the network goes by")
    )
    network.add_strangers(
        commands.add_parser("strangers", help="what the gate takes other pictures for")
    )
    judge.add_cutoff(commands.add_parser("cutoff", help="choose the cutoff on validation films"))
    judge.add_predict(commands.add_parser("predict", help="probabilities for images"))
    deploy.add(commands.add_parser("deploy", help="make a SageMaker endpoint of a network"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
