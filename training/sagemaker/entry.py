"""Entry point of a SageMaker training job: `learning.train` between SageMaker's folders.

The environment variables are those that SageMaker's training driver sets. The run works in the
folder of the checkpoints, which outlives the job's instance, so a job that lost its spot instance
continues there.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from serving.shipped import NETWORK_FILE
from training.dataset.folder import BadDataset
from training.dataset.learned import PATIENTS
from training.learning.recipe import BadRecipe, Recipe, load_recipe

CHECKPOINTS = "checkpoints"  # beside the model's folder; no variable names it
WITH_THE_NETWORK = (NETWORK_FILE, "recipe.json", "metrics.json", PATIENTS)
BESIDE_IT = ("full-precision.onnx", "validation.txt", "predictions.csv")


class _BadJobError(Exception):
    """The job is configured wrongly; the message says what to do."""


def main(environment: Mapping[str, str]) -> int:
    """Train; write the network to SM_MODEL_DIR, which becomes model.tar.gz, as `serving` loads it.

    A fault of the data or the job is one sentence, which SageMaker shows as the job's
    FailureReason.
    """
    try:
        _train(environment)
    except (BadDataset, BadRecipe, _BadJobError) as error:
        sys.stderr.write(f"{error}\n")
        Path(environment["SM_OUTPUT_FAILURE"]).write_text(str(error))
        return 2
    return 0


def _train(environment: Mapping[str, str]) -> None:
    # After their import, OpenVINO and NNCF report to Google Analytics, except in a test.
    os.environ["CI"] = "true"
    import torch

    from training.learning.train import train

    if int(environment["SM_NUM_GPUS"]) and not torch.cuda.is_available():
        raise _BadJobError(
            "The instance has a GPU that this PyTorch can't use; "
            "choose another with --instance-type, such as ml.g4dn.xlarge."
        )
    run = Path(environment["SM_MODEL_DIR"]).with_name(CHECKPOINTS)
    kept_out = environment.get("SM_CHANNEL_KEEP_OUT")
    train(
        Path(environment["SM_CHANNEL_FILMS"]),
        run,
        _recipe(environment["SM_HPS"]),
        Path(kept_out) if kept_out else None,
        _given(environment, "START"),
        patients=_given(environment, "PATIENTS"),
    )
    for names, variable in ((WITH_THE_NETWORK, "SM_MODEL_DIR"), (BESIDE_IT, "SM_OUTPUT_DATA_DIR")):
        folder = Path(environment[variable])
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy(run / name, folder)


def _given(environment: Mapping[str, str], channel: str) -> Path | None:
    """Return the content of a channel: its one file, or the folder; None without that channel."""
    folder = environment.get(f"SM_CHANNEL_{channel}")
    if not folder:
        return None
    files = list(Path(folder).iterdir())
    return files[0] if len(files) == 1 else Path(folder)


def _recipe(hyperparameters: str) -> Recipe:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hyperparameters.json")
        path.write_text(hyperparameters)
        return load_recipe(path)


if __name__ == "__main__":
    sys.exit(main(os.environ))
