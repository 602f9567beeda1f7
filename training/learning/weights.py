"""Initial weights: of a served network, or of torchvision's ResNet-18."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.learning.gate import Gate
from training.learning.network import ResNet18
from training.learning.recipe import BadRecipe

CLASSES = 2
_FOLDED = ".weight_bias"  # the exporter's name for the bias that a norm was folded into


def weights_of(path: Path) -> ResNet18:
    """Return the network in the ONNX file `path` from `export`; eight bits become numbers.

    The exporter has folded each norm into the convolution before it. Here the norms only add
    that bias, so the network answers like the file, but can't be trained: its norms have no
    statistics. `wake_norms` corrects that.
    """
    network = ResNet18()
    _fill(network, "network.", _graph(path))
    return network.eval()


def gate_of(path: Path) -> Gate | None:
    """Return the gate in the ONNX file `path`, including its limits; None if it has none."""
    graph = _graph(path)
    if not any(value.name.startswith("gate.") for value in graph.initializer):
        return None
    gate = Gate()
    _fill(gate, "gate.", graph)
    return gate.eval()


def _graph(path: Path) -> onnx.GraphProto:
    try:
        return onnx.load(path).graph
    except Exception as error:  # ONNX raises various errors of its parser
        raise BadRecipe(f"{path} can't be read as a network to start from: {error}.") from error


def _fill(network: nn.Module, prefix: str, graph: onnx.GraphProto) -> None:
    """Give `network` the weights with names that begin with `prefix` in `graph`."""
    values = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    made = {node.output[0]: node for node in graph.node}
    state = network.state_dict()
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):  # folded into the convolution before it, or ...
            state[f"{name}.weight"] = torch.ones_like(state[f"{name}.weight"])
            state[f"{name}.running_var"] = torch.full_like(
                state[f"{name}.running_var"], 1 - module.eps
            )
    for name in state:
        if prefix + name in values:  # ... as it is
            state[name] = torch.from_numpy(values[prefix + name].copy())
    for node in graph.node:
        bias = node.input[2] if node.op_type in {"Conv", "Gemm"} and len(node.input) > 2 else ""
        if not bias.startswith(prefix) or bias not in values:
            continue  # the map's convolution has no bias
        layer = bias.removeprefix(prefix).removesuffix(_FOLDED).removesuffix(".bias")
        state[f"{layer}.weight"] = _weight(node.input[1], values, made)
        if bias.endswith(_FOLDED):
            state[f"{norm_after(layer)}.bias"] = torch.from_numpy(values[bias].copy())
    network.load_state_dict(state)


def foreign_weights(path: Path) -> ResNet18:
    """Return the network from a file of PyTorch's: ours, or torchvision's ResNet-18.

    For the latter, the three colours of the first convolution are summed to grey, and the head
    stays random unless it has two classes. Raises BadRecipe.
    """
    network = ResNet18()
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
        given = given.get("averaged", given)
        if "conv1.weight" in given:
            given = _renamed(given)
        missing, unknown = network.load_state_dict(given, strict=False)
    except Exception as error:  # PyTorch raises various errors of its unpickler
        raise BadRecipe(f"{path} can't be read as the weights of a ResNet-18: {error}.") from error
    if unknown or set(missing) - {"head.weight", "head.bias"}:
        raise BadRecipe(f"{path} holds the weights of another network than a ResNet-18.")
    return network


def _renamed(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return torchvision's weights by our names; a head of other classes is left out."""
    found = {}
    for name, value in given.items():
        if parts := re.fullmatch(r"layer(\d)\.(\d)\.(.+)", name):
            block = 2 * (int(parts[1]) - 1) + int(parts[2])
            rest = parts[3].replace("bn", "norm").replace("downsample", "shortcut")
            found[f"blocks.{block}.{rest}"] = value
        elif name == "conv1.weight":
            found["stem.0.weight"] = value.sum(dim=1, keepdim=True)
        elif name.startswith("bn1."):
            found[name.replace("bn1", "stem.1")] = value
        elif name.startswith("fc.") and len(value) == CLASSES:
            found[name.replace("fc", "head")] = value
    return found


def norm_after(layer: str) -> str:
    """Return the name of the norm after a convolution: `blocks.0.conv1` -> `blocks.0.norm1`."""
    before, _, number = layer.rpartition(".")
    if number.isdigit():
        return f"{before}.{int(number) + 1}"
    return layer.replace("conv", "norm")


@torch.no_grad()
def wake_norms(network: ResNet18, films: Tensor, batch_size: int = 64) -> None:
    """Give the norms of `weights_of` statistics from films float32 [N, 1, S, S].

    Each norm takes the mean and the variance of its input, and reverts them by its weight and bias:
    the network answers as before, and can be trained.
    """
    seen: dict[nn.BatchNorm2d, list[Tensor]] = {}

    def watch(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101 - only they are hooked
        x = given[0]
        moments = torch.stack([x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3))])
        seen.setdefault(norm, []).append(moments * len(x))

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(watch) for norm in norms]
    for part in films.split(batch_size):
        network(part)
    for hook in hooks:
        hook.remove()
    for norm, parts in seen.items():
        mean, square = torch.stack(parts).sum(dim=0) / len(films)
        variance = (square - mean.square()).clamp(min=1e-6)
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)


def _weight(
    name: str, values: Mapping[str, np.ndarray], made: Mapping[str, onnx.NodeProto]
) -> Tensor:
    """Return a weight as it is, or from eight bits with a scale for each row."""
    if name in values:
        return torch.from_numpy(values[name].copy())
    node = made[name]
    levels, scale = values[node.input[0]].astype(np.float32), values[node.input[1]]
    zero = values[node.input[2]].astype(np.float32)
    shape = (-1,) + (1,) * (levels.ndim - 1) if scale.ndim else ()
    return torch.from_numpy((levels - zero.reshape(shape)) * scale.reshape(shape))
