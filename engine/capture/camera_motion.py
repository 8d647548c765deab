"""The reference's own camera, from its still background: zoom, roll and pan of every frame.

    frames --small, grey--> patches without people --similarity to a key frame--> chain of keys --verdict--> camera

A frame is compared with a key frame, not with its neighbour, so errors do not add up; the key changes only when too
little of it is left in the picture. A motion that does not make the background look more like the key frame's is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ...models.matte import person_matte
from ..geometry.series import fill_gaps, smooth
from . import background
from .background import IDENTITY, STILL_PX, Found, Key, Look
from .cuts import ShotPart, shots
from .people_mask import capsules

LONG_SIDE = 256
"""About the longer side of the grey pictures, px: frames are made smaller by a whole number."""
PER_SECOND = 30.0
"""More frames than this are not looked at."""
KEY_LEFT = 0.5
"""Share of a key frame's patches that must be found again; below, a newer frame becomes the key."""
KEY_REST_S = 0.5
"""Least time between two keys, while enough patches are left."""
OLD_KEYS = 4
"""The first and the last keys of a shot, so many, are asked again when the newest goes out of view."""
MATTE = 0.3
"""Person matte from which a pixel is no background."""
LOST_S = 0.5
"""After this time without any key a new one begins where the camera was last seen."""
STATIC = 0.25
"""Motion is none when this share of what it should move stands still: something large passes by."""
GAIN = 0.8
"""Motion counts when it lowers the difference to the key frame to this share."""
MOVING_S = 0.2
"""A camera that moves does so for at least this long."""
KNOWN_SHARE = 0.5
"""Share of a clip's frames whose background must have been found to say anything."""
SMOOTH_S = 0.2
"""Savitzky-Golay window over the camera."""


@dataclass(frozen=True)
class CameraTrail:
    """What was seen in every frame. maps: float64 [T, 2, 3] from the background of the shot's first frame to this
    one's, in grey px about the middle; looked: bool [T], frames that were looked at; known: bool [T], and the
    background was found; proven: bool [T], and is farther than STILL_PX from the key and more like it that way; shrink:
    px of the reference in one of the grey picture."""

    maps: np.ndarray
    looked: np.ndarray
    known: np.ndarray
    proven: np.ndarray
    shrink: int

    @property
    def is_known(self) -> bool:
        """Whether enough of the clip's background was found to say anything."""
        return bool(self.known.sum() >= KNOWN_SHARE * self.looked.sum())


class CameraFollower:
    """Feed the parts of a clip in order with `read`, then ask for `trail`."""

    def __init__(self, frame_rate: float):
        self._rate = frame_rate
        self._stride = max(1, round(frame_rate / PER_SECOND))
        self._maps: list[np.ndarray] = []
        self._looked: list[bool] = []
        self._known: list[bool] = []
        self._proven: list[bool] = []
        self._shrink = 1
        self._begin_shot()

    def _begin_shot(self) -> None:
        self._keys: list[tuple[Key, np.ndarray]] = []
        self._last, self._speed = IDENTITY, IDENTITY
        self._number, self._key_at, self._seen_at = 0, 0, 0
        self._body: np.ndarray | None = None

    def read(self, part: ShotPart, seen) -> None:
        """seen: what was read of the performer in these frames (`performer.Seen`)."""
        if part.begins:
            self._begin_shot()
        frames = part.batch.frames
        self._shrink = max(1, round(max(frames.shape[1:3]) / LONG_SIDE))
        first = -self._number % self._stride
        pictures = grey(frames[first :: self._stride].numpy(), self._shrink)
        for i in range(len(frames)):
            if bool(seen.body_read[i]):
                self._body = seen.body[i].numpy()
            self._looked.append((i - first) % self._stride == 0)
            if self._looked[-1]:
                people = _people(seen, i, self._body, frames.shape[1]) / self._shrink
                self._look(Look(pictures[(i - first) // self._stride], people), frames[i])
            else:
                self._note(None)
            self._number += 1

    def _look(self, look: Look, frame: torch.Tensor) -> None:
        found, home = None, self._last
        if self._keys:
            found, home = self._ask(look, *self._keys[-1]), self._keys[-1][1]
        rested = self._number - self._key_at > KEY_REST_S * self._rate
        if rested and (found is None or found.share < KEY_LEFT):
            for number in range(len(self._keys) - 1):
                again = self._ask(look, *self._keys[number])
                if again is not None and again.share > KEY_LEFT:
                    self._keys.append(self._keys.pop(number))
                    found, home = again, self._keys[-1][1]
                    break
        if found is None:
            fresh = not self._number or (rested and (not self._keys or self._lost() > LOST_S * self._rate))
            self._note(self._last if fresh and self._new_key(look, frame, self._last) else None)
            return
        place = background.after(found.place, home)
        self._speed = background.between(self._last, place) if self._lost() <= self._stride else IDENTITY
        self._last, self._seen_at = place, self._number
        self._note(place, found.reach > STILL_PX)
        if rested and found.share < KEY_LEFT:
            self._new_key(look, frame, place)

    def _lost(self) -> int:
        """Frames since the background was last found."""
        return self._number - self._seen_at

    def _ask(self, look: Look, key: Key, home: np.ndarray) -> Found | None:
        """Where the key is, searched by the last place and speed; None when its motion is not believable."""
        far = key is not self._keys[-1][0] or self._lost() > self._stride
        found = key.find(look, background.between(home, background.after(self._speed, self._last)), far)
        if found is not None and found.reach > STILL_PX and (found.static > STATIC or found.gain > GAIN):
            return None
        return found

    def _new_key(self, look: Look, frame: torch.Tensor, home: np.ndarray) -> bool:
        """Whether the frame has enough background to be a key."""
        self._key_at = self._number
        if not Key(look, None).usable:  # asked first because the matte is slow
            return False
        some = max(1, self._shrink // 2)
        matte = person_matte(frame[None, ::some, ::some].contiguous())[:, None]
        matte = F.interpolate(matte, tuple(look.picture.shape), mode="bilinear", align_corners=False)
        key = Key(look, (F.max_pool2d(matte, 5, 1, 2)[0, 0] > MATTE).numpy())
        if key.usable:
            self._keys = [*self._keys[:1], *self._keys[1:][1 - OLD_KEYS :], (key, home)]
            self._seen_at = self._number
        return key.usable

    def _note(self, place: np.ndarray | None, proven: bool = False) -> None:
        self._maps.append(self._last if place is None else place)
        self._known.append(place is not None)
        self._proven.append(proven)

    def trail(self) -> CameraTrail:
        return CameraTrail(
            np.array(self._maps), *map(np.array, (self._looked, self._known, self._proven)), self._shrink
        )


def grey(frames: np.ndarray, shrink: int) -> np.ndarray:
    """uint8 [B, H, W, 3] -> float32 [B, H // shrink, W // shrink], means of squares of the green channel, which is most
    of what the eye calls brightness. Of a large square nine pixels count."""
    height, width = (side // shrink for side in frames.shape[1:3])
    places = range(shrink) if shrink < 4 else (shrink // 6, shrink // 2, shrink - 1 - shrink // 6)
    total = np.zeros((len(frames), height, width), np.uint16)
    for row in places:
        rows = frames[:, row : height * shrink : shrink, : width * shrink, 1]
        for column in places:
            total += rows[:, :, column::shrink]
    return total / np.float32(len(places) ** 2)


def _people(seen, i: int, body: np.ndarray | None, height: int) -> np.ndarray:
    face = seen.face[i].numpy() if float(seen.face_seen[i]) > 0.5 else None
    hands = [seen.hands[i, side].numpy() for side in (0, 1) if float(seen.hands_seen[i, side]) > 0.5]
    return capsules(face, body, hands, height)


def camera_path(trail: CameraTrail, frame_rate: float, anchor: int = 0, cuts: tuple[int, ...] = ()) -> torch.Tensor:
    """float32 [T, 4]: zoom factor, roll (radians, clockwise), pan x, pan y in px of the reference, as in MotionTrack.

    Relative to the anchor frame, in shots without it to their own first frame; exactly 1, 0, 0, 0 all through a shot
    whose camera stands still or cannot be told.
    """
    count = len(trail.maps)
    camera = torch.tensor([1.0, 0, 0, 0]).repeat(count, 1)
    for shot in shots(count, cuts):
        known, maps = trail.known[shot], trail.maps[shot]
        if not moves(trail, shot, frame_rate):
            continue
        origin = anchor - shot.start if shot.start <= anchor < shot.stop else 0
        values = torch.from_numpy(np.array([_values(one) for one in maps]))
        values = smooth(fill_gaps(values, torch.from_numpy(known)), frame_rate, SMOOTH_S)
        home = _map(values[origin].numpy())
        apart = [_values(background.between(home, _map(one))) for one in values.numpy()]
        camera[shot] = torch.tensor(apart, dtype=torch.float32)
        camera[shot, 0] = camera[shot, 0].exp()
        camera[shot, 2:] *= trail.shrink
    return camera


def moves(trail: CameraTrail, shot: slice, frame_rate: float) -> bool:
    """Whether the camera moves in a shot: proven for long enough, and most of the shot is known."""
    looked = trail.looked[shot]
    known, proven = trail.known[shot][looked], trail.proven[shot][looked]
    if known.mean() < KNOWN_SHARE:
        return False
    run = longest = 0
    for one in proven:
        run = run + 1 if one else 0
        longest = max(longest, run)
    return longest >= max(3, MOVING_S * frame_rate * looked.mean())


def _values(place: np.ndarray) -> list[float]:
    """Logarithm of the zoom, roll, pan x, pan y."""
    a, b = place[0, 0], place[1, 0]
    return [math.log(math.hypot(a, b)), math.atan2(b, a), place[0, 2], place[1, 2]]


def _map(values: np.ndarray) -> np.ndarray:
    zoom, roll, x, y = values
    cos, sin = math.exp(zoom) * math.cos(roll), math.exp(zoom) * math.sin(roll)
    return np.array([[cos, -sin, x], [sin, cos, y]])
