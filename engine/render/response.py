"""How strongly this character shows an expression: measured on its own face before the clip is drawn.

A face that is drawn from one resting picture makes no wrinkles and no bulging cheeks, so viewers and landmark networks
alike read its expressions weaker than they were played, and how much weaker differs from picture to picture: a pursed
mouth, a painting, the small mouth of a drawing. A few of the strongest moments of the clip are drawn small and read
back with the pack's own landmark network; what the reading lacks against the performer becomes the gain of that part.
"""

from __future__ import annotations

import torch

from ...models import faces
from .. import runtime
from ..geometry import face_regions as regions
from ..geometry.pose import head_pose, unpose
from ..types import Identity, MotionTrack, RenderSettings
from .baseline import choose_baseline
from .camera import CameraPath
from .draw import draw, make_backdrop, pose_face
from .figure import Figure
from .retarget import PLAIN, Gains, performer_shapes, retarget

PROBE_FACE = 256
"""Height of the face in the probes, px: the landmark network looks at 192."""
FLOORS = (0.015, 0.02, 0.012, 0.02)
"""Spread of a channel over the probes (outer eye distances; eyes: heights over widths) below which the clip does not
use it."""
LEAST_AGREEMENT = 0.7
"""Correlation of reading and performance below which a reading is noise."""
LIMITS = ((1.0, 1.3), (1.0, 1.5), (0.85, 1.4), (1.0, 1.2))
"""Least and largest gain: a gain must not show as a caricature when the reading is wrong."""


def channels(shapes: torch.Tensor) -> torch.Tensor:
    """Opening and width of the mouth, height of the brows (in outer eye distances), opening of the eyes (in eye widths)
    of un-posed faces [T, 478, 3]: float32 [T, 4]."""
    eyes_apart = (shapes[:, 33] - shapes[:, 263])[:, :2].norm(dim=1)
    opening = (shapes[:, [87, 14, 317], 1] - shapes[:, [82, 13, 312], 1]).mean(1)
    width = (shapes[:, 61] - shapes[:, 291])[:, :2].norm(dim=1)
    brows = shapes[:, [33, 133, 263, 362], 1].mean(1) - shapes[:, [105, 66, 334, 296], 1].mean(1)
    lids = [
        (shapes[:, list(low[2:7]), 1] - shapes[:, list(up[2:7]), 1]).mean(1) / (shapes[:, a] - shapes[:, b]).norm(dim=1)
        for (up, low), (a, b) in zip(regions.EYES, regions.EYE_CORNERS, strict=True)
    ]
    return torch.stack([opening / eyes_apart, width / eyes_apart, brows / eyes_apart, sum(lids) / 2], 1)


def fit_gains(track: MotionTrack, figure: Figure, identity: Identity) -> Gains:
    """The gains with which the character's expressions read as strong as the performer's.

    figure: of the identity's primary view. Parts that the clip does not move, or whose
    reading does not follow the performance, keep the usual gain.
    """
    usual = Gains()
    if not track.has_face:
        return usual
    shapes, neutral = performer_shapes(track), identity.neutral
    if choose_baseline(track, shapes, neutral, figure.facing).from_character:
        return PLAIN  # nothing to make up for, and nothing to draw
    played = channels(shapes)
    probes = _probes(played, track)
    motion = retarget(track, figure.landmarks, identity, RenderSettings(), usual).at(probes)
    read, seen = _read_back(figure, motion, neutral)
    return gains_from_reading(played[probes][seen], read[seen], usual)


def gains_from_reading(played: torch.Tensor, read: torch.Tensor, usual: Gains) -> Gains:
    """played, read: float32 [n, 4] channels of the same moments; `usual` was in force when they were drawn."""
    values = []
    for number, (before, floor, limits) in enumerate(zip(usual, FLOORS, LIMITS, strict=True)):
        gain = before
        if len(played) >= 3:
            a, b = played[:, number] - played[:, number].mean(), read[:, number] - read[:, number].mean()
            agreement = float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-9))
            if float(a.std()) > floor and agreement > LEAST_AGREEMENT:
                slope = float((a * b).sum() / a.square().sum())
                gain = min(max(before / max(slope, 1e-3), limits[0]), limits[1])
        values.append(gain)
    return Gains(*values)


def _probes(played: torch.Tensor, track: MotionTrack) -> torch.Tensor:
    """Frames in which a channel is near its ends, and the anchor: int64 [n <= 9], frames with a face only."""
    known = (track.face_confidence > 0.5).nonzero()[:, 0]
    if not len(known):
        return torch.tensor([track.anchor])
    picks = {track.anchor}
    for channel in played[known].T:
        order = known[channel.argsort()]
        picks |= {int(order[int(0.03 * (len(order) - 1))]), int(order[int(0.97 * (len(order) - 1))])}
    return torch.tensor(sorted(picks))


def _read_back(figure: Figure, motion, neutral: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Channels [n, 4] read from the drawn probes, and which of them showed a face, bool [n]."""
    runtime.place_networks()
    device = runtime.device()
    x, y, height = figure.face_box
    side = 2 * PROBE_FACE
    count = len(motion.scale)
    zoom = torch.full((count,), min(1.0, PROBE_FACE / height))
    camera = CameraPath(zoom.to(device), torch.tensor([[x, y]]).repeat(count, 1).to(device), side, side)
    figure, motion = figure.to(device), motion.to(device)
    backdrop = make_backdrop(figure.plate, camera)
    pictures, posed = [], []
    with torch.inference_mode():
        for frame in range(count):
            pictures.append(draw(figure, motion, camera, backdrop, slice(frame, frame + 1)).cpu())
            posed.append(pose_face(figure, motion, camera, slice(frame, frame + 1)).points.cpu())
    pictures, points = torch.cat(pictures), torch.cat(posed)
    for _ in range(2):
        points, presence = faces.face_landmarks(pictures, faces.roi_from_landmarks(points))
    shapes = unpose(points, *head_pose(points, neutral))
    return channels(shapes), presence > 0.5
