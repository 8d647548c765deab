"""The virtual camera: shot words of the prompt become a smooth crop that never shows past the picture."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import torch

SPEEDS = {
    "slow": 0.5,
    "slowly": 0.5,
    "gentle": 0.4,
    "gently": 0.4,
    "subtle": 0.3,
    "fast": 1.6,
    "quick": 1.6,
    "quickly": 1.6,
}
ZOOM_TRAVEL = 0.35
"""How far a zoom of normal speed goes over the clip, as a share of the frame."""
PAN_TRAVEL = 0.16
"""How far a pan of normal speed goes over the clip, as a share of the frame's width."""
FRAMINGS = {"close-up": 0.55, "closeup": 0.55, "close up": 0.55, "medium shot": 0.28, "wide shot": 0.0}
"""Share of the frame's height that the face takes; 0 keeps the whole picture."""


@dataclass(frozen=True)
class Shot:
    """What the prompt asks of the camera.

    zoom: +1 in, -1 out, 0. pan: (x, y) in -1..1, the direction the camera turns to. speed: factor.
    framing: wanted share of the face in the frame's height or None. handheld: small noise.
    used: the words that were understood; unused: the rest of the prompt.
    """

    zoom: float = 0.0
    pan: tuple[float, float] = (0.0, 0.0)
    speed: float = 1.0
    framing: float | None = None
    handheld: bool = False
    used: tuple[str, ...] = ()
    unused: str = ""

    @property
    def moves(self) -> bool:
        return bool(self.zoom or self.pan[0] or self.pan[1] or self.handheld)


_MOVES = (
    (r"(?:zoom|dolly|push|camera)(?:s|ing)?[ -]in\b", "zoom", 1.0),
    (r"(?:zoom|dolly|pull)(?:s|ing)?[ -](?:out|back)\b", "zoom", -1.0),
    (r"(?:pan|truck)(?:s|ning|ing)?(?: to the)?[ -]left\b", "x", -1.0),
    (r"(?:pan|truck)(?:s|ning|ing)?(?: to the)?[ -]right\b", "x", 1.0),
    (r"(?:tilt|crane|pedestal)(?:s|ing)?[ -]up\b", "y", -1.0),
    (r"(?:tilt|crane|pedestal)(?:s|ing)?[ -]down\b", "y", 1.0),
)


def read_prompt(prompt: str) -> Shot:
    """Finds shot words; everything else is returned in `unused`. A speed word may stand on either side of a move."""
    rest, used = prompt.lower(), []
    zoom, pan, speed, framing, handheld = 0.0, [0.0, 0.0], 1.0, None, False
    speeds = "|".join(SPEEDS)
    for pattern, axis, sign in _MOVES:
        found = re.search(rf"(?:\b({speeds}) )?\b{pattern}(?:[ ,]+({speeds})\b)?", rest)
        if not found:
            continue
        word = found.group(1) or found.group(2)
        speed = SPEEDS.get(word, speed)
        zoom = sign if axis == "zoom" else zoom
        pan = [sign if axis == "x" else pan[0], sign if axis == "y" else pan[1]]
        used.append(found.group(0).strip(" ,"))
        rest = rest.replace(found.group(0), " ", 1)
    for word, share in FRAMINGS.items():
        if re.search(rf"\b{word}\b", rest):
            framing = share
            used.append(word)
            rest = re.sub(rf"\b{word}\b", " ", rest, count=1)
            break
    for word in ("handheld", "hand-held"):
        if word in rest:
            handheld = True
            used.append(word)
            rest = rest.replace(word, " ", 1)
    if re.search(r"\b(static|locked|still) (camera|shot)\b|\bstatic\b", rest):
        zoom, pan, handheld = 0.0, [0.0, 0.0], False
        used.append("static")
        rest = re.sub(r"\b(static|locked|still) (camera|shot)\b|\bstatic\b", " ", rest)
    unused = re.sub(r"\s*,[\s,]*", ", ", re.sub(r"\s+", " ", rest)).strip(" ,.")
    return Shot(zoom, (pan[0], pan[1]), speed, framing, handheld, tuple(used), unused)


@dataclass(frozen=True)
class CameraPath:
    """Crop of every frame: output = zoom * (picture - centre) + half the output size.

    zoom: float32 [T] output px per picture px. centre: float32 [T, 2] picture px.
    """

    zoom: torch.Tensor
    centre: torch.Tensor
    width: int
    height: int

    def to_output(self, points: torch.Tensor, frames: slice) -> torch.Tensor:
        """Picture positions [B, ..., 2] of these frames in the output."""
        zoom, centre = self._shaped(points, frames)
        return (points - centre) * zoom + points.new_tensor([self.width / 2, self.height / 2])

    def to_picture(self, points: torch.Tensor, frames: slice) -> torch.Tensor:
        """Output positions [B, ..., 2] of these frames in the picture."""
        zoom, centre = self._shaped(points, frames)
        return (points - points.new_tensor([self.width / 2, self.height / 2])) / zoom + centre

    def _shaped(self, points, frames):
        ones = (1,) * (points.ndim - 2)
        return self.zoom[frames].reshape(-1, *ones, 1), self.centre[frames].reshape(-1, *ones, 2)

    @property
    def still(self) -> bool:
        return bool((self.zoom == self.zoom[0]).all() and (self.centre == self.centre[:1]).all())


def plan_camera(
    shot: Shot,
    frames: int,
    frame_rate: float,
    picture: tuple[int, int],
    output: tuple[int, int],
    face: tuple[float, float, float],
    seed: int = 0,
) -> CameraPath:
    """The camera's path. picture, output: (width, height) px. face: centre x, centre y, height in picture px."""
    (pw, ph), (ow, oh) = picture, output
    # an output that lost one row or column to an even size is a cut, not a scaling
    cover = 1.0 if 0 <= pw - ow < 2 and 0 <= ph - oh < 2 else max(ow / pw, oh / ph)
    t = torch.linspace(0, 1, frames) if frames > 1 else torch.zeros(1)
    ease = t * t * (3 - 2 * t)
    zoom = torch.full((frames,), cover)
    if shot.framing:
        zoom *= max(1.0, shot.framing * oh / (face[2] * cover))
    travel = (1 + ZOOM_TRAVEL) ** shot.speed
    if shot.zoom:
        zoom = zoom * travel ** (ease if shot.zoom > 0 else 1 - ease)
    pan = torch.tensor(shot.pan)
    if pan.any():
        zoom = zoom * (1 + 1.2 * PAN_TRAVEL * shot.speed)
    if shot.handheld:
        zoom = zoom * 1.04
    half = torch.stack([ow / 2 / zoom, oh / 2 / zoom], 1)
    middle = torch.tensor([pw / 2, ph / 2]).expand(frames, 2)
    # the closer the shot, the more the camera looks at the face instead of at the picture's middle
    closer = ((zoom / cover - 1) / 0.5).clamp(0, 1)[:, None] if shot.framing or shot.zoom else torch.zeros(frames, 1)
    target = torch.tensor([face[0], face[1]]).expand(frames, 2)
    centre = middle + (target - middle) * closer
    if pan.any():
        centre = centre + pan * half * 2 * PAN_TRAVEL * shot.speed * (ease[:, None] - 0.5)
    if shot.handheld:
        centre = centre + _handheld(frames, frame_rate, seed) * half * 0.03
    limit = torch.tensor([float(pw), float(ph)])
    centre = torch.minimum(torch.maximum(centre, half), limit - half)
    if not shot.moves and cover == 1.0 and float(zoom[0]) == 1.0:
        centre = (centre - half).round() + half  # whole pixels: nothing is resampled
    return CameraPath(zoom, centre, ow, oh)


def _handheld(frames: int, frame_rate: float, seed: int) -> torch.Tensor:
    """Slow irregular sway in -1..1, [T, 2]: a few sines with random phases between 0.2 and 1.5 Hz."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(frames) / frame_rate
    sway = torch.zeros(frames, 2)
    for hertz in (0.23, 0.41, 0.77, 1.4):
        phase = torch.rand(2, generator=generator) * 2 * math.pi
        sway += torch.sin(2 * math.pi * hertz * time[:, None] + phase) * (0.25 / hertz) ** 0.5
    return (sway / 2).clamp(-1, 1)
