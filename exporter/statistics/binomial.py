"""Pure: what samples of a binomial distribution tell: so many probes sent, so many of them lost.

Two samples are held against each other by the ratio of the likelihoods of two ratios of loss and of
one for both (S. S. Wilks, Annals of Mathematical Statistics 9, 1938). Unlike the usual normal
intervals this holds for few losses, too; see Brown, Cai and DasGupta, Interval Estimation for a
Binomial Proportion, Statistical Science 16, 2001.
"""

from __future__ import annotations

from functools import lru_cache
from math import log
from statistics import NormalDist


def differ(sent: int, lost: int, other_sent: int, other_lost: int, bound: float) -> bool:
    """Whether two samples differ beyond chance."""
    if lost * other_sent == other_lost * sent:
        return False
    apart = surprise(sent, lost) + surprise(other_sent, other_lost)
    return surprise(sent + other_sent, lost + other_lost) - apart > bound


def surprise(sent: int, lost: int) -> float:
    """The negative logarithm of the likelihood of a sample, at the ratio that explains it best."""
    if not 0 < lost < sent:
        return 0.0
    kept = sent - lost
    return sent * log(sent) - lost * log(lost) - kept * log(kept)


@lru_cache(maxsize=16)
def bound_of(confidence: float) -> float:
    """Half the square of the normal quantile: the likelihood ratio that chance rarely exceeds."""
    quantile = NormalDist().inv_cdf(confidence)
    return quantile * quantile / 2.0
