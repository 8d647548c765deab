"""The reference's own camera, from its still background: zoom, roll and pan of every frame.

    frames --CameraWatcher--> grey pictures, 192 px --patches that agree--> similarity to a key frame --chain--> camera

A frame is compared with a key frame, not with its neighbour, so errors do not add up; the key changes only when too
little of it is left in the picture. Patches on people are left out, and those that move differently are voted down.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

LONG_SIDE = 192
"""Longer side of the grey pictures, px."""
PATCH = 6
"""Half the side of a patch, px of the grey picture."""
PATCHES = 40
SEARCH_STEPS = (4, 2, 1)
"""Sizes of the picture pyramid, in parts, at which a patch looks for its new place."""
LEAST_TEXTURE = 0.7
"""Least slope of a patch in its flattest direction, grey levels per px: a blank wall says nothing."""
LEAST_PATCHES = 6
LEAST_SPREAD = 0.2
"""Least distance, in picture widths, between agreeing patches: what is seen in one corner tells no zoom."""
KEY_LEFT = 0.55
"""Share of a key frame's patches that must still fit; below, the last frame becomes the key."""
OLD_KEYS = 4
"""The first so many keys of a shot are asked again when the last one is out of view."""
BOX_MARGIN = 0.03
"""Growth of the subject's box on each side, in its own size."""
STILL_PX = 1.0
"""Dead zone: px of the grey picture. A camera whose corners never leave it stands still."""


class CameraWatcher:
    """Keeps small grey pictures of a stream: call `add` with every batch; `pictures` is uint8 [T, h, w]."""

    def __init__(self):
        self._kept: list[torch.Tensor] = []

    def add(self, frames: torch.Tensor) -> None:
        """frames: uint8 [B, H, W, 3]."""
        height, width = frames.shape[1:3]
        scale = min(1.0, LONG_SIDE / max(height, width))
        size = (max(8, round(height * scale)), max(8, round(width * scale)))
        stride = max(1, int(0.5 / scale))  # two samples per small pixel are enough, and cheap
        green = frames[:, None, ::stride, ::stride, 1].float()  # most of what the eye calls brightness
        small = F.interpolate(green, size=size, mode="bilinear", antialias=True, align_corners=False)[:, 0]
        self._kept.append(small.round().clamp(0, 255).to(torch.uint8))

    @property
    def pictures(self) -> torch.Tensor:
        return torch.cat(self._kept)


def camera_motion(
    pictures: torch.Tensor,
    boxes: torch.Tensor,
    width: int,
    height: int,
    anchor: int = 0,
    cuts: tuple[int, ...] = (),
) -> torch.Tensor:
    """float32 [T, 4]: zoom factor, roll (radians, clockwise), pan x, pan y in px of the reference, as in MotionTrack.

    pictures: uint8 [T, h, w] of `CameraWatcher`; boxes: float32 [T, 4] or [T, N, 4] px of the reference, x0, y0, x1,
    y1 around people (empty ones are ignored); anchor: the frame the camera is relative to; cuts: first frames of the
    shots after the first one. In the shots without the anchor the camera is relative to their own first frame.
    """
    count = len(pictures)
    scale = torch.tensor([pictures.shape[2] / width, pictures.shape[1] / height])
    boxes = boxes.reshape(count, -1, 4)
    small = (boxes * scale.repeat(2)).numpy()
    camera = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
    middle = np.array([pictures.shape[2], pictures.shape[1]]) / 2
    bounds = (0, *cuts, count)
    for start, stop in zip(bounds, bounds[1:], strict=False):
        origin = anchor - start if start <= anchor < stop else 0
        maps = _chain(pictures[start:stop].numpy(), small[start:stop], middle)
        camera[start:stop] = _relative(maps, origin, middle)
    camera[:, 2:] /= scale.numpy()
    return torch.from_numpy(camera).float()


def people_boxes(points: torch.Tensor, presence: torch.Tensor, body: torch.Tensor, height: int) -> torch.Tensor:
    """Boxes around the head with its hair and around the body, px: float32 [T, 2, 4], empty where unseen.

    points: float32 [T, 478, 3]; presence: [T] of the face; body: float32 [T, 33, 5]; height: of the picture.
    """
    low, high = points[:, :468, :2].amin(1), points[:, :468, :2].amax(1)
    size = high - low
    head = torch.cat([low - size * torch.tensor([0.4, 0.6]), high + size * torch.tensor([0.4, 0.3])], 1)
    seen = body[..., 3:4] > 0.5
    seen[:, :11] = False
    low = torch.where(seen, body[..., :2], torch.inf).amin(1)
    high = torch.where(seen, body[..., :2], -torch.inf).amax(1)
    wide = 0.25 * (body[:, 11, :2] - body[:, 12, :2]).norm(dim=1, keepdim=True)
    low, high = low - wide, high + wide
    cut_off = ~seen[:, 23:29].flatten(1).any(1)  # hips and knees are out of the picture: so is the end of the body
    high[:, 1] = torch.where(cut_off, high[:, 1].clamp_min(height), high[:, 1])
    whole = torch.cat([low, high], 1)
    boxes = torch.stack([torch.where((presence > 0.5)[:, None], head, 0.0), whole], 1)
    return torch.where(boxes.isfinite().all(2, keepdim=True), boxes, 0.0)


def _chain(pictures: np.ndarray, boxes: np.ndarray, middle: np.ndarray) -> list[np.ndarray]:
    """For each frame of a shot the map [2, 3] of background points of its first frame to this one, about `middle`."""
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    maps = [identity]
    keys = [(_Key(pictures[0], boxes[0], middle), identity)]
    for number in range(1, len(pictures)):
        key, home = keys[-1]
        now = _Frame(pictures[number], boxes[number])
        found, share = key.find(now, _between(home, maps[-1]))
        if share < KEY_LEFT:
            # an earlier key that is in view again beats a new one: nothing adds up
            for old, old_home in keys[:-1][:OLD_KEYS]:
                again, old_share = old.find(now, _between(old_home, maps[-1]))
                if old_share > max(share, KEY_LEFT):
                    found, share, home = again, old_share, old_home
                    break
        if share < KEY_LEFT:
            fresh = _Key(pictures[number - 1], boxes[number - 1], middle)
            again, new_share = fresh.find(now, identity)
            if new_share > share:
                keys.append((fresh, maps[-1]))
                found, home = again, maps[-1]
        maps.append(maps[-1] if found is None else _after(found, home))
    return maps


def _between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The map from where `first` puts a point to where `second` does."""
    back = np.linalg.inv(first[:, :2])
    return _after(second, np.hstack([back, -(back @ first[:, 2])[:, None]]))


class _Frame:
    """A frame that is looked at, prepared once for all keys."""

    def __init__(self, picture: np.ndarray, boxes: np.ndarray):
        self.levels, self.boxes, self.size = _pyramid(picture), boxes, picture.shape


class _Key:
    """Patches of a frame's background and the places where later frames show them."""

    def __init__(self, picture: np.ndarray, boxes: np.ndarray, middle: np.ndarray):
        self._middle = middle
        levels = _pyramid(picture)
        self.places = _textured(levels[-1], boxes)
        self._templates = _templates(levels, self.places)

    def find(self, frame: _Frame, guess: np.ndarray):
        """The similarity [2, 3] from the key's points to the frame's (None = unknown) and the share that agrees."""
        if len(self.places) < LEAST_PATCHES:
            return None, 0.0
        places = (self.places - self._middle) @ guess[:, :2].T + guess[:, 2] + self._middle
        good = np.ones(len(places), bool)
        for template, level in zip(self._templates, frame.levels, strict=True):
            places, good = _align(template, level, places, guess[:, :2])
        height, width = frame.size
        inside = (places > 3).all(1) & (places[:, 0] < width - 3) & (places[:, 1] < height - 3)
        good &= inside & ~_within(places, frame.boxes)
        return _agree(self.places - self._middle, places - self._middle, good)


def _pyramid(picture: np.ndarray) -> list[np.ndarray]:
    """The picture at 1/4, 1/2 and full size, float."""
    full = torch.from_numpy(picture)[None, None].float()
    return [(F.avg_pool2d(full, step) if step > 1 else full)[0, 0].numpy() for step in SEARCH_STEPS]


def _within(places: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Which places [N, 2] are on somebody."""
    out = np.zeros(len(places), bool)
    for x0, y0, x1, y1 in boxes:
        if x1 > x0 and y1 > y0:
            dx, dy = BOX_MARGIN * (x1 - x0) + 2, BOX_MARGIN * (y1 - y0) + 2
            out |= (
                (places[:, 0] > x0 - dx)
                & (places[:, 0] < x1 + dx)
                & (places[:, 1] > y0 - dy)
                & (places[:, 1] < y1 + dy)
            )
    return out


def _textured(picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Up to PATCHES places [N, 2] with texture in both directions, spread over the background."""
    from scipy.ndimage import maximum_filter, uniform_filter

    dy, dx = np.gradient(picture)
    xx, yy, xy = (uniform_filter(value, 2 * PATCH + 1) for value in (dx * dx, dy * dy, dx * dy))
    weakest = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    strength = np.where(weakest == maximum_filter(weakest, PATCH + 1), weakest, 0)
    strength[:4] = strength[-4:] = 0
    strength[:, :4] = strength[:, -4:] = 0
    rows, columns = np.nonzero(strength > LEAST_TEXTURE**2)
    places = np.stack([columns, rows], 1) + 0.5
    order = np.argsort(-strength[rows, columns], kind="stable")
    places = places[order]
    return places[~_within(places, boxes)][:PATCHES]


def _templates(levels: list[np.ndarray], places: np.ndarray) -> list[tuple]:
    """For each level the step, the offsets [K, 2] of a patch, and of every patch its values without their mean
    [N, K], its slopes [N, K, 2] and the inverse of their products [N, 2, 2]."""
    out = []
    for step, level in zip(SEARCH_STEPS, levels, strict=True):
        reach = PATCH if step == 1 else PATCH // 2 + 1
        grid = np.stack(np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1)), -1).reshape(-1, 2)
        spots = places[:, None] / step + grid
        values = _sample(level, spots)
        slope = [
            (_sample(level, spots + offset) - _sample(level, spots - offset)) / 2 for offset in ([1.0, 0], [0, 1.0])
        ]
        slope = np.stack(slope, -1)
        products = slope.transpose(0, 2, 1) @ slope + 1e-3 * len(grid) * np.eye(2)
        out.append((step, grid, values - values.mean(1, keepdims=True), slope, np.linalg.inv(products)))
    return out


def _align(template: tuple, now: np.ndarray, places: np.ndarray, linear: np.ndarray):
    """Lucas-Kanade on one level (Baker and Matthews 2004, inverse compositional): places [N, 2] in full px, and which
    of the patches look alike there."""
    step, grid, values, slope, inverse = template
    turned = grid @ linear.T
    target = places / step
    difference = values
    for _ in range(5):
        seen = _sample(now, target[:, None] + turned)
        difference = seen - seen.mean(1, keepdims=True) - values
        move = (inverse @ (difference[:, None] @ slope).transpose(0, 2, 1))[..., 0]
        target = target - np.clip(move, -2, 2) @ linear.T
        if np.median(np.abs(move)) < 0.01:
            break
    alike = np.abs(difference).mean(1) < 0.5 * np.abs(values).mean(1) + 1
    return target * step, alike


def _sample(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear values at places [..., 2] px; the border goes on outside."""
    height, width = picture.shape
    x, y = np.clip(places[..., 0] - 0.5, 0, width - 1.001), np.clip(places[..., 1] - 0.5, 0, height - 1.001)
    column, row = x.astype(np.int32), y.astype(np.int32)
    a, b = x - column, y - row
    flat, place = picture.ravel(), row * width + column
    upper = flat[place] * (1 - a) + flat[place + 1] * a
    lower = flat[place + width] * (1 - a) + flat[place + width + 1] * a
    return upper * (1 - b) + lower * b


def _agree(source: np.ndarray, target: np.ndarray, good: np.ndarray):
    """The similarity [2, 3] that most of the good pairs [N, 2] follow, and the share of all pairs that do."""
    source, target, total = source[good], target[good], len(good)
    if len(source) < LEAST_PATCHES:
        return None, 0.0
    z, w = source @ [1, 1j], target @ [1, 1j]  # a similarity of the plane is w = a z + b with complex numbers
    first, second = np.triu_indices(len(z), 1)
    apart = z[second] - z[first]
    far = np.abs(apart) > 20
    if not far.any():
        return None, 0.0
    first, second, apart = first[far], second[far], apart[far]
    step = max(1, len(first) // 200)
    a = ((w[second] - w[first]) / apart)[::step]
    b = w[first][::step] - a * z[first][::step]
    error = np.abs(a[:, None] * z + b[:, None] - w)
    best = np.minimum(error, 2.0).sum(1).argmin()
    wrong = error[best]
    inlier = wrong < 1.5
    for _ in range(4):
        if inlier.sum() < LEAST_PATCHES:
            return None, 0.0
        weight = inlier / (1 + 4 * wrong**2)
        zm, wm = (weight * z).sum() / weight.sum(), (weight * w).sum() / weight.sum()
        factor = (weight * (w - wm) * (z - zm).conj()).sum() / (weight * np.abs(z - zm) ** 2).sum()
        shift = wm - factor * zm
        wrong = np.abs(factor * z + shift - w)
        inlier = wrong < 1.0
    spread = np.ptp(source[inlier], axis=0).max() if inlier.any() else 0.0
    if inlier.sum() < max(LEAST_PATCHES, 0.3 * len(z)) or spread < LEAST_SPREAD * LONG_SIDE:
        return None, 0.0
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    ), inlier.sum() / total


def _after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The map that does `first`, then `second`."""
    return np.hstack([second[:, :2] @ first[:, :2], (second[:, :2] @ first[:, 2] + second[:, 2])[:, None]])


def _relative(maps: list[np.ndarray], origin: int, middle: np.ndarray) -> np.ndarray:
    """zoom, roll, pan x, pan y [T, 4] of each map after the inverse of the origin's."""
    found = [_between(maps[origin], one) for one in maps]
    camera = np.array([[math.hypot(m[0, 0], m[1, 0]), math.atan2(m[1, 0], m[0, 0]), m[0, 2], m[1, 2]] for m in found])
    corner = np.abs(middle).max()
    leaves = np.abs(camera[:, 0] - 1) * corner + np.abs(camera[:, 1]) * corner + np.abs(camera[:, 2:]).max(1)
    if np.quantile(leaves, 0.9) < STILL_PX:
        camera[:] = (1, 0, 0, 0)
    if len(camera) > 2:  # a single frame that jumps out and back was misread
        camera[1:-1] = np.median(np.stack([camera[:-2], camera[1:-1], camera[2:]]), 0)
    camera[origin] = (1, 0, 0, 0)
    return camera
