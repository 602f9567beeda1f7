"""95 % intervals for weighted counts, their ratios, and agreement. Pure, standard library only.

Sources: Fay and Feuer (1997) for a weighted sum of counts, which has at least its nominal coverage
even for few cases; Donner and Zou (2012) for the ratio of two such sums. The interval of a simple
share is in screening/interval.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import permutations

from screening.interval import Estimate, Z

_TAIL = 0.025


def weighted_count(counted: Sequence[float], heaviest: float) -> Estimate:
    """Return the sum of the weights of the counted cases, with its interval.

    `heaviest` is the largest weight that an uncounted case may have: it sets the upper limit if no
    case was counted.
    """
    total, squares = math.fsum(counted), math.fsum(weight * weight for weight in counted)
    if not total and not heaviest:
        return Estimate(0.0, 0.0, 0.0)
    low = 0.0
    if total:
        low = _gamma_quantile(_TAIL, total * total / squares) * squares / total
    total_up, squares_up = total + heaviest, squares + heaviest * heaviest
    high = _gamma_quantile(1 - _TAIL, total_up * total_up / squares_up) * squares_up / total_up
    return Estimate(total, low, high)


def share_of_sum(part: Estimate, rest: Estimate) -> Estimate:
    """Return part / (part + rest) for two independent counts."""
    ratio = _ratio(rest, part)
    return Estimate(
        part.value / (part.value + rest.value), 1 / (1 + ratio.high), 1 / (1 + ratio.low)
    )


def _ratio(a: Estimate, b: Estimate) -> Estimate:
    """Return a / b; its bounds are quotients of the bounds if the method can't be applied."""
    product = a.value * b.value

    def bound(a_end: float, b_end: float, sign: int) -> float:
        divisor = b_end * (2 * b.value - b_end)
        inside = product * product - a_end * (2 * a.value - a_end) * divisor
        if divisor <= 0 or inside < 0:
            return a_end / b_end if b_end else math.inf
        return (product + sign * math.sqrt(inside)) / divisor

    return Estimate(
        a.value / b.value if b.value else math.inf,
        max(0.0, bound(a.low, b.high, -1)),
        bound(a.high, b.low, 1),
    )


def _gamma_quantile(share: float, shape: float) -> float:
    """Return the quantile of the gamma distribution with scale 1."""
    low, high = 0.0, max(1.0, shape)
    while _gamma_share(high, shape) < share:
        low, high = high, high * 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        if _gamma_share(middle, shape) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _gamma_share(x: float, shape: float) -> float:
    """Return the regularized lower incomplete gamma function, from its power series."""
    if x <= 0:
        return 0.0
    logarithm = shape * math.log(x) - x - math.lgamma(shape + 1)
    if x > shape + 60 * math.sqrt(shape) + 60:
        return 1.0
    term = total = 1.0
    step = shape
    while term > total * 1e-15:
        step += 1
        term *= x / step
        total += term
    return min(1.0, math.exp(logarithm) * total)


def agreement(films: Iterable[Sequence[str]]) -> Estimate | None:
    """Return Krippendorff's alpha of nominal readings, with a jackknife interval over films.

    1 is full agreement, 0 is agreement by chance. Returns None if fewer than two films have two
    readings, or if all readings are the same, since alpha is undefined then.
    """
    patterns = Counter(tuple(sorted(film)) for film in films if len(film) > 1)
    count = sum(patterns.values())
    whole = _alpha(patterns)
    if count < 2 or whole is None:
        return None
    left_out = []
    for pattern, times in patterns.items():
        rest = _alpha(patterns - Counter([pattern]))
        left_out.append((1.0 if rest is None else rest, times))
    mean = math.fsum(alpha * times for alpha, times in left_out) / count
    spread = math.fsum(times * (alpha - mean) ** 2 for alpha, times in left_out)
    half = Z * math.sqrt(spread * (count - 1) / count)
    return Estimate(whole, max(-1.0, whole - half), min(1.0, whole + half))


def _alpha(patterns: Counter[tuple[str, ...]]) -> float | None:
    pairs: dict[tuple[str, str], float] = defaultdict(float)
    for pattern, times in patterns.items():
        for pair in permutations(pattern, 2):
            pairs[pair] += times / (len(pattern) - 1)
    totals: dict[str, float] = defaultdict(float)
    for (one, _), weight in pairs.items():
        totals[one] += weight
    values = math.fsum(totals.values())
    observed = math.fsum(weight for (one, other), weight in pairs.items() if one != other)
    expected = values**2 - math.fsum(times**2 for times in totals.values())
    if not expected:
        return None
    return 1 - (values - 1) * observed / expected
