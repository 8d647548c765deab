"""Which part of a long reference is worth using: the best window of a wanted length, inside one shot.

score of a frame = face x size x sharpness x exposure x (0.25 + motion + expression) - occlusion - others
window           = sum of its frames' scores - motion at its two ends
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch

from ..geometry.pose import head_pose, unpose
from ..types import MotionTrack
from .cuts import per_shot

SHARP_FACE_PX = 160
"""A face from this height counts fully for size."""
END_WEIGHT = 0.15
"""Cost of full motion at both ends of a window, as a share of the best possible score of the window."""
CUT_MARGIN_S = 0.12
"""A window keeps this distance from a cut, where there is room."""


@dataclass(frozen=True)
class Measures:
    """What was measured in every frame, each float32 [T].

    face: confidence 0..1. face_height: px. sharpness, exposure: 0..1, 1 = good. motion: of head and body, expression:
    of the face, both 0..1 in relation to the clip. occlusion: hidden share of the face 0..1. others: share of the
    subject's size that a second person has, 0 = alone.
    """

    face: torch.Tensor
    face_height: torch.Tensor
    sharpness: torch.Tensor
    exposure: torch.Tensor
    motion: torch.Tensor
    expression: torch.Tensor
    occlusion: torch.Tensor
    others: torch.Tensor

    def __post_init__(self):
        sizes = {field.name: tuple(getattr(self, field.name).shape) for field in fields(self)}
        if any(size != (len(self.face),) for size in sizes.values()):
            raise ValueError(f"Measures wants one value per frame in every field, got {sizes}")

    def __len__(self) -> int:
        return len(self.face)


@dataclass(frozen=True)
class Segment:
    """Frames start .. stop - 1. score: mean frame score 0..1. reason: why, a sentence for people."""

    start: int
    stop: int
    score: float
    reason: str


def measure_track(track: MotionTrack, others: torch.Tensor | None = None) -> Measures:
    """Measures of a track. others: float32 [T] where other people were measured, else nobody."""
    count, rate = len(track), float(track.frame_rate)
    mesh = track.face_points[:, :468, 1]
    height = (mesh.amax(1) - mesh.amin(1)).clamp_min(1)
    shapes = unpose(track.face_points, *head_pose(track.face_points, track.neutral))
    usual = per_shot(lambda shot: _calm(shot, track.neutral).expand(shot.shape), track.cuts, shapes)
    expression = (shapes - usual)[:, :468].norm(dim=2).mean(1)
    head = _speed(track.translation / height.median(), rate) + _speed(track.rotation.flatten(1), rate)
    visible = track.body[..., 3].amin(0) > 0.5
    joints = track.body[:, visible, :2].flatten(1) / max(track.width, track.height)
    body = _speed(joints, rate) / max(1, int(visible.sum())) ** 0.5 * 4 if bool(visible.any()) else torch.zeros(count)
    return Measures(
        face=track.face_confidence,
        face_height=height,
        sharpness=track.quality[:, 0],
        exposure=track.quality[:, 1],
        motion=_relative(head + body),
        expression=_relative(expression),
        occlusion=1 - track.face_visibility.mean(1),
        others=torch.zeros(count) if others is None else others,
    )


def _calm(shapes: torch.Tensor, neutral: torch.Tensor) -> torch.Tensor:
    """A shot's own resting face [1, 478, 3], from its fifth nearest to the track's: in another shot the face may be
    another person's, and that is no expression."""
    order = (shapes - neutral).norm(dim=2).mean(1).argsort()
    return shapes[order[: max(1, len(order) // 5)]].median(0, keepdim=True).values


def _speed(values: torch.Tensor, rate: float) -> torch.Tensor:
    """Length of the change per second, [T]."""
    if len(values) < 2:
        return torch.zeros(len(values))
    steps = values.diff(dim=0).norm(dim=1) * rate
    return torch.cat([steps[:1], (steps[1:] + steps[:-1]) / 2, steps[-1:]])


def _relative(values: torch.Tensor) -> torch.Tensor:
    """0..1, 1 = as much as the liveliest tenth of the clip."""
    return (values / torch.quantile(values[:: max(1, len(values) // 4000)], 0.9).clamp_min(1e-6)).clamp(0, 1)


def frame_scores(measures: Measures) -> torch.Tensor:
    """Worth of every frame, float32 [T], at most 1."""
    size = (measures.face_height / SHARP_FACE_PX).clamp(0, 1) ** 0.5
    quality = measures.face * size * measures.sharpness * measures.exposure
    lively = (0.25 + 0.35 * measures.motion + 0.4 * measures.expression).clamp(0, 1)
    return quality * lively - 0.5 * measures.face * measures.occlusion - 0.5 * measures.others.clamp(0, 1)


def best_segment(
    measures: Measures, frame_rate: float, seconds: float | None = None, cuts: tuple[int, ...] = ()
) -> Segment:
    """The best window of `seconds` (None or longer than a shot: a whole shot).

    cuts: first frames of the shots after the first one.
    """
    scores, count = frame_scores(measures), len(measures)
    wanted = count if seconds is None else max(1, min(count, round(seconds * frame_rate)))
    total = torch.cat([torch.zeros(1, dtype=torch.float64), scores.double().cumsum(0)])
    margin = max(1, round(CUT_MARGIN_S * frame_rate))
    best, longest = None, 0
    shots = _shots(cuts, count)
    for begin, end in shots:
        first, last = begin + (margin if begin else 0), end - (margin if end < count else 0)
        if last - first < min(wanted, end - begin):
            first, last = begin, end
        length = min(wanted, last - first)
        starts = torch.arange(first, last - length + 1)
        value = (total[starts + length] - total[starts]) / wanted
        value = value - END_WEIGHT * (measures.motion[starts] + measures.motion[starts + length - 1]) / 2
        place = int(value.argmax())
        # a shot that is too short for the wish only wins when there is none long enough
        if best is None or (length, float(value[place])) > (longest, best[0]):
            best, longest = (float(value[place]), int(starts[place]), length), length
    _, start, length = best
    stop = start + length
    return Segment(
        start, stop, float(scores[start:stop].mean()), _reason(measures, frame_rate, start, stop, len(shots), wanted)
    )


def _shots(cuts: tuple[int, ...], count: int) -> list[tuple[int, int]]:
    bounds = [0, *(cut for cut in sorted(set(cuts)) if 0 < cut < count), count]
    return list(zip(bounds, bounds[1:], strict=False))


def _reason(measures: Measures, rate: float, start: int, stop: int, shots: int, wanted: int) -> str:
    part = slice(start, stop)
    facts = [
        f"the face is seen in {float((measures.face[part] > 0.5).float().mean()):.0%} of it",
        f"about {float(measures.face_height[part].median()):.0f} px high",
    ]
    for name, value in (("expression", measures.expression), ("motion", measures.motion)):
        whole, here = float(value.mean()), float(value[part].mean())
        if here > 1.1 * whole:
            facts.append(f"with {here / max(whole, 1e-6):.1f} times the {name} of the whole")
    for name, value in (("sharper", measures.sharpness), ("better lit", measures.exposure)):
        if float(value[part].mean()) > 1.1 * float(value.mean()):
            facts.append(f"{name} than elsewhere")
    if float(measures.occlusion[part].mean()) < 0.5 * float(measures.occlusion.mean()):
        facts.append("with less hidden than elsewhere")
    if shots > 1:
        facts.append(f"inside one of {shots} shots")
    short = f" (no shot is as long as {wanted / rate:.1f} s)" if stop - start < wanted and shots > 1 else ""
    return f"{start / rate:.2f} to {stop / rate:.2f} s{short}: " + ", ".join(facts)


def cut_track(track: MotionTrack, start: int, stop: int) -> MotionTrack:
    """Frames start .. stop - 1 of a track, its times from 0. The neutral face stays; the anchor is moved into the part
    when it lies outside (to the frame whose face is nearest to neutral), and the camera is then relative to it."""
    if not 0 <= start < stop <= len(track):
        raise ValueError(f"cut_track wants 0 <= start < stop <= {len(track)}, got {start} and {stop}")
    whole = {
        name: getattr(track, name)[start:stop]
        for name in (
            "face_points", "face_confidence", "rotation", "scale", "translation", "gaze", "expression", "body",
            "body_world", "hands", "hand_confidence", "camera", "subject_box", "face_visibility", "quality",
            "relief",
        )
    }  # fmt: skip
    anchor = track.anchor - start
    if not 0 <= anchor < stop - start:
        energy = whole["expression"].abs().sum(1) + 10 * (whole["face_confidence"] < 0.5)
        anchor = int(energy.argmin())
        whole["camera"] = _camera_from(whole["camera"], anchor)
    cuts = tuple(cut - start for cut in track.cuts if start < cut < stop)
    times = track.times[start:stop]
    return replace(track, times=times - times[0], anchor=anchor, cuts=cuts, **whole)


def _camera_from(camera: torch.Tensor, anchor: int) -> torch.Tensor:
    """The camera [T, 4] relative to another frame."""
    zoom, roll = camera[:, 0] / camera[anchor, 0], camera[:, 1] - camera[anchor, 1]
    cos, sin = zoom * roll.cos(), zoom * roll.sin()
    x, y = camera[anchor, 2:]
    pan = camera[:, 2:] - torch.stack([cos * x - sin * y, sin * x + cos * y], 1)
    return torch.cat([zoom[:, None], roll[:, None], pan], 1)
