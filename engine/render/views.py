"""Several views of one character: the head is drawn from the view that is nearest to where it looks.

All views draw the same geometry: the primary view's face with the performer's expression on it, turned by the same
rotation. Texture, the outline of the hair and what lies beside the face come from the chosen picture. The body and the
background always come from the primary view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from ...models.face_topology import face_topology
from ..geometry import face_regions as regions
from ..geometry.ease import ease
from ..geometry.pose import angles, head_pose, unpose
from ..geometry.sampling import sample, sample_each
from ..identity import MOST_ENLARGED, resting_controls
from ..types import Identity, View
from .figure import Figure, build_view_figure, vertex_facing
from .retarget import HeadMotion
from .shown_mouth import open_gap, shown_mouth

LEAST_APART = 9.0
"""Degrees between two views below which the second adds no angle."""
HANDICAP, HANDICAP_MIRRORED = 4.0, 18.0
"""Degrees by which another view, and the mirror image of one, must be nearer to where the head looks than the primary
view: a mirror image stands for a half that no picture shows."""
HANDICAP_EXPRESSION = 30.0
"""The same for a view that smiles or opens its mouth fully where the primary one does not: its folds do not go away."""
MISREAD = 0.15
"""Amount of expression that two views of one resting face may differ by."""
HYSTERESIS = 3.0
"""Degrees by which a view must be better than the one that is shown, so that a head at rest never flickers."""
FADE_SECONDS = 0.25
MOST_TURNED_MOUTH = 35.0
"""Degrees between the primary view and one whose teeth it borrows."""
GAIN_LIMITS = (0.6, 1.6)
BRIGHT = 0.7
"""Quantile of the skin's colours that is made equal in all views: the lit side of a face, not its shadow."""
GRAZING, FACING = (0.40, 0.75), (0.20, 0.45)
"""Cosine towards the camera between which skin counts as badly and as well seen: badly seen skin of the chosen view is
filled from another view that sees it well ..."""
FILL_DEGREES = (6.0, 20.0)
"""... as the head turns towards that view by this many degrees."""
FILL_RADIUS_CM = 1.2
"""Over which the border of what is filled is soft."""
CANONICAL_HEIGHT = 17.0
"""cm from the hair line to the chin of the canonical face."""
TURNED = (14.0, 28.0)
"""Yaw in degrees from which a view has a half that it sees badly. A frontal view sees both well enough, and hair that
hangs over an ear in one picture and behind it in another does not mix."""


@dataclass(frozen=True)
class SideView:
    """Another view, at the primary view's scale.

    name: of the view. figure: drawn like the primary's. offset: float32 [2] px from its head's place to the primary's.
    turn: float32 [3, 3], rotation of the primary view's head over this one's. reshape: float32 [478, 3] px in head
    space, makes its face the primary's. looks: float32 [3], where its head looks. handicap: degrees, see HANDICAP.
    fills: float32 [478], how much of the face this view sees well and the primary one badly; lacks: the other way
    round. beside, beside_primary: float32 [h, w], the same for what lies beside the face, `fills` on this view's nodes
    and `lacks` on the primary view's. apart: degrees to the primary view.
    """

    name: str
    figure: Figure
    offset: torch.Tensor
    turn: torch.Tensor
    reshape: torch.Tensor
    looks: torch.Tensor
    handicap: float
    fills: torch.Tensor
    lacks: torch.Tensor
    beside: torch.Tensor
    beside_primary: torch.Tensor
    apart: float

    def to(self, device) -> SideView:
        parts = ("figure", "offset", "turn", "reshape", "looks", "fills", "lacks", "beside", "beside_primary")
        return replace(self, **{name: getattr(self, name).to(device) for name in parts})

    def motion(self, motion: HeadMotion, frames: torch.Tensor) -> HeadMotion:
        """Chosen frames of the primary's motion as a motion of this view's figure."""
        motion = motion.at(frames)
        return replace(motion, rotation=motion.rotation @ self.turn, delta=motion.delta + self.reshape)


@dataclass(frozen=True)
class Shares:
    """How much the K side views draw in each frame, float32 [T, K] each.

    whole: of the head; the primary view draws the rest. fills: of the skin that the primary view sees badly while it
    draws the rest. lacks: how much of what this view sees badly is left to the primary view.
    """

    whole: torch.Tensor
    fills: torch.Tensor
    lacks: torch.Tensor

    def to(self, device) -> Shares:
        return Shares(self.whole.to(device), self.fills.to(device), self.lacks.to(device))

    def drawn(self) -> torch.Tensor:
        """Rows and views with something to draw: bool [T, K]."""
        return torch.maximum(self.whole, self.fills) > 0.004

    def at(self, frames, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """whole, fills, lacks [n] of one view in chosen frames."""
        return self.whole[frames, number], self.fills[frames, number], self.lacks[frames, number]


def build_side_views(identity: Identity, figure: Figure, scale: float) -> tuple[SideView, ...]:
    """The views that show the head from elsewhere, and mirror images for sides that no picture shows.

    figure: the primary view's at `scale` of its resolution. A view with a hand at the head is not drawn from.
    """
    primary, neutral = identity.view, identity.neutral
    size, facing = _pose(primary, neutral)
    others = [view for view in identity.views if view is not primary and not view.covered]
    candidates = [(view, HANDICAP) for view in others]
    candidates += [(mirrored(view), HANDICAP_MIRRORED) for view in (primary, *others) if not view.covered]
    looks, sides = [looking(facing)], []
    for view, handicap in candidates:
        pose = head_pose(view.points[None], neutral)
        own_size, own_facing = pose[0][0], pose[1][0]
        look = looking(own_facing)
        if min(degrees_between(look, other) for other in looks) < LEAST_APART:
            continue
        enlarge = float(size / own_size) * scale
        if size / own_size > MOST_ENLARGED:
            continue
        looks.append(look)
        own = build_view_figure(view, neutral, enlarge)
        own = replace(own, source=_harmonised(figure, own))
        shape = unpose(view.points[None], *pose)[0]
        handicap += HANDICAP_EXPRESSION * max(0.0, _expression(shape) - _expression(neutral) - MISREAD)
        offset = figure.field.pivot[:2] - own.field.pivot[:2]
        reshape = (neutral - shape) * size * scale
        fills, lacks = _better_seen(own, figure, neutral), _better_seen(figure, own, neutral)
        beside = _beside(own, fills), _beside(figure, lacks)
        apart = float(degrees_between(look, looks[0]))
        turn = facing @ own_facing.T
        sides.append(SideView(view.name, own, offset, turn, reshape, look, handicap, fills, lacks, *beside, apart))
    return tuple(sides)


def with_lent_mouth(figure: Figure, identity: Identity) -> Figure:
    """The primary view's figure; if its picture does not show the inside of the mouth, with that of the bound view that
    shows most of it, as bright and as coloured as the primary view's skin."""
    if figure.mouth.shown is not None:
        return figure
    look = looking(figure.facing)
    near = [
        view
        for view in identity.views
        if view is not identity.view
        and degrees_between(looking(_pose(view, identity.neutral)[1]), look) < MOST_TURNED_MOUTH
    ]
    if not near:
        return figure
    view = max(near, key=lambda view: open_gap(view.points))
    picture = view.image.permute(2, 0, 1).float() / 255
    shown = shown_mouth(picture, view.points)
    if shown is None:
        return figure
    wanted, present = _skin_colour(_picture(figure), figure.landmarks), _skin_colour(picture, view.points)
    lit = replace(shown, picture=_gained(shown.picture, wanted, present))
    return replace(figure, mouth=replace(figure.mouth, shown=lit))


def mirrored(view: View) -> View:
    """The view as a mirror shows it, its points renamed: right is left."""
    width = view.image.shape[1]
    points = view.points[face_topology().mirror].clone()
    points[:, 0] = width - points[:, 0]
    return replace(
        view,
        name=f"{view.name} (mirrored)",
        image=view.image.flip(1).contiguous(),
        points=points,
        matte=view.matte.flip(1).contiguous(),
        body=None,
    )


def looking(facing: torch.Tensor) -> torch.Tensor:
    """Where heads with rotations [..., 3, 3] look: unit vectors [..., 3]."""
    return -facing[..., 2]


def degrees_between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Angle of unit vectors [..., 3]."""
    return torch.rad2deg((a * b).sum(-1).clamp(-1, 1).acos())


def view_shares(
    sides: tuple[SideView, ...], own_facing: torch.Tensor, rotation: torch.Tensor, frame_rate: float, cuts=()
) -> Shares:
    """How much of the head each side view draws in each frame.

    own_facing: float32 [3, 3], the primary view's head. rotation: float32 [T, 3, 3] relative to it. One view is chosen
    per frame; a change is faded over FADE_SECONDS, except at `cuts`.
    """
    look = looking(rotation @ own_facing)
    away = [degrees_between(look, looking(own_facing))]
    away += [degrees_between(look, side.looks) for side in sides]
    angle = torch.stack(away, 1)
    away = angle + angle.new_tensor([0.0, *(side.handicap for side in sides)])
    chosen = torch.zeros_like(away)
    current = int(away[0].argmin())
    for frame, row in enumerate(away):
        best = int(row.argmin())
        if frame in cuts or row[best] < row[current] - HYSTERESIS:
            current = best
        chosen[frame, current] = 1
    window = max(1, round(FADE_SECONDS * frame_rate)) // 2 * 2 + 1
    faded = []
    for start, stop in zip((0, *cuts), (*cuts, len(chosen)), strict=True):
        padded = F.pad(chosen[start:stop].T[None], (window // 2, window // 2), mode="replicate")
        faded.append(F.avg_pool1d(padded, window, 1)[0].T)
    faded = torch.cat(faded)
    apart = angle.new_tensor([side.apart for side in sides])
    return Shares(
        faded[:, 1:],
        faded[:, :1] * ease(apart - angle[:, 1:], *FILL_DEGREES),
        faded[:, 1:] * ease(apart - angle[:, :1], *FILL_DEGREES),
    )


def cover_of(figure: Figure, side: SideView, source, own_source, shares) -> torch.Tensor:
    """How much of a side view's head and hair is seen at each place of the output: float32 [B, h, w].

    source, own_source: float32 [B, h, w, 2] px, where the place lies in the primary view's picture and in this one's.
    shares: whole, fills, lacks [B] of `Shares`.
    """
    whole, fills, lacks = (value[:, None, None] for value in shares)
    hair = fills * _on(side.figure, side.beside, own_source) - lacks * _on(figure, side.beside_primary, source)
    head = _on(figure, figure.field.head, source) * _on(side.figure, side.figure.field.head, own_source)
    return (whole + hair).clamp(0, 1) * ease(head, 0.5, 0.9)


def _on(figure: Figure, values: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Values on a figure's nodes [h, w] at places [B, h, w, 2] px of its picture."""
    return sample_each(values[None, None].expand(len(source), -1, -1, -1), source / figure.field.step + 0.5)[:, 0]


def _expression(shape: torch.Tensor) -> float:
    """How far a face [478, 3] in head space is from rest: 1 for a full smile or a wide open mouth."""
    return sum(abs(amount) for amount in resting_controls(shape).values())


def _pose(view: View, neutral: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    size, facing, _ = (value[0] for value in head_pose(view.points[None], neutral))
    return size, facing


def _harmonised(figure: Figure, own: Figure) -> torch.Tensor:
    """The source [4, H, W] of a view, its skin as bright and as coloured as the primary view's."""
    wanted = _skin_colour(_picture(figure), figure.landmarks)
    present = _skin_colour(_picture(own), own.landmarks)
    return torch.cat([_gained(own.source[:3], wanted, present), own.source[3:]])


def _gained(colour: torch.Tensor, wanted: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Colours [3, h, w] with the gain that makes `present` [3] `wanted`; towards white it ends, nothing is burnt."""
    gain = ((wanted + 0.02) / (present + 0.02)).clamp(*GAIN_LIMITS)[:, None, None]
    return torch.where(gain > 1, 1 - (1 - colour.clamp(0, 1)).pow(gain), colour * gain)


def _picture(figure: Figure) -> torch.Tensor:
    return figure.source[:3] + (1 - figure.source[3:]) * figure.plate


def _skin_colour(picture: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Colour of the well-lit skin of a picture [3, H, W] with a face [478, 3]: float32 [3]."""
    colours = sample(picture, points[:468, :2])[:, _facing(points) > FACING[1]]
    return torch.quantile(colours, BRIGHT, dim=1) if colours.shape[1] else picture.mean((1, 2))


def _facing(points: torch.Tensor) -> torch.Tensor:
    """Cosine towards the camera of a face's points [478, 3] px: float32 [468]."""
    facing = vertex_facing(points[None, :468], regions.open_skin())[0]
    return facing * facing.mean().sign()


def _better_seen(figure: Figure, other: Figure, neutral: torch.Tensor) -> torch.Tensor:
    """How much of each point of the face `figure` sees well and `other` sees badly: float32 [478]."""
    wanted = ease(_facing(figure.landmarks), *FACING) * (1 - ease(_facing(other.landmarks), *GRAZING))
    wanted *= ease(angles(other.facing[None])[0, 0].abs(), *TURNED)
    near = torch.exp(-(torch.cdist(neutral[:468], neutral[:468]) / FILL_RADIUS_CM).square())
    return F.pad(near @ wanted / near.sum(1), (0, 10))


def _beside(figure: Figure, values: torch.Tensor) -> torch.Tensor:
    """Values at the face's points spread over the figure's nodes, beside the face from its nearest points: [h, w]."""
    field = figure.field
    unit = float((figure.landmarks[10, :2] - figure.landmarks[152, :2]).norm()) / CANONICAL_HEIGHT
    distance = torch.cdist(field.nodes.reshape(-1, 2), figure.landmarks[:468, :2]) / (FILL_RADIUS_CM * unit)
    pull = torch.exp(distance.amin(1, keepdim=True).square() - distance.square())
    return (pull @ values[:468] / pull.sum(1)).reshape(field.head.shape)
