"""The pictures of a character that a video of it offers: a frontal, calm, sharp one, then those that add angles."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch

from ...models import faces
from .. import runtime
from ..errors import IdentityError
from ..geometry import face_regions as regions
from ..media import iterate, open_clip
from ..types import Clip, Progress, View
from .calm import calmness
from .checks import sharpness
from .coverage import PITCH_REACH, YAW_REACH, view_angles

MOST = 5
SAMPLES = 200
"""Moments that are looked at, spread evenly: a video of any length takes the same time but for its decoding."""
LOOK_SIDE = 768
"""px of the copies that are looked at."""
LEAST_FACE = 48
"""px in such a copy; a smaller face is no picture of a character."""
LEAST_GAIN = 0.5
"""Of the reach of a view: a picture nearer than this to those chosen adds nothing."""


@dataclass(frozen=True)
class Moment:
    """A face in a video. index: frame of the sampled clip. yaw, pitch: degrees. sharp: see `checks.sharpness`.
    calm: 0..1. eyes: opening over width. size: px of the face."""

    index: int
    yaw: float
    pitch: float
    sharp: float
    calm: float
    eyes: float
    size: float


def pictures_of_video(
    clip: Clip, most: int = MOST, progress: Progress | None = None
) -> tuple[list[torch.Tensor], list[str]]:
    """Up to `most` frames, uint8 [H, W, 3] in the video's size, and their names ("clip.mp4 at 3.2 s").

    One batch of frames is in memory at a time, and the frames that are given back. Raises IdentityError when no
    frame shows a face.
    """
    runtime.place_networks()
    sampled = _sampled(clip)
    found, total = [], 2 * sampled.frame_count
    for batch in iterate(sampled, batch=8, max_side=LOOK_SIDE):
        runtime.check_interrupted()
        found += _moments(batch.frames, batch.first)
        if progress:
            progress(batch.first + len(batch), total)
    chosen = choose(found, most)
    if not chosen:
        raise IdentityError(
            f"No face was found in {clip.source.name}; use a video in which the character's face is visible "
            f"and at least {LEAST_FACE} px high."
        )
    pictures: dict[int, torch.Tensor] = {}
    for batch in iterate(sampled, batch=2):
        runtime.check_interrupted()
        for index in chosen:
            if batch.first <= index < batch.first + len(batch):
                pictures[index] = batch.frames[index - batch.first].clone()
        if progress:
            progress(sampled.frame_count + batch.first + len(batch), total)
        if len(pictures) == len(chosen):
            break
    if progress:
        progress(total, total)
    times = {index: float(clip.start + index / sampled.frame_rate) for index in chosen}
    return [pictures[index] for index in chosen], [f"{clip.source.name} at {times[index]:.2f} s" for index in chosen]


def _sampled(clip: Clip) -> Clip:
    """The clip at a rate at which it has about SAMPLES frames."""
    if clip.frame_count <= SAMPLES:
        return clip
    rate = Fraction(SAMPLES) / clip.duration
    return open_clip(clip.source, float(clip.start), float(clip.duration), rate)


def _moments(frames: torch.Tensor, first: int) -> list[Moment]:
    """The largest face of every frame that has one."""
    found = []
    for number, boxes in enumerate(faces.detect_faces(frames)):
        if not boxes:
            continue
        image = frames[number]
        region = faces.roi_from_detection(max(boxes, key=lambda box: box.width * box.height))[None]
        for _ in range(3):
            points, presence = faces.face_landmarks(image[None], region)
            region = faces.roi_from_landmarks(points)
        face = points[0, :468, :2]
        size = float((face.amax(0) - face.amin(0)).max())
        inside = bool(((face > 0) & (face < torch.tensor([image.shape[1], image.shape[0]]))).all())
        if float(presence[0]) < 0.5 or size < LEAST_FACE or not inside:
            continue
        view = View("", image, points[0], torch.zeros(0, 0), None)
        yaw, pitch, _ = view_angles(view).tolist()
        eyes = _eye_opening(points[0])
        found.append(Moment(first + number, yaw, pitch, sharpness(view), calmness(view), eyes, size))
    return found


def _eye_opening(points: torch.Tensor) -> float:
    """Gap between the lids over the width of the eye, the more open eye (a turned head hides the other one)."""
    gaps = [
        float((points[low[4], :2] - points[up[4], :2]).norm() / (points[a, :2] - points[b, :2]).norm().clamp_min(1e-3))
        for (up, low), (a, b) in zip(regions.EYES, regions.EYE_CORNERS, strict=True)
    ]
    return max(gaps)


def choose(moments: list[Moment], most: int = MOST) -> list[int]:
    """Frame indices, the one to render first. Sharpness, size and open eyes are judged within the video itself."""
    if not moments:
        return []
    sharp, size = (torch.tensor([getattr(one, name) for one in moments]) for name in ("sharp", "size"))
    eyes = torch.tensor([one.eyes for one in moments])
    calm = torch.tensor([one.calm for one in moments])
    places = torch.tensor([[one.yaw / YAW_REACH, one.pitch / PITCH_REACH] for one in moments])
    best = (sharp * size).quantile(0.9).clamp_min(1e-9)
    quality = (sharp * size / best).clamp(0.05, 1) * (eyes / eyes.median().clamp_min(1e-6)).clamp(0.05, 1)
    frontal = torch.exp(-0.5 * places.square().sum(1) * 2)
    chosen = [int((quality * frontal * calm).argmax())]
    while len(chosen) < most:
        gain = torch.cdist(places, places[chosen]).amin(1)
        score = quality * (0.5 + 0.5 * calm) * gain.clamp(max=1.5)
        score[gain < LEAST_GAIN] = 0
        score[quality < 0.3] = 0
        if float(score.max()) <= 0:
            break
        chosen.append(int(score.argmax()))
    return [moments[number].index for number in chosen]
