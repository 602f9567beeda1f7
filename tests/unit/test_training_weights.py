"""Foreign weights: torchvision's names, three colours, a thousand classes."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.learning.network import ResNet18
from training.learning.recipe import BadRecipe
from training.learning.weights import foreign_weights


def as_torchvision(network: ResNet18) -> dict[str, Tensor]:
    """Return the network's weights with torchvision's names and shapes."""
    found = {}
    for name, value in network.state_dict().items():
        kind, _, rest = name.partition(".")
        if kind == "blocks":
            block, _, rest = rest.partition(".")
            layer, place = divmod(int(block), 2)
            rest = rest.replace("norm", "bn").replace("shortcut", "downsample")
            found[f"layer{layer + 1}.{place}.{rest}"] = value
        elif name == "stem.0.weight":
            shares = torch.tensor([0.5, 0.2, 0.3]).reshape(1, 3, 1, 1)
            found["conv1.weight"] = value * shares
        elif kind == "stem":
            found[name.replace("stem.1", "bn1")] = value
    return found | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


def test_torchvisions_weights_give_the_same_features(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ResNet18().eval()
    path = tmp_path / "resnet18.pth"
    torch.save(as_torchvision(network), path)
    found = foreign_weights(path).eval()
    films = torch.rand(2, 1, 64, 64) * 255
    torch.testing.assert_close(found.features(films), network.features(films), rtol=1e-3, atol=1e-4)


@pytest.mark.thorough
def test_our_checkpoint_is_loaded_completely(tmp_path: Path) -> None:
    network = ResNet18()
    path = tmp_path / "checkpoint.pt"
    torch.save({"averaged": network.state_dict(), "epoch": 3}, path)
    torch.testing.assert_close(foreign_weights(path).state_dict(), network.state_dict())


@pytest.mark.parametrize("content", [{"layer1.0.conv1.weight": torch.zeros(64, 64, 3, 3)}, {}])
def test_weights_of_another_network_are_refused(tmp_path: Path, content: dict[str, Tensor]) -> None:
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(BadRecipe, match="another network"):
        foreign_weights(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.pth"
    path.write_text("Dear doctor")
    with pytest.raises(BadRecipe, match="can't be read"):
        foreign_weights(path)
