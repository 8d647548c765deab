"""A still background followed from a key frame: patches that look alike again, and the similarity most of them share.

Pictures are small and grey, float32 [h, w]; places are px of them, [N, 2]; a map [2, 3] takes a key's place p, counted
from the middle of the picture, to A p + t in a later frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .people_mask import cover, covered

STEPS = (4, 2, 1)
REACH = (3, 4, 4)
"""Levels of the picture pyramid, parts of its size, and half the side of a patch on each, px of the level."""
CELL = 20
PER_CELL = 2
MOST_PATCHES = 64
"""Patches are taken from cells of so many px, so that they are spread over the picture."""
TEXTURE = 1.0
"""Least slope of a patch in its flattest direction, grey levels per px: a blank wall says nothing."""
LEAST_AGREEING = 20
LEAST_SPREAD = 0.3
"""Least width or height of the agreeing patches' bounding box, in widths or heights of the picture: what is seen in
one corner tells no zoom."""
AGREED_PX = 1.0
STILL_PX = 1.0
"""Motion of the picture's corners under this, px, cannot be told from nothing."""
SAMPLE_STEP = 4
LEAST_SAMPLES = 50
CLIPPED = 25.0
"""Grey levels at which a difference counts fully: something else is seen there."""

IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


class Look:
    """A frame prepared for all keys, as far as they ask."""

    def __init__(self, picture: np.ndarray, people: np.ndarray):
        """picture: float32 [h, w]; people: capsules [N, 5] in its px, see `people_mask`."""
        self.picture, self._people = picture, people
        self.size = np.array(picture.shape[::-1])

    @cached_property
    def people(self) -> np.ndarray:
        return cover(self._people, *self.size)

    @cached_property
    def half(self) -> np.ndarray:
        return _halved(self.picture)

    @cached_property
    def levels(self) -> tuple[np.ndarray, ...]:
        """The picture at 1/4, 1/2 and full size, as in STEPS."""
        return _halved(self.half), self.half, self.picture

    @cached_property
    def calm(self) -> np.ndarray:
        """The picture without its noise: means of 3 x 3 px."""
        wide = np.pad(self.picture, 1, mode="edge")
        rows = wide[:-2] + wide[1:-1] + wide[2:]
        return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) * np.float32(1 / 9)


def _halved(picture: np.ndarray) -> np.ndarray:
    height, width = (side // 2 * 2 for side in picture.shape)
    rows = picture[0:height:2, :width] + picture[1:height:2, :width]
    return (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)


@dataclass(frozen=True)
class Found:
    """Where a key is in a frame. place: map [2, 3]; reach: px by which it moves the corner that it moves most; share:
    of the key's patches that follow it; static: patches that stand still where the map moves them, as a share of those
    it moves; gain: the background's difference to the key with the map, as a share of that without."""

    place: np.ndarray
    reach: float
    share: float
    static: float = 0.0
    gain: float = 1.0


class Key:
    """A frame's background. matte: bool [h, w], where people are, or None. usable: whether it has enough texture."""

    def __init__(self, look: Look, matte: np.ndarray | None):
        self.size, self.middle = look.size, look.size / 2
        self.places = _textured(look.picture, look.people, matte)
        if not self.usable:
            return
        self._templates = _templates(look.levels, self.places)
        self._samples = _samples(look.calm, look.people, matte)
        self._values = sample(look.calm, self._samples)

    def find(self, look: Look, guess: np.ndarray, far: bool = False) -> Found | None:
        """None when too few patches agree, or they lie too close together. far: look farther around the guess."""
        places, alike = self._moved(self.places, guess), np.ones(len(self.places), bool)
        for number in range(0 if far else 1, len(STEPS)):
            level = look.half if number == 1 else look.picture if number == 2 else look.levels[0]
            places, alike = _align(self._templates[number], level, places, guess[:, :2])
        alike &= self._inside(places, 3) & ~covered(places, look.people)
        source, target = self.places[alike] - self.middle, places[alike] - self.middle
        fit = agree(source, target)
        if fit is None:
            return None
        place, follows = fit
        box = np.ptp(source[follows], axis=0) / self.size
        if follows.sum() < LEAST_AGREEING or box.max() < LEAST_SPREAD:
            return None
        reach, share = corner_reach(place, self.middle), float(follows.sum() / len(self.places))
        if reach <= STILL_PX:
            return Found(place, reach, share)
        with_it = np.zeros(len(self.places), bool)
        with_it[np.flatnonzero(alike)[follows]] = True
        moved = np.linalg.norm(self._moved(self.places, place) - self.places, axis=1) > AGREED_PX
        stands = _alike(self._templates[-1], look.picture, self.places) & ~covered(self.places, look.people)
        stands &= moved & ~with_it
        static = float(stands.sum() / max(stands.sum() + (moved & with_it).sum(), 1))
        return Found(place, reach, share, static, self._gain(look, place))

    @property
    def usable(self) -> bool:
        return len(self.places) >= LEAST_AGREEING

    def _moved(self, places: np.ndarray, by: np.ndarray) -> np.ndarray:
        return (places - self.middle) @ by[:, :2].T + by[:, 2] + self.middle

    def _inside(self, places: np.ndarray, margin: float) -> np.ndarray:
        return ((places > margin) & (places < self.size - margin)).all(1)

    def _gain(self, look: Look, place: np.ndarray) -> float:
        there = self._moved(self._samples, place)
        use = self._inside(there, 1) & ~covered(there, look.people) & ~covered(self._samples, look.people)
        if use.sum() < LEAST_SAMPLES:
            return 1.0
        out = []
        for places in (self._samples[use], there[use]):
            difference = sample(look.calm, places) - self._values[use]
            out.append(float(np.minimum(np.abs(difference - np.median(difference)), CLIPPED).mean()))
        return out[1] / max(out[0], 1e-3)


def corner_reach(place: np.ndarray, middle: np.ndarray) -> float:
    """How far a map moves the corner that it moves most, px."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * middle
    return float(np.linalg.norm(corners @ place[:, :2].T + place[:, 2] - corners, axis=1).max())


def after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The map that does `first`, then `second`."""
    return np.hstack([second[:, :2] @ first[:, :2], (second[:, :2] @ first[:, 2] + second[:, 2])[:, None]])


def between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The map from where `first` puts a point to where `second` does."""
    back = np.linalg.inv(first[:, :2])
    return after(second, np.hstack([back, -(back @ first[:, 2])[:, None]]))


def sample(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear values at places [..., 2] px; the border goes on outside."""
    height, width = picture.shape
    places = places.astype(np.float32, copy=False)
    x = np.clip(places[..., 0] - np.float32(0.5), 0, np.float32(width - 1.01))
    y = np.clip(places[..., 1] - np.float32(0.5), 0, np.float32(height - 1.01))
    column, row = x.astype(np.int32), y.astype(np.int32)
    a, b = x - column, y - row
    flat, place = picture.ravel(), row * width + column
    upper = flat[place] * (1 - a) + flat[place + 1] * a
    lower = flat[place + width] * (1 - a) + flat[place + width + 1] * a
    return upper * (1 - b) + lower * b


def _free(places: np.ndarray, people: np.ndarray, matte: np.ndarray | None) -> np.ndarray:
    out = ~covered(places, people)
    if matte is not None:
        out &= ~matte[places[:, 1].astype(int), places[:, 0].astype(int)]
    return out


def _textured(picture: np.ndarray, people: np.ndarray, matte: np.ndarray | None) -> np.ndarray:
    """Places [N, 2] of the background with texture in both directions (Shi and Tomasi 1994), spread over cells."""
    from scipy.ndimage import maximum_filter, uniform_filter

    height, width = picture.shape
    slope_y, slope_x = np.gradient(picture)
    window = 2 * REACH[-1] + 1
    xx, yy, xy = (uniform_filter(value, window) for value in (slope_x**2, slope_y**2, slope_x * slope_y))
    weakest = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    edge = REACH[-1]
    weakest[:edge] = weakest[-edge:] = weakest[:, :edge] = weakest[:, -edge:] = 0
    rows, columns = np.nonzero((weakest > TEXTURE**2) & (weakest == maximum_filter(weakest, edge)))
    places = np.stack([columns, rows], 1) + 0.5
    free = _free(places, people, matte)
    places, strength = places[free], weakest[rows, columns][free]
    places = places[np.argsort(-strength, kind="stable")]
    cells = (places // CELL) @ [1, width]
    rank = np.zeros(len(places), int)  # the how manieth of its cell
    for cell in np.unique(cells):
        here = cells == cell
        rank[here] = np.arange(here.sum())
    places = places[rank < PER_CELL]
    step = max(1.0, len(places) / MOST_PATCHES)
    return places[(np.arange(min(len(places), MOST_PATCHES)) * step).astype(int)]


def _samples(calm: np.ndarray, people: np.ndarray, matte: np.ndarray | None) -> np.ndarray:
    """Places [N, 2] of the background that change when it moves: the stronger half of a grid by slope."""
    height, width = calm.shape
    half = SAMPLE_STEP // 2 + 1
    rows, columns = np.mgrid[half : height - half : SAMPLE_STEP, half : width - half : SAMPLE_STEP]
    places = np.stack([columns.ravel(), rows.ravel()], 1) + 0.5
    places = places[_free(places, people, matte)]
    slope = sum(np.abs(sample(calm, places + step) - sample(calm, places - step)) for step in ([1.0, 0.0], [0.0, 1.0]))
    return places[slope >= np.median(slope)] if len(places) else places


def _templates(levels: tuple[np.ndarray, ...], places: np.ndarray) -> list[tuple]:
    """For each level the step, the offsets [K, 2] of a patch, and of every patch its values without their mean
    [N, K], and the matrix [N, 2, K] that turns differences into a move."""
    out = []
    for step, half, level in zip(STEPS, REACH, levels, strict=True):
        side = np.arange(-half, half + 1)
        grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
        spots = places[:, None] / step + grid
        values = sample(level, spots)
        slope = np.stack([sample(level, spots + one) - sample(level, spots - one) for one in np.eye(2)], -1) / 2
        slope -= slope.mean(1, keepdims=True)  # the patch's brightness may change
        products = slope.transpose(0, 2, 1) @ slope + 1e-2 * len(grid) * np.eye(2)
        solve = (np.linalg.inv(products) @ slope.transpose(0, 2, 1)).astype(np.float32)
        out.append((step, grid, values - values.mean(1, keepdims=True), solve))
    return out


def _align(template: tuple, now: np.ndarray, places: np.ndarray, linear: np.ndarray):
    """Lucas-Kanade on one level (Baker and Matthews 2004, inverse compositional): places [N, 2] in full px, and which
    of the patches look alike there."""
    step, grid, values, solve = template
    turned, target = (grid @ linear.T).astype(np.float32), (places / step).astype(np.float32)
    linear = linear.T.astype(np.float32)
    difference = values
    for _ in range(3):
        seen = sample(now, target[:, None] + turned)
        difference = seen - seen.mean(1, keepdims=True) - values
        move = (solve @ difference[..., None])[..., 0]
        target = target - np.clip(move, -2, 2) @ linear
        if np.median(np.abs(move).max(1)) < 0.03:
            break
    return target * step, _same(difference, values)


def _alike(template: tuple, now: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which patches look alike right at these places [N, 2] px: bool [N]."""
    step, grid, values, _ = template
    seen = sample(now, places[:, None] / step + grid)
    return _same(seen - seen.mean(1, keepdims=True) - values, values)


def _same(difference: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.abs(difference).mean(1) < 0.5 * np.abs(values).mean(1) + 1


def agree(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The similarity [2, 3] that most pairs [N, 2] follow, and which do, bool [N]; None when no pairs lie apart.

    Every pair of points proposes one (a similarity of the plane is w = a z + b with complex numbers); the proposal
    with the least clipped error is refined by weighted least squares.
    """
    z, w = source @ [1, 1j], target @ [1, 1j]
    first, second = np.triu_indices(len(z), 1)
    far = np.abs(z[second] - z[first]) > 2 * CELL
    first, second = first[far], second[far]
    if not len(first):
        return None
    some = slice(None, None, max(1, len(first) // 200))
    first, second = first[some], second[some]
    factor = (w[second] - w[first]) / (z[second] - z[first])
    shift = w[first] - factor * z[first]
    wrong = np.abs(factor[:, None] * z + shift[:, None] - w)
    wrong = wrong[np.minimum(wrong, 2 * AGREED_PX).sum(1).argmin()]
    for _ in range(4):
        weight = (wrong < 1.5 * AGREED_PX) / (1 + 4 * wrong**2)
        if weight.sum() < 1e-3:
            return None
        z_mean, w_mean = (weight * z).sum() / weight.sum(), (weight * w).sum() / weight.sum()
        spread = (weight * np.abs(z - z_mean) ** 2).sum()
        if spread < 1e-6:
            return None
        a = (weight * (w - w_mean) * (z - z_mean).conj()).sum() / spread
        b = w_mean - a * z_mean
        wrong = np.abs(a * z + b - w)
    if not 0.5 < abs(a) < 2:
        return None
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]), wrong < AGREED_PX
