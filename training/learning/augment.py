"""Random variations of a batch of films that do not change the diagnosis.

They prevent shortcuts in the published set: aspect and sharpness differ between its classes, and
burned-in letters and exposure reveal the ward. All of them run on whole batches, on any device.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from training.learning.recipe import Recipe

_KNOTS = 8  # pieces of a tone curve
_COARSE = (0.45, 0.6, 0.75, 0.9)  # shares of the side to which the resolution is reduced
_MORE = 1.1  # of the film's side: the widest view of a cropping recipe


def augment(films: Tensor, size: int, recipe: Recipe, random: torch.Generator) -> Tensor:
    """Turn films [N, 1, H, W] of grey levels 0..255 into varied films [N, 1, size, size].

    `random` may be a generator of another device than the films': its draws are moved to theirs.
    """
    films = _warp(films, recipe, random)
    films = F.interpolate(films, (size, size), mode="bilinear", antialias=True)
    films = _lose_resolution(films, recipe.blurred, random)
    films = _sharpen(films, recipe.sharpened, random)
    films = _bend_tones(films, recipe.tone_curve, random)
    films = _shade(films, recipe.shading, random)
    films = _change_exposure(films, recipe, random)
    films = _frame(films, recipe.framed, random)
    return _erase(films, recipe.erased, random)


def mix(
    films: Tensor, targets: Tensor, strength: float, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al., 2018): blend each film and its target with another's."""
    if strength == 0:
        return films, targets
    # A Beta draw from two Gamma draws: torch.distributions take no generator.
    pair = torch._standard_gamma(
        torch.full((2,), strength, dtype=torch.float64, device=random.device), generator=random
    )
    share = float(pair[0] / pair.sum())
    other = torch.randperm(len(films), generator=random, device=random.device).to(films.device)
    return (
        share * films + (1 - share) * films[other],
        share * targets + (1 - share) * targets[other],
    )


def _warp(films: Tensor, recipe: Recipe, random: torch.Generator) -> Tensor:
    count = len(films)

    def draw(limit: float) -> Tensor:
        return (2 * torch.rand(count, generator=random, device=random.device) - 1) * limit

    angle, shear = draw(math.radians(recipe.rotation)), draw(math.radians(recipe.shear))
    aspect = draw(recipe.aspect / 2).exp()
    if recipe.cropped < 1:
        # Slightly more than the film at most, so that black edges are seen too.
        zoom = recipe.cropped + (_MORE - recipe.cropped) * torch.rand(
            count, generator=random, device=random.device
        )
        room = (1 - zoom).abs()
        side, height = draw(1.0) * room, draw(1.0) * room
    else:
        zoom = draw(recipe.zoom).exp()
        side, height = draw(2 * recipe.shift), draw(2 * recipe.shift)
    mirror = torch.where(torch.rand(count, generator=random, device=random.device) < 0.5, -1.0, 1.0)
    across, down = zoom * aspect, zoom / aspect
    matrix = torch.stack(
        [
            torch.stack([mirror * across * angle.cos(), -across * (angle + shear).sin(), side], 1),
            torch.stack([mirror * down * angle.sin(), down * (angle + shear).cos(), height], 1),
        ],
        1,
    )
    grid = F.affine_grid(matrix.to(films.device), list(films.shape), align_corners=False)
    return F.grid_sample(films, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _lose_resolution(films: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Resize a share of the films down and up again, as coarser exports do."""
    if share == 0:
        return films
    side = films.shape[-1]
    # A fixed choice of sides: one drawn for the batch would have to be read back from a GPU.
    drawn = torch.randint(
        len(_COARSE), (len(films), 1, 1, 1), generator=random, device=random.device
    ).to(films.device)
    chosen, result = _chosen(films, share, random), films
    for number, part in enumerate(_COARSE):
        smaller = round(part * side)
        coarse = F.interpolate(films, (smaller, smaller), mode="bilinear", antialias=True)
        coarse = F.interpolate(coarse, (side, side), mode="bilinear", align_corners=False)
        result = torch.where(chosen & (drawn == number), coarse, result)
    return result


def _sharpen(films: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Sharpen the edges of a share of the films, as some consoles do before the export."""
    if share == 0:
        return films
    strength = 2 * torch.rand((len(films), 1, 1, 1), generator=random, device=random.device).to(
        films.device
    )
    soft = F.avg_pool2d(F.pad(films, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    sharp = (films + strength * (films - soft)).clamp(0, 255)
    return torch.where(_chosen(films, share, random), sharp, films)


def _frame(films: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Blacken a share of the films outside a rectangle, or in the corners where letters are."""
    if share == 0:
        return films
    per_film, side = (len(films), 1, 1, 1), films.shape[-1]
    place = torch.linspace(0, 1, side, device=random.device)

    def outside(axis: tuple[int, ...]) -> Tensor:
        near, far = 0.15 * torch.rand((2, *per_film), generator=random, device=random.device)
        along = place.view(axis)
        return torch.logical_or(along < near, along > 1 - far)

    across, down = outside((1, 1, 1, -1)), outside((1, 1, -1, 1))
    corners = torch.rand(per_film, generator=random, device=random.device) < 0.5
    black = torch.where(corners, across & down, across | down).to(films.device)
    return torch.where(black & _chosen(films, share, random), 0.0, films)


def _change_exposure(films: Tensor, recipe: Recipe, random: torch.Generator) -> Tensor:
    per_film = (len(films), 1, 1, 1)
    gamma = (
        (2 * torch.rand(per_film, generator=random, device=random.device) - 1) * recipe.gamma
    ).exp()
    noise = torch.rand(per_film, generator=random, device=random.device) * recipe.noise
    grain = torch.randn(films.shape, generator=random, device=random.device)
    levels = (films / 255).clamp(0, 1) ** gamma.to(films.device)
    if recipe.contrast:
        factor = (
            (2 * torch.rand(per_film, generator=random, device=random.device) - 1) * recipe.contrast
        ).exp()
        middle = levels.mean(dim=(2, 3), keepdim=True)
        levels = middle + factor.to(films.device) * (levels - middle)
    return (levels + (noise * grain).to(films.device)).clamp(0, 1) * 255


def _bend_tones(films: Tensor, strength: float, random: torch.Generator) -> Tensor:
    """Map each film through a random rising curve of its grey levels, like other processing."""
    if strength == 0:
        return films
    steps = (
        strength * torch.randn((len(films), _KNOTS), generator=random, device=random.device)
    ).exp()
    curve = F.pad(steps.cumsum(dim=1) / steps.sum(dim=1, keepdim=True), (1, 0))
    place = (films / 255).clamp(0, 1) * _KNOTS
    below = place.long().clamp(max=_KNOTS - 1).flatten(1)
    curve = curve.to(films.device)
    low, high = curve.gather(1, below), curve.gather(1, below + 1)
    bent = low + (high - low) * (place.flatten(1) - below)
    return 255 * bent.view_as(films)


def _shade(films: Tensor, strength: float, random: torch.Generator) -> Tensor:
    """Light half of the films unevenly: brighter or darker in places, without any edge."""
    if strength == 0:
        return films
    coarse = strength * (
        2 * torch.rand((len(films), 1, 3, 3), generator=random, device=random.device) - 1
    )
    light = F.interpolate(
        coarse.to(films.device), films.shape[-2:], mode="bicubic", align_corners=True
    )
    shaded = (films * light.exp()).clamp(0, 255)
    return torch.where(_chosen(films, 0.5, random), shaded, films)


def _erase(films: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Replace a rectangle of 5 to 40 % of each side by the mean grey in a share of the films."""
    per_film, side = (len(films), 1, 1, 1), films.shape[-1]
    place = torch.arange(side, device=random.device)

    def span(axis: tuple[int, ...]) -> Tensor:
        length = side * (0.05 + 0.35 * torch.rand(per_film, generator=random, device=random.device))
        start = torch.rand(per_film, generator=random, device=random.device) * (side - length)
        along = place.view(axis)
        return (along >= start) & (along < start + length)

    hidden = (span((1, 1, -1, 1)) & span((1, 1, 1, -1))).to(films.device)
    hidden &= _chosen(films, share, random)
    return torch.where(hidden, films.mean(dim=(2, 3), keepdim=True), films)


def _chosen(films: Tensor, share: float, random: torch.Generator) -> Tensor:
    return (torch.rand((len(films), 1, 1, 1), generator=random, device=random.device) < share).to(
        films.device
    )
