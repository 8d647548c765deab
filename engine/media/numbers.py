"""Turning what people and containers say about time into exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

from ..errors import SettingError

NTSC = tuple(Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 120))
STANDARD_RATES = tuple(sorted({*NTSC, *map(Fraction, (8, 10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120))}))
MAX_RATE = 1000


def seconds(value, name: str) -> Fraction:
    """An exact time; 0.1 means one tenth, not the nearest binary number."""
    try:
        if isinstance(value, float):
            if not math.isfinite(value):
                raise ValueError(value)
            return Fraction(repr(float(value)))
        return Fraction(value)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise SettingError(f"{name} is {value!r}, which is no time; give seconds as a number.") from error


def frame_rate(value, name: str = "frame rate") -> Fraction:
    """An exact frame rate; a float within 0.001 of an NTSC rate (29.97, 23.976) means that rate."""
    try:
        if isinstance(value, float):
            rate = next((r for r in NTSC if abs(float(r) - value) < 1e-3), None)
            rate = rate if rate is not None else Fraction(value).limit_denominator(1001)
        else:
            rate = Fraction(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise SettingError(f"{name} is {value!r}, which is no rate; give frames per second as a number.") from error
    if not 0 < rate <= MAX_RATE:
        raise SettingError(f"{name} is {spoken(rate)} frames per second; choose one above 0 and up to {MAX_RATE}.")
    return rate


def spoken(value: Fraction) -> str:
    """A number as people write it: at most three decimals, no trailing zeros."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".")
