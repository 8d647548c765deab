"""How far a render can be trusted, per frame and per pixel: visibility x stretch x texture coverage.

A pixel of skin is worth what the pictures show of it: 1 when the view that is drawn saw it at least as large as it is
drawn now, less as its few pixels are stretched. On top of that come how far the head looks from where the nearest
picture looks, and how surely the performer's face was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..geometry import face_regions as regions
from ..geometry.ease import ease
from ..geometry.normals import vertex_normals
from ..geometry.pose import angles
from ..geometry.raster import rasterise
from ..geometry.sampling import sample_each
from ..identity import nearest_wish, reaches_away
from ..types import Identity, MotionTrack
from .draw import pose_face, smooth_map
from .figure import Figure
from .retarget import HeadMotion
from .tiles import CELLS, MAP_STEP, PAD, Canvas
from .views import Shares, SideView, degrees_between, looking

STRETCHED = (0.15, 0.6)
"""Size of the source's pixels over the size at which they are drawn, at which confidence is 0 and 1."""
MIRRORED = 0.5
"""Of a head that looks where only the mirror image of a picture looks: the face is never quite the same."""
REACHES = (1.0, 2.0)
"""Distance from the nearest picture, in reaches (see identity.coverage), at which confidence begins and ends to
fall: 25 and 50 degrees of yaw, 18 and 36 of pitch."""
FILLED_PLATE = 0.3
"""Of background that the figure hides in the picture."""
WORTH_SAYING = 0.02
"""Share of the frames from which a note is made."""


@dataclass(frozen=True)
class Confidence:
    """float32 [T] each. frame: of the whole face, 0..1. reach: 1 while the head looks near where a picture looks,
    falling to 0; at most MIRRORED where only a mirror image does. face: how surely the performer's face was found.
    away: degrees between where the head looks and where the nearest picture looks. yaw, pitch: degrees of the head as
    it is drawn."""

    frame: torch.Tensor
    reach: torch.Tensor
    face: torch.Tensor
    away: torch.Tensor
    yaw: torch.Tensor
    pitch: torch.Tensor


def measure_confidence(
    track: MotionTrack,
    figure: Figure,
    motion: HeadMotion,
    sides: Sequence[SideView],
    shares: Shares | None,
    mirrored: Sequence[bool],
) -> Confidence:
    """The confidence of every frame of a planned render. shares: None without side views. mirrored: of each
    side view, whether it is a mirror image."""
    turned = motion.rotation @ figure.facing
    yaw, pitch, _ = angles(turned).T
    views = torch.stack([figure.facing, *(side.turn.T @ figure.facing for side in sides)])
    worth = torch.tensor([1.0, *(MIRRORED if other else 1.0 for other in mirrored)])
    steps = reaches_away(angles(views)[None, :, :2], torch.stack([yaw, pitch], 1)[:, None])
    reach = (worth * (1 - ease(steps, *REACHES))).amax(1)
    away = degrees_between(looking(turned)[:, None], looking(views[worth == 1])[None]).amin(1)
    face = track.face_confidence * track.face_visibility.mean(1)
    skin, shown = skin_confidence(figure, motion.rotation, sides, shares, slice(None))
    seen = (skin * shown).sum(1) / shown.sum(1).clamp_min(1e-6)
    return Confidence(reach * face * seen, reach, face, away, yaw, pitch)


def is_mirrored(side: SideView, identity: Identity) -> bool:
    """Whether a side view is the mirror image of a picture."""
    return side.name not in {view.name for view in identity.views}


def skin_confidence(
    figure: Figure, rotation: torch.Tensor, sides: Sequence[SideView], shares: Shares | None, frames: slice
) -> tuple[torch.Tensor, torch.Tensor]:
    """Visibility x stretch of the face's points in frames of a turned head, and how much of the drawn face each of them
    stands for (0 when it is turned away): float32 [B, 468] each."""
    normal = _area_normals(figure.landmarks)
    drawn = -(rotation[frames] @ normal.T)[:, 2]  # area towards the viewer
    skin = _unstretched(normal, drawn)
    for number, side in enumerate(sides):
        whole, fills, lacks = (share[:, None] for share in shares.at(frames, number))
        own = _unstretched(_area_normals(side.figure.landmarks), drawn)
        part = (whole + fills * side.fills[:468] - lacks * side.lacks[:468]).clamp(0, 1)
        skin = torch.lerp(skin, own, part)
    return skin, drawn.clamp_min(0)


def confidence_map(plan, frames: slice) -> torch.Tensor:
    """Confidence of every pixel of frames [start, stop) of a RenderPlan, with the character's own background:
    float32 [B, H, W], known to MAP_STEP px."""
    figure, motion, camera, canvas = plan.figure, plan.motion, plan.camera, Canvas(plan.width, plan.height)
    known = plan.confidence
    source, _ = smooth_map(figure, motion, camera, frames, canvas)
    batch = len(source)
    cells = sample_each(_facts(figure).expand(batch, -1, -1, -1), source / figure.field.step + 0.5)
    matte, head = cells[:, 0], cells[:, 1]
    reach, face = (value[frames][:, None, None] for value in (known.reach, known.face))
    of_head = reach * face
    stretch = ease(_shrunk(source) * camera.zoom[frames][:, None, None], *STRETCHED)
    if plan.sides:  # another view of the head is drawn near to where it looks
        stretch = torch.lerp(stretch, torch.ones_like(stretch), plan.shares.whole[frames].sum(1)[:, None, None])
    smooth = stretch * torch.lerp(torch.ones_like(head), of_head.expand_as(head), head)
    rest = camera.to_picture(canvas.coarse_grid(source.device).expand(batch, -1, -1, -1), frames)
    behind = sample_each(_facts(figure)[:, :1].expand(batch, -1, -1, -1), rest / figure.field.step + 0.5)[:, 0]
    out = torch.lerp(1 - (1 - FILLED_PLATE) * behind, smooth, matte)
    _draw_face(out, plan, frames, of_head[:, 0, 0])
    out = out[:, PAD:-PAD, PAD:-PAD][:, None]
    size = (canvas.rows * CELLS * MAP_STEP, canvas.columns * CELLS * MAP_STEP)
    full = F.interpolate(out, size=size, mode="bilinear", align_corners=False)[:, 0]
    return full[:, : plan.height, : plan.width].clamp(0, 1).contiguous()


def report_confidence(found: Confidence, shares: Shares | None, mirrored: Sequence[bool]) -> dict:
    """Figures and sentences for people."""
    frame = found.frame
    return {
        "confidence": {
            "least": round(float(frame.min()), 3),
            "mean": round(float(frame.mean()), 3),
            "frames_below_half": round(float((frame < 0.5).float().mean()), 3),
        },
        "confidence_notes": tuple(_notes(found, shares, mirrored)),
    }


def _notes(found: Confidence, shares, mirrored):
    far = found.reach < 1
    share = float(far.float().mean())
    if share >= WORTH_SAYING:
        wishes = [
            nearest_wish(*place) for place in zip(found.yaw[far].tolist(), found.pitch[far].tolist(), strict=True)
        ]
        wish = max(set(wishes), key=wishes.count)
        degrees = float(torch.quantile(found.away[far], 0.95))
        yield f"the head turns {degrees:.0f} degrees from what the pictures show in {_part(share)}; add {wish}"
    drawn = float(shares.whole[:, list(mirrored)].sum(1).mean()) if any(mirrored) else 0.0
    if drawn >= WORTH_SAYING:
        yield f"a mirrored picture stands for the side that no picture shows in {_part(drawn)}"
    unsure = float((found.face < 0.5).float().mean())
    if unsure >= WORTH_SAYING:
        yield f"the performer's face is hidden or uncertain in {_part(unsure)}"


def _part(share: float) -> str:
    return f"{100 * share:.0f} % of the frames"


def _facts(figure: Figure) -> torch.Tensor:
    """Matte and binding to the head on the figure's nodes: float32 [1, 2, h, w]."""
    nodes = figure.field.nodes
    matte = sample_each(figure.source[None, 3:], nodes[None])[0, 0]
    return torch.stack([matte, figure.field.head])[None]


def _area_normals(points: torch.Tensor) -> torch.Tensor:
    """Area times outward normal around the points of a face [478, 3] px, of its share in the whole: [468, 3]."""
    triangles = regions.open_skin().to(points.device)
    total = vertex_normals(points[None, :468], triangles)[0]
    return total * -total[:, 2].sum().sign() / total.norm(dim=1).sum()


def _unstretched(normal: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """normal: [468, 3], of the view that is drawn from. drawn: [B, 468], area towards the viewer. float32 [B, 468]."""
    own = (-normal[:, 2]).clamp_min(0)
    return ease((own + 1e-9) / (drawn.clamp_min(0) + 1e-9), *STRETCHED)


def _shrunk(source: torch.Tensor) -> torch.Tensor:
    """Picture px per output px of the coarse map [B, h, w, 2], in the direction that is enlarged most: [B, h, w]."""
    x = torch.gradient(source, spacing=float(MAP_STEP), dim=2)[0]
    y = torch.gradient(source, spacing=float(MAP_STEP), dim=1)[0]
    det = (x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]).abs()
    square = x.square().sum(-1) + y.square().sum(-1)
    largest = ((square + (square.square() - 4 * det.square()).clamp_min(0).sqrt()) / 2).sqrt()
    return det / largest.clamp_min(1e-6)


def _draw_face(out: torch.Tensor, plan, frames: slice, of_head: torch.Tensor) -> None:
    """The skin's confidence on the coarse cells of `out` [B, h, w], in place. of_head: float32 [B]."""
    batch, height, width = out.shape
    figure = plan.figure
    skin, _ = skin_confidence(figure, plan.motion.rotation, plan.sides, plan.shares, frames)
    pose = pose_face(figure, plan.motion, plan.camera, frames)
    triangles = regions.open_skin().to(out.device)
    vertices = pose.points[:, :468, :2] / MAP_STEP + PAD
    keep = pose.facing[:, triangles].amax(2) > 0
    hits = rasterise(vertices, pose.points[:, :468, 2], triangles, keep, height, width)
    values = torch.stack([skin * of_head[:, None], figure.mesh_trust[None, :468].expand(batch, -1)], -1)
    value, trust = hits.interpolate(triangles, values).T
    flat = out.view(-1)
    flat[hits.pixel] = torch.lerp(flat[hits.pixel], value, trust)
