"""A training step that a GPU repeats from a recording, without waiting for Python.

Most operations of these small networks take a GPU less time than Python needs to start them.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Step = Callable[..., Tensor]  # takes a batch, returns its loss

_WARM_UP = 3  # runs before a recording, as PyTorch requires


def recorded(network: nn.Module, loss: Step) -> Step:
    """Return a function like `loss` that also sets the gradients of the network.

    On a GPU it is recorded once for each shape of batches, so `loss` must not depend on values of
    the batch in Python. A recording replaces the gradients, so those of an earlier shape are no
    longer used.
    """
    latest: dict[tuple[torch.Size, ...], Step] = {}

    def step(*batch: Tensor) -> Tensor:
        network.zero_grad(set_to_none=True)
        found = loss(*batch)
        found.backward()
        return found.detach()

    def run(*batch: Tensor) -> Tensor:
        if batch[0].device.type != "cuda":
            return step(*batch)
        shapes = tuple(part.shape for part in batch)
        if shapes not in latest:
            latest.clear()
            latest[shapes] = _record(step, batch)
        return latest[shapes](*batch)

    return run


def _record(step: Step, batch: tuple[Tensor, ...]) -> Step:
    kept = [part.clone() for part in batch]
    beside, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    # The fastest kernels are looked for here only: batches of films to evaluate have many shapes,
    # and the search takes seconds for each.
    searched, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(_WARM_UP):
            step(*kept)
    torch.cuda.current_stream().wait_stream(beside)
    with torch.cuda.graph(graph):
        loss = step(*kept)
    torch.backends.cudnn.benchmark = searched

    def replay(*new: Tensor) -> Tensor:
        for place, part in zip(kept, new, strict=True):
            place.copy_(part)
        graph.replay()
        return loss

    return replay
