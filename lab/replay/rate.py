"""How often something happens, and how sure that is."""

from __future__ import annotations

from math import sqrt

_Z = 1.959963984540054
"""Of 95 % confidence."""


def interval(count: int, total: int) -> tuple[float, float]:
    """Wilson's score interval of 95 % confidence for a rate of `count` in `total`.

    >>> [round(each, 3) for each in interval(7, 20)]
    [0.181, 0.567]
    >>> interval(0, 0)
    (0.0, 1.0)
    """
    if total == 0:
        return 0.0, 1.0
    rate = count / total
    spread = _Z * sqrt(rate * (1 - rate) / total + _Z**2 / (4 * total**2))
    middle, scale = rate + _Z**2 / (2 * total), 1 + _Z**2 / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def rate_text(count: int, total: int) -> str:
    """`7 of 20 (35 %; 95 % confidence: 18 % to 57 %)`."""
    if total == 0:
        return "0 of 0"
    low, high = interval(count, total)
    return f"{count} of {total} ({count / total:.0%}; 95% confidence: {low:.0%} to {high:.0%})"
