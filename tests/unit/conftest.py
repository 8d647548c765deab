"""Real faces for the tests of the engine: two public-domain portraits, and performances acted with face points.

Everything here goes through the engine's own doors; nothing is replaced.
"""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

RATE = 25
FRAMES = 22
HELD = 11
"""A frame in the middle of the part in which `swell` is 1."""


@pytest.fixture(scope="session")
def portraits():
    """Square parts of two pictures, uint8 [H, W, 3]: `hopper` with closed lips, `collins` with a smile that shows
    teeth, `whole` is the second one with shoulders and all."""
    matplotlib = pytest.importorskip("matplotlib.cbook")
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    with Image.open(matplotlib.get_sample_data("grace_hopper.jpg")) as picture:
        hopper = torch.from_numpy(np.array(picture.convert("RGB")))
    collins = torch.from_numpy(data.astronaut().copy())
    return SimpleNamespace(
        hopper=hopper[40:440, 60:460].contiguous(), collins=collins[:320, 60:380].contiguous(), whole=collins
    )


@pytest.fixture(scope="session")
def hopper(portraits):
    """The Identity of a face 200 px high with closed lips and glasses."""
    return _bind(portraits.hopper, "hopper")


@pytest.fixture(scope="session")
def collins(portraits):
    """The Identity of a face 110 px high with open lips."""
    return _bind(portraits.collins, "collins")


def _bind(picture, name):
    from motion_control.engine.identity import bind_identity

    return bind_identity([picture], [name])


@pytest.fixture(scope="session")
def acting():
    """Makes tracks, renders and clips, and measures faces in pictures."""
    return SimpleNamespace(
        rate=RATE, frames=FRAMES, held=HELD, swell=swell, turn=turn, lips_shut=lips_shut, jaw_open=jaw_open,
        lids_closed=lids_closed, perform=perform, track_of=track_of, render=render, find_face=find_face,
        lip_gap=lip_gap, lid_gaps=lid_gaps, similarity=similarity, moved=moved, write_clip=write_clip, psnr=psnr,
    )  # fmt: skip


def swell() -> torch.Tensor:
    """0, up to 1, held, back to 0: float32 [FRAMES]."""
    t = torch.arange(FRAMES, dtype=torch.float32)
    part = (torch.minimum(t - 2, FRAMES - 3 - t) / 5).clamp(0, 1)
    return part * part * (3 - 2 * part)


def turn(yaw=0.0, pitch=0.0, roll=0.0) -> torch.Tensor:
    """Rotations [T, 3, 3] of a head that turns yaw degrees to the right of the picture, nods pitch down and tilts
    roll clockwise; written out by hand, with numbers or tensors [T]."""
    yaw, pitch, roll = torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.float32) for v in (yaw, pitch, roll)))
    yaw, pitch, roll = (torch.deg2rad(v.reshape(-1)) for v in (yaw, pitch, roll))
    one, zero = torch.ones_like(yaw), torch.zeros_like(yaw)

    def matrix(*rows):
        return torch.stack([torch.stack(row, -1) for row in rows], -2)

    about_y = matrix((yaw.cos(), zero, -yaw.sin()), (zero, one, zero), (yaw.sin(), zero, yaw.cos()))
    about_x = matrix((one, zero, zero), (zero, pitch.cos(), -pitch.sin()), (zero, pitch.sin(), pitch.cos()))
    about_z = matrix((roll.cos(), -roll.sin(), zero), (roll.sin(), roll.cos(), zero), (zero, zero, one))
    return about_z @ about_x @ about_y


def lips_shut(face: torch.Tensor) -> torch.Tensor:
    """A face [478, 3] with its inner lips together."""
    from motion_control.engine.geometry import face_regions as regions

    upper, lower = list(regions.INNER_LIP_UPPER[1:-1]), list(regions.INNER_LIP_LOWER[1:-1])
    face = face.clone()
    face[upper] = face[lower] = (face[upper] + face[lower]) / 2
    return face


def jaw_open(face: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Motion [T, 478, 3] of lower lip, chin and jaw, `amount` [T] cm downwards at the middle of the mouth."""
    from motion_control.engine.geometry import face_regions as regions

    rows = (regions.INNER_LIP_LOWER, *regions.LIP_LOWER_ROWS, regions.OUTER_LIP_LOWER)
    lip = torch.tensor(sorted({point for row in rows for point in row[1:-1]}))
    share = torch.zeros(478)
    share[:468] = ((face[:468, 1] - face[61, 1]) / (face[152, 1] - face[61, 1])).clamp(0, 1)
    half = (face[291, 0] - face[61, 0]) / 2
    share[lip] = 1 - ((face[lip, 0] - face[13, 0]) / half).square().clamp(max=0.95)
    return amount[:, None, None] * share[:, None] * torch.tensor([0.0, 1.0, 0.0])


def lids_closed(face: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Motion [T, 478, 3] of the upper lids down to the lower ones; amount [T], 1 = closed."""
    from motion_control.engine.geometry import face_regions as regions

    delta = torch.zeros(len(amount), 478, 3)
    for upper, lower in regions.EYES:
        up, low = list(upper[1:-1]), list(lower[1:-1])
        delta[:, up, 1] += amount[:, None] * (face[low, 1] - face[up, 1])
    return delta


def track_of(points: torch.Tensor, size=(400, 400), seen: torch.Tensor | None = None, smoothing: float = 0.5):
    """The MotionTrack of observed face points [T, 478, 3] px in a picture of size (width, height)."""
    from motion_control.engine.capture.assemble import Observations, assemble_track

    seen = torch.ones(len(points)) if seen is None else seen
    times = torch.arange(len(points), dtype=torch.float64) / RATE
    return assemble_track(Observations.of_face(points, seen), times, Fraction(RATE), *size, smoothing)


def perform(face: torch.Tensor, delta=0.0, rotation=None, shift=None, size=400, grow=None):
    """A MotionTrack in which `face` [478, 3] cm moves: delta [T, 478, 3] cm, rotation [T, 3, 3], shift [T, 2] px,
    grow [T] factor, in a square picture of `size` px whose middle it starts at."""
    rotation = torch.eye(3).expand(FRAMES, 3, 3) if rotation is None else rotation
    scale = size / 30 * (torch.ones(FRAMES) if grow is None else grow)
    middle = torch.full((FRAMES, 3), size / 2) * torch.tensor([1.0, 1.0, 0.0])
    if shift is not None:
        middle[:, :2] += shift
    points = scale[:, None, None] * ((face + delta).expand(FRAMES, -1, -1) @ rotation.mT) + middle[:, None]
    return track_of(points, (size, size))


def render(track, identity, background=None, batch: int = 8, **settings) -> torch.Tensor:
    """All frames, uint8 [T, H, W, 3]."""
    from motion_control.engine.render import plan, render_frames
    from motion_control.engine.types import RenderSettings

    made = plan(track, identity, RenderSettings(**settings))
    return torch.cat(list(render_frames(made, background, batch)))


def find_face(picture: torch.Tensor) -> torch.Tensor:
    """Face points [478, 3] px of a picture, from a fresh detection."""
    from motion_control.models import faces

    box = max(faces.detect_faces(picture[None].contiguous())[0], key=lambda found: found.width * found.height)
    region = faces.roi_from_detection(box)[None]
    kept = []
    for _ in range(6):
        points, _ = faces.face_landmarks(picture[None], region)
        region = faces.roi_from_landmarks(points)
        kept.append(points[0])
    return torch.stack(kept[2:]).mean(0)


def lip_gap(points: torch.Tensor) -> float:
    """Gap between the inner lips over the distance of the outer eye corners."""
    return float((points[14] - points[13])[:2].norm() / (points[33] - points[263])[:2].norm())


def lid_gaps(points: torch.Tensor) -> list[float]:
    """Opening of the right and of the left eye over its width."""
    from motion_control.engine.geometry import face_regions as regions

    return [
        float((points[list(low[2:7]), 1] - points[list(up[2:7]), 1]).mean() / (points[a] - points[b])[:2].norm())
        for (up, low), (a, b) in zip(regions.EYES, regions.EYE_CORNERS)
    ]


def similarity(size: int, roll: float, shift, grow: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrix [2, 2] and offset [2] that turn a square picture clockwise by roll degrees, grow and shift it (px)."""
    angle = math.radians(roll)
    matrix = grow * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    middle = torch.full((2,), size / 2)
    return matrix, middle + torch.tensor(shift, dtype=torch.float32) - matrix @ middle


def moved(picture: torch.Tensor, roll: float, shift, grow: float = 1.0) -> torch.Tensor:
    """A square picture under `similarity`; its border goes on outside."""
    size = picture.shape[0]
    matrix, offset = similarity(size, roll, shift, grow)
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    source = (torch.stack([x, y], -1) - offset) @ torch.linalg.inv(matrix).T * (2 / size) - 1
    planes = picture.permute(2, 0, 1)[None].float()
    out = F.grid_sample(planes, source[None], padding_mode="border", align_corners=False)[0]
    return out.permute(1, 2, 0).round().to(torch.uint8)


def write_clip(path, frames: torch.Tensor, rate=RATE, audio=None):
    """Frames uint8 [T, H, W, 3] as a video file; audio: (float32 [C, N], Hz) or None."""
    from motion_control.engine.media import VideoWriter

    with VideoWriter(path, frames.shape[2], frames.shape[1], Fraction(rate), audio=audio) as writer:
        writer.write(frames)
    return path


def psnr(a: torch.Tensor, b: torch.Tensor, where: torch.Tensor | None = None) -> float:
    """Of two uint8 pictures [H, W, 3], dB; where: bool [H, W]."""
    error = (a.float() - b.float()).square()
    return float(10 * torch.log10(255**2 / (error if where is None else error[where]).mean().clamp_min(1e-9)))
