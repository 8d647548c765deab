"""The authored performance: what the head, the face and the voice of the built-in sample do, second by second.

    0       0.7               2.5          3.5             5.4    6.1    6.5    6.9   7.4    8 s
    picture | looks and turns | thinks, up | ba da ma o ee | nods | tilt | kiss | oh! | picture
    relaxes | left, right     |            |               |      | grin |      |     | again

It begins and ends as the portrait itself, which was photographed with a smile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch

from ..geometry.face_rig import CONTROLS, rig_delta
from ..geometry.pose import head_pose
from ..tracks import blank_track
from ..types import FACE_PARTS, MotionTrack

SECONDS = 8.0
_REST = -1.1
"""The smile is taken out of the portrait by this much when the face rests."""
_NECK = (0.0, 5.0, 2.5)
"""The head turns about this place, cm in head space: the top of the spine."""

_TURNS = {  # degrees; yaw > 0 to the right of the picture, pitch > 0 down, roll > 0 clockwise in the picture
    "yaw": (
        (0, 0), (0.86, 0), (1.26, -19), (1.52, -20), (2.15, 19), (2.40, 20), (2.92, 1), (3.50, 0), (3.95, -3),
        (4.35, 0), (4.55, 2), (4.95, 4), (5.40, 0), (6.05, -4), (6.50, -5), (6.90, 0), (7.30, 1), (7.70, 0), (8, 0),
    ),
    "pitch": (
        (0, 0), (0.84, 0), (1.06, 2), (1.40, 0), (1.82, 5), (2.30, 0), (2.55, -1), (2.85, -7), (3.36, -6),
        (3.62, 3), (3.85, 0), (4.02, 3.5), (4.24, 0), (4.50, 4), (4.80, -1), (5.10, 2), (5.48, -1), (5.69, 9),
        (5.87, -2), (6.04, 7), (6.22, -1), (6.60, 0), (6.86, 1), (7.08, -7), (7.36, -5), (7.70, 0), (8, 0),
    ),
    "roll": (
        (0, 0), (0.86, 0), (1.38, -2.5), (2.30, 2.5), (2.90, -1), (3.80, 0), (4.36, 0), (4.80, 2.5), (5.30, 0),
        (6.02, 0), (6.34, 9), (6.56, 9.5), (6.95, 0), (8, 0),
    ),
}  # fmt: skip
_FACE = {
    "smile": (
        (0, 0), (0.14, 0), (0.54, _REST), (5.44, _REST), (5.88, -0.45), (6.14, -0.3), (6.32, 0.08), (6.46, 0.08),
        (6.64, _REST), (7.32, _REST), (7.62, 0), (8, 0),
    ),
    "mouthClose": (
        (0, 0), (0.16, 0), (0.50, 1), (3.52, 1), (3.60, 0.1), (3.82, 0.2), (3.90, 0.75), (3.96, 0.7), (4.03, 0.1),
        (4.14, 0.2), (4.22, 1), (4.35, 1), (4.43, 0.1), (4.60, 0.2), (4.72, 0.3), (4.90, 0.35), (5.06, 0.4),
        (5.20, 0.4), (5.36, 1), (6.14, 1), (6.30, 0), (6.46, 0), (6.60, 0.85), (6.86, 0.8), (6.98, 0), (7.34, 0),
        (7.48, 0.5), (7.66, 0), (8, 0),
    ),
    "jawOpen": (
        (0, 0), (3.53, 0), (3.68, 0.52), (3.76, 0.50), (3.92, 0.06), (4.05, 0.52), (4.12, 0.48), (4.22, 0.02),
        (4.35, 0.02), (4.50, 0.58), (4.58, 0.52), (4.74, 0.28), (4.90, 0.28), (5.06, 0.04), (5.22, 0.03), (5.34, 0),
        (6.90, 0), (7.06, 0.85), (7.26, 0.75), (7.52, 0), (8, 0),
    ),
    "mouthPucker": (
        (0, 0), (4.56, 0), (4.72, 0.75), (4.90, 0.75), (5.04, 0), (6.46, 0), (6.64, 0.8), (6.82, 0.85), (6.98, 0.25),
        (7.26, 0.2), (7.46, 0), (8, 0),
    ),
    "mouthWide": ((0, 0), (4.94, 0), (5.08, 0.85), (5.20, 0.85), (5.36, 0), (8, 0)),
    "mouthPress": (
        (0, 0), (3.42, 0), (3.48, 0.25), (3.52, 0.3), (3.58, 0), (4.20, 0), (4.26, 0.3), (4.32, 0.3), (4.38, 0), (8, 0),
    ),
    "browUp": (
        (0, 0), (2.58, 0), (2.80, 0.6), (3.36, 0.55), (3.56, 0.1), (4.02, 0.25), (4.25, 0.05), (4.50, 0.35), (4.85, 0),
        (6.06, 0), (6.30, 0.25), (6.56, 0.2), (6.80, 0), (6.92, 0), (7.06, 1), (7.30, 0.9), (7.60, 0), (8, 0),
    ),
    "browDown": ((0, 0), (5.40, 0), (5.62, 0.3), (6.00, 0.25), (6.18, 0), (8, 0)),
    "eyeWide": ((0, 0), (6.94, 0), (7.06, 0.9), (7.28, 0.8), (7.42, 0), (8, 0)),
    # eyes jump and then stay: they lead the head into a turn and swing back while it follows
    "gazeX": (
        (0, 0), (0.76, 0), (0.83, -0.30), (1.02, -0.28), (1.26, -0.10), (1.52, -0.06), (1.60, 0.28), (1.85, 0.26),
        (2.10, 0.10), (2.50, 0.04), (2.58, -0.24), (2.94, -0.24), (3.02, 0.22), (3.42, 0.22), (3.50, 0), (5.98, 0),
        (6.06, 0.06), (6.90, 0), (8, 0),
    ),
    "gazeY": ((0, 0), (2.50, 0), (2.58, -0.22), (2.94, -0.20), (3.02, -0.22), (3.42, -0.20), (3.50, 0), (8, 0)),
}  # fmt: skip
_BLINKS = (0.34, 1.58, 3.44, 5.30, 7.46)
_BLINK = ((-0.01, 0), (0.05, 1), (0.09, 1), (0.20, 0))
"""0.15 s from open to open at half height; the lids stay closed for at least one frame at 30 a second."""
_VOICE = {
    # effort of the voice, 0..1; what is heard also depends on how far the mouth is open
    "effort": (
        (0, 0), (3.48, 0), (3.54, 0.5), (3.64, 1), (3.80, 0.9), (3.88, 0.15), (3.93, 0.15), (4.00, 1), (4.14, 0.9),
        (4.46, 1), (4.70, 0.9), (5.00, 1), (5.18, 1), (5.32, 0), (5.58, 0), (5.66, 0.7), (5.79, 0.6), (5.84, 0.1),
        (5.93, 0.7), (6.05, 0.6), (6.15, 0), (6.96, 0), (7.06, 0.6), (7.22, 0.5), (7.42, 0), (8, 0),
    ),
    "pitch": (  # Hz
        (0, 205), (3.50, 205), (3.70, 225), (4.00, 212), (4.12, 222), (4.50, 240), (4.80, 212), (5.30, 178),
        (5.60, 190), (5.79, 205), (5.90, 220), (6.12, 232), (6.96, 235), (7.10, 310), (7.42, 225), (8, 225),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Performance:
    """The performance at T times. controls: of the rig, name -> float64 [T]. degrees: float64 [T, 3] yaw, pitch, roll.
    shift: float64 [T, 2] of the head, cm to the picture's right and down. effort, pitch: float64 [T] of the voice,
    0..1 and Hz.
    """

    controls: dict[str, np.ndarray]
    degrees: np.ndarray
    shift: np.ndarray
    effort: np.ndarray
    pitch: np.ndarray


def perform(times: np.ndarray) -> Performance:
    """times: seconds [T], any."""
    times = np.asarray(times, dtype=np.float64)
    face = {name: _curve(keys, times) for name, keys in _FACE.items()}
    smile = face.pop("smile")
    blink = np.max([_curve([(at + dt, v) for dt, v in _BLINK], times) for at in _BLINKS], axis=0)
    controls = {
        **face,
        "mouthSmileLeft": smile,
        "mouthSmileRight": smile,
        "eyeBlinkRight": blink,
        "eyeBlinkLeft": blink,
    }
    alive = _curve(((0, 0), (0.5, 0), (1.2, 1), (7.2, 1), (7.9, 0)), times)[:, None]
    turns = np.stack([_curve(keys, times) for keys in _TURNS.values()], 1)
    return Performance(
        controls={name: controls[name] for name in CONTROLS if name in controls},
        degrees=turns + alive * _drift(times, 3, phase=0.0) * (0.7, 0.5, 0.4),
        shift=alive * _drift(times, 2, phase=2.0) * (0.08, 0.05),
        effort=_curve(_VOICE["effort"], times),
        pitch=_curve(_VOICE["pitch"], times),
    )


def authored_performance(
    neutral: torch.Tensor,
    portrait_points: torch.Tensor,
    frame_rate: Fraction,
    width: int,
    height: int,
    seconds: float = SECONDS,
) -> MotionTrack:
    """The performance played by a portrait, as if it had been filmed: frame 0 is the portrait itself.

    neutral: float32 [478, 3], the portrait's face in head space, cm. portrait_points: float32 [478, 3] px of a picture
    of width x height px. seconds: how much of it, from the beginning.
    """
    count = max(1, round(seconds * frame_rate))
    times = torch.arange(count, dtype=torch.float64) / float(frame_rate)
    played = perform(times.numpy())
    controls = {name: torch.from_numpy(curve) for name, curve in played.controls.items()}
    size, facing, place = (value[0] for value in head_pose(portrait_points[None], neutral))
    rotation = _turns(played.degrees) @ facing
    neck = torch.tensor(_NECK)
    about_neck = (facing - rotation) @ neck
    shift = torch.from_numpy(played.shift).float() + about_neck[:, :2]
    translation = place[:2] + size * shift
    shapes = neutral + rig_delta(neutral, controls)
    points = size * shapes @ rotation.transpose(1, 2)
    points[..., :2] += translation[:, None]
    gaze = torch.stack([controls["gazeX"], controls["gazeY"]], 1).float()
    flat = points[..., :2]
    return replace(
        blank_track(times, Fraction(frame_rate), width, height),
        face_points=points,
        face_confidence=torch.ones(count),
        neutral=neutral,
        rotation=rotation,
        scale=size.expand(count).clone(),
        translation=translation,
        gaze=gaze[:, None].repeat(1, 2, 1),
        expression=torch.stack([controls[name].float() for name in controls], 1),
        expression_names=tuple(controls),
        subject_box=torch.cat([flat.amin(1), flat.amax(1)], 1),
        face_visibility=torch.ones(count, len(FACE_PARTS)),
    )


def _curve(keys, times: np.ndarray) -> np.ndarray:
    """A smooth curve through (time, value) keys that never overshoots them; flat before and after."""
    from scipy.interpolate import PchipInterpolator

    moments, values = np.array(keys, dtype=np.float64).T
    return PchipInterpolator(moments, values)(times.clip(moments[0], moments[-1]))


def _drift(times: np.ndarray, axes: int, phase: float) -> np.ndarray:
    """Nobody holds still: slow irregular sway within -1..1, [T, axes]."""
    waves = [
        [math.tau * hertz * times + phase + 1.7 * axis + 5.0 * hertz for hertz in (0.31, 0.53, 0.97)]
        for axis in range(axes)
    ]
    return np.stack([np.sin(parts).T @ (0.5, 0.3, 0.2) for parts in np.array(waves)], 1)


def _turns(degrees: np.ndarray) -> torch.Tensor:
    """Rotation matrices float32 [T, 3, 3] of yaw, pitch, roll as geometry.pose.angles reads them."""
    from scipy.spatial.transform import Rotation

    yaw, pitch, roll = degrees.T
    turned = Rotation.from_euler("ZXY", np.stack([roll, pitch, -yaw], 1), degrees=True)
    return torch.from_numpy(turned.as_matrix()).float()
