"""One person through frames of several: who the subject is in each."""

from __future__ import annotations

import numpy as np

FORGET_S = 1.0
"""After this long without the subject the largest person is taken."""
NEAR = 1.0
"""A person that does not overlap with where the subject was may be this many of its sides away."""


def follow_largest(boxes: list[np.ndarray], frame_rate: float) -> list[int | None]:
    """boxes: for each frame float [N, 4] x0, y0, x1, y1 of the people in it. Returns who the subject is, None where
    it is missing: the largest person at first, then who overlaps most with its last place."""
    chosen: list[int | None] = []
    last, missing = None, 0
    for people in boxes:
        number = None
        if len(people):
            number = _largest(people) if last is None else _again(people, last)
        missing = 0 if number is not None else missing + 1
        if number is not None:
            last = people[number]
        elif missing > FORGET_S * frame_rate:
            last = None
        chosen.append(number)
    return chosen


def _largest(people: np.ndarray) -> int:
    return int(_areas(people).argmax())


def _again(people: np.ndarray, last: np.ndarray) -> int | None:
    low, high = np.maximum(people[:, :2], last[:2]), np.minimum(people[:, 2:], last[2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    overlap = shared / np.maximum(_areas(people) + _areas(last[None]) - shared, 1e-9)
    if overlap.max() > 0:
        return int(overlap.argmax())
    middles = (people[:, :2] + people[:, 2:]) / 2
    distance = np.linalg.norm(middles - (last[:2] + last[2:]) / 2, axis=1)
    nearest = int(distance.argmin())
    return nearest if distance[nearest] <= NEAR * (last[2:] - last[:2]).max() else None


def _areas(people: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(people[:, 2:] - people[:, :2], 1e-6), axis=1)
