"""The second head: whether this is an upright, whole, frontal chest film of a child at all.

It looks at what the first half of the disease network sees, and at the film as it came through a
few layers of its own: the disease network standardises away what tells a negative, for one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from serving.gate import KINDS

EPOCHS = 10
BATCH = 64
RATE = 2e-3
HARD = 0.05  # label smoothing


class Gate(nn.Module):
    """Logits of KINDS from the grey levels and from the disease network's first half."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Sequential(
            *_layer(1, 24, 4, kernel=5), *_layer(24, 32, 2), *_layer(32, 48, 1)
        )
        self.lent = nn.Sequential(nn.BatchNorm2d(128), *_layer(128, 64, 1, kernel=1))
        self.both = nn.Sequential(*_layer(112, 64, 1), *_layer(64, 96, 2))
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(2 * 96, len(KINDS))

    def forward(self, small: Tensor, early: Tensor) -> Tensor:
        """From `shrunk` films [N, 1, S / 2, S / 2] and `lent` features [N, 128, S / 16, S / 16]."""
        found = self.both(torch.cat([self.own(small / 127.5 - 1), self.lent(early)], dim=1))
        pooled = torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.head(self.drop(pooled))
        return logits


def shrunk(films: Tensor) -> Tensor:
    """Films [N, 1, S, S] of grey levels as the gate takes them, at half their side."""
    return F.avg_pool2d(films, 2)


def lent(early: Tensor) -> Tensor:
    """What `ResNet18.early` gave, as the gate takes it, at half its side."""
    return F.avg_pool2d(early, 2)


@dataclass(frozen=True)
class Seen:
    """Pictures [N] as the gate takes them, of what kind each is, and from which source it came."""

    small: Tensor  # uint8 [N, 1, S / 2, S / 2]
    early: Tensor  # float16 [N, 128, S / 16, S / 16]
    kinds: Tensor  # int64 [N], indices of KINDS
    sources: NDArray[np.str_]  # [N]

    def only(self, chosen: NDArray[np.bool_]) -> "Seen":
        here = torch.from_numpy(np.flatnonzero(chosen))
        return Seen(self.small[here], self.early[here], self.kinds[here], self.sources[chosen])


@torch.inference_mode()
def see(
    early_of: Callable[[Tensor], Tensor],
    films: NDArray[np.uint8],
    kinds: Sequence[int],
    sources: Sequence[str],
) -> Seen:
    """Look at films uint8 [N, S, S] with the network's first half, `early_of`."""
    small, early = [], []
    for part in torch.from_numpy(films)[:, None].split(BATCH):
        grey = part.float()
        small.append(shrunk(grey).round().to(torch.uint8))
        early.append(lent(early_of(grey)).half())
    return Seen(torch.cat(small), torch.cat(early), torch.tensor(kinds), np.array(sources))


def fit_gate(seen: Seen, seed: int, epochs: int = EPOCHS) -> Gate:
    """Train a gate on `seen`; each kind counts alike, however many pictures there are of it."""
    torch.manual_seed(seed)
    gate = Gate()
    count = torch.bincount(seen.kinds, minlength=len(KINDS)).clamp(min=1)
    weights = (count.sum() / count / len(KINDS)).sqrt()
    steps = epochs * -(-len(seen.kinds) // BATCH)
    optimizer = torch.optim.AdamW(gate.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    gate.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(seen.kinds)).split(BATCH):
            logits = gate(seen.small[chosen].float(), seen.early[chosen].float())
            loss = F.cross_entropy(logits, seen.kinds[chosen], weights, label_smoothing=HARD)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    return gate.eval()


@torch.inference_mode()
def gate_logits(gate: Gate, seen: Seen) -> NDArray[np.float64]:
    """Logits [N, KINDS] in the order of `seen`."""
    parts = zip(seen.small.split(BATCH), seen.early.split(BATCH), strict=True)
    found = torch.cat([gate(small.float(), early.float()) for small, early in parts])
    return found.double().numpy()


def _layer(channels_in: int, channels: int, stride: int, kernel: int = 3) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    ]
