"""Shares with their 95% intervals."""

from dataclasses import dataclass
from math import exp, lgamma, log, sqrt

Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution: an interval of 95% has this many standard errors on a side."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a whole, from 0 to 1, with its 95% interval. `value` is None if the whole is nothing."""

    value: float | None
    low: float
    high: float


def wilson(part: float, whole: float) -> Share:
    """Return the share of `part` in `whole` with Wilson's score interval, for independent trials.

    Unlike the share plus and minus its standard errors, it keeps its level for few trials and for shares
    near 0 and 1 (Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion", 2001). The
    numbers may be effective ones, of a sample whose trials are not independent.
    """
    if whole <= 0:
        return Share(None, 0.0, 1.0)
    share = part / whole
    scale = 1 + Z**2 / whole
    centre = (share + Z**2 / (2 * whole)) / scale
    half = Z / scale * sqrt(share * (1 - share) / whole + Z**2 / (4 * whole**2))
    # Exact at the ends, where rounding would leave the share outside its own interval.
    return Share(share, min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share))


def t_quantile(degrees: float) -> float:
    """Return the 97.5th percentile of Student's t distribution, within 1%. Fewer degrees of freedom than 2 count as 2.

    The inverse of the approximation by Peizer and Pratt ("A Normal Approximation for Binomial, F, Beta, and Other
    Common, Related Tail Probabilities", 1968).
    """
    degrees = max(degrees, 2.0)
    return sqrt(degrees * (exp(Z**2 * (degrees - 5 / 6) / (degrees - 2 / 3 + 1 / (10 * degrees)) ** 2) - 1))


def f1(right: int, given: int, gold: int) -> Share:
    """Return the F1 score of a label from the lines that it is right about, that it is given to, that have it.

    The interval is that of right / (given + gold - right), a share of lines, which F1 is an increasing
    function of: F1 = 2 s / (1 + s) (Hand, Christen and Kirielle, "F*: an interpretable transformation of
    the F-measure", 2021).
    """
    share = wilson(right, given + gold - right)
    if share.value is None:
        return share
    return Share(*(2 * value / (1 + value) for value in (share.value, share.low, share.high)))


def binomial_tail(right: int, trials: int, share: float) -> float:
    """Return the probability that at least `right` of independent trials succeed, each with this share's chance.

    1 if `right` is not above the mean.
    """
    wrong, miss = trials - right, 1 - share
    if wrong >= trials * miss:
        return 1.0
    if share <= 0:
        return 0.0
    # The terms of the sum over 0 ... wrong failures grow, because `wrong` is below their mean.
    term = exp(lgamma(trials + 1) - lgamma(wrong + 1) - lgamma(right + 1) + wrong * log(miss) + right * log(share))
    total = term
    for failures in range(wrong, 0, -1):
        term *= failures * share / ((trials - failures + 1) * miss)
        total += term
        if term < total * 1e-12:
            break
    return min(total, 1.0)
