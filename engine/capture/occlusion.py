"""Which regions of the face are hidden: by a hand, an object, hair or the border of the picture.

What was photographed at points of the skin is compared with what this face usually looks like there:

    picture --skin_colours--> [T, K, 3] --strangeness--> [T, K] --parts, hysteresis--> visibility [T, 8]

The points ride on the landmarks, so the comparison follows head and expression; the inside of the mouth and the eyes,
which change while nothing hides them, are not looked at.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F

from ...models.crops import crop_regions
from ...models.face_topology import face_topology
from ...models.faces import roi_from_landmarks
from ..geometry import face_regions as regions
from ..geometry.normals import vertex_normals
from ..geometry.pose import canonical_face, head_pose, rigid_indices, rotation_vector, unpose
from ..geometry.series import main_directions
from ..types import FACE_PARTS

SKIN_POINTS = 160
"""Points of the skin whose colour is kept: 480 bytes a frame."""
CROP = 64
"""Side of the face crop the colours are read from, px: coarse, so that noise and pores do not count."""
STRANGE = (1.8, 3.5)
"""Distance from the usual colour in units of the point's own habit at which a point starts to look covered, and is."""
HABIT = (0.022, 0.05)
"""No point's colour is taken for steadier or for wilder than this, 0..1: compression and shading change every skin."""
MOODS = 9
"""Three for the turn of the head, the rest for expressions: wrinkles and shading come and go with them."""
ODD_SHARE = 0.1
"""A frame with fewer strange points than this may teach what the face usually looks like."""
MOOD_PULL = 0.05
"""Ridge of the regression on them, as a share of the frames."""
ENTER, LEAVE = 0.42, 0.22
"""Strange share of a region's points from which it counts as hidden, and below which it is seen again."""
MARGIN_S = 0.05
"""A region counts as hidden this long before and after, at least one frame: the edge of a hand is blurred."""
FACING = (0.3, 0.55)
"""Cosine between skin and the line of sight under which a point is turned away, and from which it counts fully."""
SHORTEST_SHOT = 12
"""Frames; a shot under this has no usual look to compare with."""
SURE = 0.97
"""Presence from which the landmarks of a frame are trusted even where they jump."""
SLIP = 0.12
"""Least distance from the path between the frames around it, in face widths, of a face that slipped."""
UNDER_HAND = 0.6
"""How much a point under a tracked hand counts as hidden: hands also pass behind and beside the head."""
BONE_WIDTH = 0.3
"""Half the thickness of a finger in palm widths (joints 5 to 17), with its blur."""

# One or more points of each part; every other point of the mesh belongs to the part of the nearest of these.
_SEEDS = {
    "forehead": (10, 151, 9, 67, 297, 109, 338, 103, 332, 54, 284, 108, 337, 69, 299, 104, 333, 21, 251),
    "right_eye": (*regions.EYES[0][0], *regions.EYES[0][1], *regions.RIGHT_BROW, 230, 226, 35),
    "left_eye": (*regions.EYES[1][0], *regions.EYES[1][1], *regions.LEFT_BROW, 450, 446, 265),
    "nose": (168, 6, 197, 195, 5, 4, 1, 2, 48, 278, 98, 327, 198, 420, 122, 351),
    "right_cheek": (50, 205, 123, 117, 187, 147, 118, 101, 207, 213, 93, 132, 58, 116),
    "left_cheek": (280, 425, 352, 346, 411, 376, 347, 330, 427, 433, 323, 361, 288, 345),
    "mouth": (*regions.OUTER_LIP_UPPER, *regions.OUTER_LIP_LOWER, 164, 92, 322, 57, 287, 43, 273),
    "chin": (152, 148, 377, 176, 400, 199, 200, 175, 149, 378, 150, 379, 32, 262, 194, 418),
}


@cache
def part_of_point() -> torch.Tensor:
    """Index into FACE_PARTS of each face point, int64 [478]."""
    face = canonical_face()
    seeds = torch.tensor([point for part in FACE_PARTS for point in _SEEDS[part]])
    part = torch.tensor([index for index, part in enumerate(FACE_PARTS) for _ in _SEEDS[part]])
    return part[torch.cdist(face, face[seeds]).argmin(1)]


@cache
def part_weights() -> torch.Tensor:
    """How much each point belongs to each part, soft at their borders: float32 [478, 8], rows sum to 1."""
    face, part = canonical_face(), part_of_point()
    apart = torch.stack([torch.cdist(face, face[part == index]).amin(1) for index in range(len(FACE_PARTS))], 1)
    return torch.softmax(-((apart / 0.8) ** 2), 1)


@cache
def skin_points() -> torch.Tensor:
    """The points whose colour is kept, int64 [SKIN_POINTS], spread evenly; without eyes, lips' insides and contour."""
    lips = (regions.INNER_LIP_UPPER, regions.INNER_LIP_LOWER, *regions.LIP_UPPER_ROWS, *regions.LIP_LOWER_ROWS)
    left_out = {point for row in (*lips, *regions.EYES[0], *regions.EYES[1], regions.FACE_OVAL) for point in row}
    pool = torch.tensor([point for point in range(468) if point not in left_out])
    face = canonical_face()[pool]
    chosen = [0]
    apart = (face - face[0]).norm(dim=1)
    for _ in range(SKIN_POINTS - 1):  # farthest first
        chosen.append(int(apart.argmax()))
        apart = torch.minimum(apart, (face - face[chosen[-1]]).norm(dim=1))
    return pool[torch.tensor(chosen)].sort().values


def skin_colours(frames: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """frames: uint8 [B, H, W, 3]; points: float32 [B, 478, 3] px. Returns uint8 [B, SKIN_POINTS, 3] RGB."""
    rois = roi_from_landmarks(points)
    rois[:, 2:4] = rois[:, 2:4].clamp_min(8)
    crops = crop_regions(frames, rois, CROP)
    crops = F.avg_pool2d(crops, 3, 1, 1, count_include_pad=False)
    place = points[:, skin_points(), :2] - rois[:, None, :2]
    cos, sin = rois[:, None, 4].cos(), rois[:, None, 4].sin()
    along = torch.stack([place[..., 0] * cos + place[..., 1] * sin, place[..., 1] * cos - place[..., 0] * sin], -1)
    grid = 2 * along / rois[:, None, 2:4]
    found = F.grid_sample(crops, grid[:, None].to(crops.device), padding_mode="border", align_corners=False)
    return found[:, :, 0].transpose(1, 2).round().clamp(0, 255).to(torch.uint8).cpu()


def strangeness(colours: torch.Tensor, points: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """How far each skin point is from its usual look: float32 [T, K], 0 = usual, 1 = something else is there.

    colours: uint8 [T, K, 3] of one shot; points: float32 [T, 478, 3] px; known: bool [T] frames in which a face was
    found. Light is taken out first: each frame's typical face may be brighter, darker or lit from a side (a gain and
    a plane per channel, fitted without the points that do not agree). What then still follows the turning of the head
    and the strongest expressions belongs to the usual look as well.
    """
    value = colours.float() / 255
    strange = torch.zeros(value.shape[:2])
    if int(known.sum()) < SHORTEST_SHOT:
        return strange
    some = known.nonzero()[:, 0]
    some = some[:: max(1, len(some) // 600)]
    usual = value[some].median(0).values
    left = value - _lit(usual, value)
    usual = usual + left[some].median(0).values  # free of the light of its frames
    left = value - _lit(usual, value)
    first = _ratio(left, points, some, 3)
    # what hides a face also bends its landmarks: its expressions are learnt where it looks like itself
    odd = (first[some] > STRANGE[1]).float().mean(1)
    some = some[odd <= max(float(odd.quantile(0.5)), ODD_SHARE)]
    ratio = _ratio(left, points, some, MOODS)
    return torch.where(known[:, None], ((ratio - STRANGE[0]) / (STRANGE[1] - STRANGE[0])).clamp(0, 1), strange)


def _ratio(left: torch.Tensor, points: torch.Tensor, some: torch.Tensor, moods: int) -> torch.Tensor:
    """Distance of each point from its usual colour in units of its habit, [T, K]; both learnt in the frames `some`."""
    left = left - _following(left, _moods(points, some, moods), some)
    habit = 1.4826 * left[some].abs().median(0).values
    return (left / habit.clamp(*HABIT)).square().mean(2).sqrt()


def _moods(points: torch.Tensor, some: torch.Tensor, count: int) -> torch.Tensor:
    """Head turn and main expressions of each frame, [T, count], in units of their spread, never extreme."""
    pose = head_pose(points, canonical_face())
    turn = rotation_vector(pose[1])
    moods = turn
    if count > 3:
        shapes = unpose(points, *pose)[:, :468].flatten(1)
        shapes = shapes - shapes[some].median(0).values
        main, _ = main_directions(shapes[some], count - 3)
        moods = torch.cat([turn, shapes @ main], 1)
    moods = moods - moods[some].median(0).values
    spread = moods[some].abs().median(0).values.clamp_min(1e-4) * 1.5
    return (moods / spread).clamp(-2.5, 2.5)


def _following(left: torch.Tensor, moods: torch.Tensor, some: torch.Tensor) -> torch.Tensor:
    """The part of left [T, K, 3] that a robust linear regression on moods [T, M] explains."""
    target = left[some].permute(1, 0, 2)  # [K, N, 3]
    design = torch.cat([moods[some], torch.ones(len(some), 1)], 1)
    pull = MOOD_PULL * len(some) * torch.eye(design.shape[1])
    weight = torch.ones(target.shape[:2])
    answer = None
    for _ in range(4):
        weighted = design * weight[..., None]
        answer = torch.linalg.solve(weighted.transpose(1, 2) @ design + pull, weighted.transpose(1, 2) @ target)
        apart = (target - design @ answer).norm(dim=2)
        scale = apart.median(1, keepdim=True).values.clamp_min(0.01)
        weight = 1 / (1 + (apart / (2.5 * scale)).square()).square()
    return (torch.cat([moods, torch.ones(len(moods), 1)], 1) @ answer).permute(1, 0, 2)


def _lit(usual: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """The usual face [K, 3] in the light of each frame of value [T, K, 3]: robust regression on itself and a plane."""
    place = canonical_face()[skin_points(), :2] / 8
    basis = torch.cat([place, torch.ones(len(place), 1)], 1)
    design = torch.cat([usual.T[..., None], basis.expand(3, -1, -1)], 2)  # [3, K, 4]
    pull = 1e-2 * len(place) * torch.diag(torch.tensor([1.0, 0.05, 0.05, 0.0]))  # gain near 1, little slope
    rest = value - usual
    weight = torch.ones(value.shape[:2])
    fitted = rest
    for _ in range(5):
        weighted = design[None] * weight[:, None, :, None]
        normal = weighted.transpose(2, 3) @ design + pull + 1e-5 * torch.eye(4)
        answer = torch.linalg.solve(normal, weighted.transpose(2, 3) @ rest.transpose(1, 2)[..., None])
        fitted = (design @ answer)[..., 0].transpose(1, 2)
        apart = (rest - fitted).norm(dim=2)
        scale = apart.median(1, keepdim=True).values.clamp(0.01, 0.06)
        weight = 1 / (1 + (apart / (2 * scale)).square()).square()
    return usual + fitted


def visibility(
    colours: torch.Tensor,
    points: torch.Tensor,
    presence: torch.Tensor,
    frame_rate: float,
    width: int,
    height: int,
    *,
    cuts: tuple[int, ...] = (),
    hands: torch.Tensor | None = None,
    hands_seen: torch.Tensor | None = None,
) -> torch.Tensor:
    """How much of each of FACE_PARTS is seen, float32 [T, 8], steady in time; 0 where no face is known.

    colours: uint8 [T, SKIN_POINTS, 3] of `skin_colours`; points: float32 [T, 478, 3] px as the network gave them;
    presence: float32 [T] 0..1; cuts: first frames of the shots after the first one; hands: float32 [T, 2, 21, 3] px
    and hands_seen: [T, 2], where they are tracked. A frame in which the face slipped is hidden as a whole.
    """
    covered = _outside(points, width, height)
    if hands is not None and hands_seen is not None and bool((hands_seen > 0.5).any()):
        covered = torch.maximum(covered, UNDER_HAND * _under_hands(points, hands, hands_seen))
    bounds = (0, *cuts, len(points))
    parts = []
    for start, stop in zip(bounds, bounds[1:], strict=False):
        shot = slice(start, stop)
        known = presence[shot] > 0.5
        strange = strangeness(colours[shot], points[shot], known)
        score = _scores(strange, points[shot], covered[shot])
        seen = _steady(score, frame_rate)
        doubtful = (presence[shot] < SURE) | (seen < 0.5).any(1)
        seen[slipped(points[shot], known) & doubtful] = 0
        parts.append(torch.where(known[:, None], seen, torch.zeros(())))
    return torch.cat(parts)


def slipped(points: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Frames in which the landmarks leave the head's path and come back at once: bool [T].

    A point that is out for one frame shows in the second differences of its path as (-1/2, 1, -1/2); no head does.
    """
    out = torch.zeros(len(points), dtype=torch.bool)
    if len(points) < 5:
        return out
    index, weights = rigid_indices()
    middle = (points[:, index, :2] * weights[:, None]).sum(1) / weights.sum()
    bend = middle[1:-1] - (middle[2:] + middle[:-2]) / 2
    size = (points[1:-1, 454, :2] - points[1:-1, 234, :2]).norm(dim=1)
    here, before, after = bend[1:-1], bend[:-2], bend[2:]
    far = here.norm(dim=1)
    back = ((before * here).sum(1) < 0) & ((after * here).sum(1) < 0)
    out[2:-2] = back & (far > SLIP * size[1:-1]) & (far > before.norm(dim=1)) & (far > after.norm(dim=1))
    near = known.clone()
    near[1:] &= known[:-1]
    near[:-1] &= known[1:]
    return out & near


def _outside(points: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Points beyond the border of the picture, [T, 478]: 1, else 0."""
    x, y = points[..., 0], points[..., 1]
    return ((x < 0) | (y < 0) | (x > width) | (y > height)).float()


def _scores(strange: torch.Tensor, points: torch.Tensor, covered: torch.Tensor) -> torch.Tensor:
    """Hidden share of each part, frame by frame: [T, 8]."""
    part, facing = part_of_point(), _facing(points)
    score = torch.zeros(len(points), len(FACE_PARTS))
    for index in range(len(FACE_PARTS)):
        mine = part[skin_points()] == index
        looks = (strange * facing)[:, mine].sum(1) / facing[:, mine].sum(1).clamp_min(0.3 * int(mine.sum()))
        score[:, index] = torch.maximum(looks, covered[:, part == index].mean(1))
    return score


def _steady(score: torch.Tensor, frame_rate: float) -> torch.Tensor:
    """Visibility [T, 8] from hidden shares: with hysteresis and a margin in time, 1 outside of an occlusion."""
    reach = max(1, round(MARGIN_S * frame_rate))
    hidden, amount = (
        F.max_pool1d(value.T[None], 2 * reach + 1, 1, reach)[0].T for value in (_held(score).float(), score)
    )
    return 1 - hidden * (0.6 + 0.4 * (amount / ENTER).clamp(0, 1))


def _facing(points: torch.Tensor) -> torch.Tensor:
    """1 for skin points that look at the camera, 0 for those on the far side of a turned head: [T, SKIN_POINTS].

    What is photographed at a far point is hair or background as soon as a landmark is a little off.
    """
    summed = vertex_normals(points[:, :468], face_topology().triangles.long())
    normals = F.normalize(summed[:, skin_points()], dim=2)
    return ((normals[..., 2].abs() - FACING[0]) / (FACING[1] - FACING[0])).clamp(0, 1) * (
        normals[..., 2] * normals[..., 2].median(1, keepdim=True).values > 0
    )


def _held(score: torch.Tensor) -> torch.Tensor:
    """Hysteresis over time: bool [T, P], on from ENTER until under LEAVE, also backwards from where it came on."""
    above = score > LEAVE
    strong = score > ENTER
    out = strong.clone()
    for frames in (range(1, len(score)), range(len(score) - 2, -1, -1)):
        step = -1 if frames.step > 0 else 1
        for i in frames:
            out[i] |= above[i] & out[i + step]
    return out


def _under_hands(points: torch.Tensor, hands: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Face points [T, 478] that lie under the fingers or the palm of a hand: 1, else 0."""
    fingers = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (0, 9), (0, 13), (0, 17), (5, 9), (9, 13), (13, 17)]
    fingers += [(joint, joint + 1) for base in (5, 9, 13, 17) for joint in range(base, base + 3)]
    fingers += [(5, 17), (1, 5), (9, 17)]
    start, stop = (torch.tensor(ends) for ends in zip(*fingers, strict=True))
    under = torch.zeros(points.shape[:2])
    for hand in range(hands.shape[1]):
        for frame in (seen[:, hand] > 0.5).nonzero()[:, 0].tolist():
            joints = hands[frame, hand, :, :2]
            palm = float((joints[5] - joints[17]).norm().maximum((joints[0] - joints[9]).norm() * 0.6))
            a, bone = joints[start], joints[stop] - joints[start]
            reach = points[frame, :, None, :2] - a
            along = ((reach * bone).sum(2) / bone.square().sum(1).clamp_min(1e-6)).clamp(0, 1)
            apart = (reach - along[..., None] * bone).norm(dim=2).amin(1)
            under[frame] = torch.maximum(under[frame], (apart < BONE_WIDTH * palm).float())
    return under
