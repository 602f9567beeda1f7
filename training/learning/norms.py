"""Batch normalisation statistics computed on films as they will be served."""

import torch
from torch import Tensor, nn

from training.learning.network import ResNet18, train_mode

SETTLED_ON = 1500  # number of films, plenty for means and variances


@torch.no_grad()
def settle_norms(
    network: ResNet18, films: Tensor, seed: int, batch_size: int = 64, frozen: int = 0
) -> None:
    """Compute the running statistics again from `films`, uint8 [N, 1, S, S], without variations.

    Training leaves the statistics of varied films, which are blurrier than served ones; the network
    then leans towards NORMAL, since normal films happen to be sharper. The stem and the `frozen`
    first blocks keep their statistics.
    """
    train_mode(network, frozen)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.training:
            module.reset_running_stats()
            module.momentum = None  # a plain average over all batches
    # Shuffled: a batch of one class would vary less than films do.
    order = torch.randperm(len(films), generator=torch.Generator().manual_seed(seed))
    for chosen in order[:SETTLED_ON].split(batch_size):
        network(films[chosen].float())
    network.eval()
