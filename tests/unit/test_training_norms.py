import pytest
import torch

from training.learning.network import ResNet18
from training.learning.norms import settle_norms


@pytest.mark.thorough
def test_the_network_serves_with_the_statistics_of_films_as_served() -> None:
    # Large enough that the last layers see several places of each film: the running variance is
    # the unbiased one, which differs from the batch's where a channel has eight values only.
    torch.manual_seed(1)
    films = torch.randint(0, 256, (8, 1, 96, 96), dtype=torch.uint8)
    network = ResNet18()
    settle_norms(network, films, seed=1)
    served = network(films.float())
    network.train()
    with torch.no_grad():
        torch.testing.assert_close(network(films.float()), served, atol=0.05, rtol=0.05)


@pytest.mark.thorough
def test_the_statistics_from_training_do_not_matter() -> None:
    films = torch.randint(0, 256, (8, 1, 32, 32), dtype=torch.uint8)
    network = ResNet18()
    settle_norms(network, films, seed=1)
    before = network(films.float())
    network.train()
    network(torch.rand(8, 1, 32, 32) * 255)
    settle_norms(network, films, seed=1)
    torch.testing.assert_close(network(films.float()), before)
