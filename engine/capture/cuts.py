"""Hard cuts: found in the one streaming pass over small thumbnails, and time series run shot by shot.

A cut is one single step after which the picture stays another one:

    frame        i-4 i-3 i-2 i-1 |  i  i+1 i+2 i+3
    cut           A   A   A   A  |  B   B   B   B     every A differs from every B
    flash         A   A   A   A  |  *   A   A   A     an A comes back
    pan, wipe     A   B   C   D  |  E   F   G   H     the steps around it are as large
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ..types import FrameBatch

CELLS = 24
"""A thumbnail has so many cells a side."""
REACH = 4
"""Frames on both sides of a cut that must differ from each other: shorter flashes and shots are not cuts."""
DIFFERENT = 0.235
"""Difference (see `difference`) of two shots. Measured: joins of unlike footage 0.28 and more, the fastest motions of
close-ups and dances up to 0.19."""
STEPPED = 2.0
"""A cut is so many times as large as the second largest of the four steps around it."""
QUIET = (0.10, 8.0)
"""A jump within the same scene is a smaller difference: it counts when it is so many times as large as the largest step
around it. Measured: such jumps 0.11 and 16 times, motion 0.07 and 7 times."""


@dataclass(frozen=True)
class ShotPart:
    """Consecutive frames of one shot. begins: whether its first frame is the first of a shot, not counting the
    clip's first."""

    batch: FrameBatch
    begins: bool


def by_shot(batches: Iterable[FrameBatch]) -> Iterator[ShotPart]:
    """The same frames in the same order, divided where a shot begins. Holds back the frames of REACH steps."""
    finder = CutFinder()
    waiting: deque[FrameBatch] = deque()
    cuts: set[int] = set()
    for batch in batches:
        waiting.append(batch)
        for frame in batch.frames.numpy():
            cuts |= finder.add(frame)
        while waiting and waiting[0].first + len(waiting[0]) <= finder.decided:
            yield from _divide(waiting.popleft(), cuts)
    cuts |= finder.finish()
    while waiting:
        yield from _divide(waiting.popleft(), cuts)


def _divide(batch: FrameBatch, cuts: set[int]) -> Iterator[ShotPart]:
    last = batch.first + len(batch)
    edges = [batch.first, *sorted(cut for cut in cuts if batch.first < cut < last), last]
    for first, stop in zip(edges[:-1], edges[1:], strict=True):
        part = slice(first - batch.first, stop - batch.first)
        yield ShotPart(FrameBatch(batch.frames[part], batch.times[part], first), first in cuts)


class CutFinder:
    """Feed frames in order with `add`; it answers with the cuts that are certain by then.

    decided: frames before this number are known to begin a shot or not.
    """

    def __init__(self):
        self._thumbs: deque[np.ndarray] = deque(maxlen=2 * REACH)
        self._steps: dict[int, float] = {}
        self._count = 0
        self._last_cut = -REACH
        self.decided = 0

    def add(self, frame: np.ndarray) -> set[int]:
        """frame: uint8 [H, W, 3]. Returns the index of a frame that begins a shot, or nothing."""
        thumb = thumbnail(frame)
        if self._thumbs:
            self._steps[self._count] = difference(self._thumbs[-1], thumb)
        self._thumbs.append(thumb)
        self._count += 1
        return self._decide(self._count - REACH)

    def finish(self) -> set[int]:
        """The cuts among the last frames."""
        found: set[int] = set()
        for index in range(self.decided, self._count):
            found |= self._decide(index)
        return found

    def _decide(self, index: int) -> set[int]:
        self.decided = max(self.decided, index + 1)
        step = self._steps.get(index, 0.0)
        if step < QUIET[0] or index - self._last_cut < 2:
            return set()
        around = sorted(self._steps.get(index + shift, 0.0) for shift in (-2, -1, 1, 2))
        # without steps before it nothing is known to be quiet
        quiet = index - max(self._last_cut, 0) >= REACH and step >= QUIET[1] * around[-1]
        least = QUIET[0] if quiet else DIFFERENT
        if step < max(least, STEPPED * around[-2]):
            return set()
        start = self._count - len(self._thumbs)
        shot = list(self._thumbs)
        before, after = shot[max(0, index - start - REACH) : index - start], shot[index - start :][:REACH]
        if min(difference(a, b) for a in before for b in after) < least:
            return set()
        self._last_cut = index
        return {index}


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> float32 [CELLS, CELLS, 3], 0..1: means over cells of about every hundredth row and column."""
    # numpy: torch's thread pool would fight with the decoder's
    step = max(1, min(frame.shape[:2]) // (4 * CELLS))
    some = frame[::step, ::step].astype(np.float32)
    height, width = some.shape[:2]
    rows, columns = (np.arange(CELLS) * length // CELLS for length in (height, width))
    sums = np.add.reduceat(np.add.reduceat(some, rows, 0), columns, 1)
    counts = np.diff(np.append(rows, height)).clip(1)[:, None] * np.diff(np.append(columns, width)).clip(1)
    return sums / (255 * counts[..., None])


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Of two thumbnails, 0 (equal) to about 1: the geometric mean of how much colours, light and edges differ.

    A movement changes the edges but few colours, a flash the colours but few edges; a cut changes all three.
    """
    colour = float(np.abs(a - b).mean())
    light_a, light_b = a.mean(2), b.mean(2)
    light = 1 - _correlation(light_a, light_b)
    edges = 1 - _correlation(_edges(light_a), _edges(light_b))
    return float(max(colour * light * edges, 0.0) ** (1 / 3))


def _edges(light: np.ndarray) -> np.ndarray:
    return np.stack([np.diff(light, axis=0)[:, :-1], np.diff(light, axis=1)[:-1]])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    # the small term: two empty pictures are alike
    return float(((a * b).sum() + 1e-4) / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-4))


def shots(count: int, cuts: Iterable[int]) -> list[slice]:
    """The frames of every shot of a clip of `count` frames."""
    edges = [0, *cuts, count]
    return [slice(first, stop) for first, stop in zip(edges[:-1], edges[1:], strict=True)]


def per_shot(work: Callable[..., torch.Tensor], cuts: Iterable[int], *series: torch.Tensor) -> torch.Tensor:
    """work(*series) of every shot on its own, joined again. Time is the first axis of every series."""
    return torch.cat([work(*(values[shot] for values in series)) for shot in shots(len(series[0]), cuts)])
