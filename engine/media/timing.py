"""Pure functions over presentation times: which rate, which frames.

Times are int64 ticks of a container's clock, sorted; `time_base` is seconds per tick.

    stored frames   |  0  |  1  |  2  |     3     |  4  |      variable rate: 3 is shown twice as long
    constant grid   0     1     2     3     4     5            nearest stored frame: 0 1 2 3 3(or 4) 4
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from .numbers import STANDARD_RATES

SLACK = Fraction(1, 1000)
"""Seconds. A frame this little before a window's start belongs to it: Matroska rounds times to
milliseconds and people type three decimals."""

_JITTER = 0.25
"""Frames. Stored times that stay this near to an even grid are a constant rate with rounding noise."""


def visible(ticks: np.ndarray, time_base: Fraction) -> np.ndarray:
    """Sorted times without the ones that nobody sees.

    A time that follows another within 2 ms and a fifth of the usual step is a hidden reference frame
    (VP8) or a doubled packet.
    """
    ticks = np.unique(ticks)
    if len(ticks) < 3:
        return ticks
    steps = np.diff(ticks)
    least = min(0.002 / float(time_base), 0.2 * float(np.median(steps)))
    return ticks[np.concatenate(([True], steps >= least))]


def constant_rate(ticks: np.ndarray, time_base: Fraction, stated: Iterable[Fraction]) -> Fraction | None:
    """The exact constant rate of the frames, or None when the rate varies.

    stated: rates that the container claims, most trusted first; one of them, or a standard rate, is
    taken when every time agrees with it to a tick. Otherwise the line through all times decides.
    """
    count = len(ticks)
    if count < 2:
        return None
    at = (ticks - ticks[0]).astype(np.float64)
    index = np.arange(count, dtype=np.float64)
    known = [*stated, *STANDARD_RATES]
    for rate in known:
        step = 1 / float(rate * time_base)
        residual = at - index * step
        if residual.max() - residual.min() <= 2 * min(1.01, _JITTER * step):
            return rate
    step, offset = np.polyfit(index, at, 1)
    if step <= 0 or np.abs(at - index * step - offset).max() > _JITTER * step:
        return None
    fitted = 1 / (step * float(time_base))
    for rate in known:
        if abs(fitted / float(rate) - 1) * count < _JITTER:
            return rate
    return Fraction(fitted).limit_denominator(1001)


def sensible_rate(ticks: np.ndarray, time_base: Fraction) -> Fraction:
    """The constant rate to resample a variable rate to.

    The usual step's rate when most frames keep it (a phone that drops a frame now and then, a screen
    recording that pauses), so that no motion is lost; else the average. Snapped to a standard rate within
    2 percent.
    """
    steps = np.diff(ticks)
    usual = float(np.median(steps))
    mostly = np.mean(np.abs(steps - usual) <= max(1.01, 0.1 * usual)) >= 0.6
    rate = 1 / ((usual if mostly else float(steps.mean())) * float(time_base))
    rate = min(max(rate, 1.0), 240.0)
    near = min(STANDARD_RATES, key=lambda standard: abs(float(standard) / rate - 1))
    return near if abs(float(near) / rate - 1) < 0.02 else Fraction(rate).limit_denominator(100)


def inside(ticks: np.ndarray, time_base: Fraction, start: Fraction, end: Fraction) -> slice:
    """The frames with start <= time < end, seconds from the first frame; at least one frame."""
    begin, finish = (float((edge - SLACK) / time_base) + float(ticks[0]) for edge in (start, end))
    first, last = (int(np.searchsorted(ticks, edge, side="left")) for edge in (begin, finish))
    if last <= first:  # the window lies between two frames: what is on the screen at its start
        first = max(0, int(np.searchsorted(ticks, begin + 2 * float(SLACK / time_base), side="right")) - 1)
        last = first + 1
    return slice(first, last)


def nearest(ticks: np.ndarray, time_base: Fraction, start: Fraction, rate: Fraction, count: int) -> np.ndarray:
    """Index of the stored frame nearest in time to each of `count` grid times start + i / rate."""
    grid = float(ticks[0]) + float(start / time_base) + np.arange(count) / float(rate * time_base)
    after = np.clip(np.searchsorted(ticks, grid), 1, max(1, len(ticks) - 1))
    if len(ticks) == 1:
        return np.zeros(count, dtype=np.int64)
    return np.where(grid - ticks[after - 1] < ticks[after] - grid, after - 1, after)
