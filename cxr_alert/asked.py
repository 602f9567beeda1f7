"""The options that choose a network file or a live endpoint."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_alert.options import add_model
from serving.shipped import SHIPPED_NETWORK

if TYPE_CHECKING:
    from training.evaluation.predictor import ParallelPredictor


def add_asked(command: argparse.ArgumentParser) -> None:
    """Add the options for a network file or a live endpoint."""
    asked = command.add_mutually_exclusive_group()
    add_model(asked, "a network, an ONNX file (default: the shipped network)")
    asked.add_argument("--endpoint", metavar="NAME", help="a live SageMaker endpoint")


def asked_file(options: argparse.Namespace) -> Path | None:
    """Return the network's file, which has a list of its films beside it; None for an endpoint."""
    return None if options.endpoint else options.model or SHIPPED_NETWORK


def asked(options: argparse.Namespace) -> "ParallelPredictor":
    from training.evaluation.predictor import load_network

    if options.endpoint:
        from training.evaluation.live_endpoint import connect  # imports AWS's SDK

        return connect(options.endpoint)
    return load_network(options.model or SHIPPED_NETWORK)
