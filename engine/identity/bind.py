"""bind_identity: one or more pictures of a character -> Identity."""

from __future__ import annotations

from dataclasses import replace

import torch

from ...models import bodies, faces, matte
from .. import runtime
from ..errors import IdentityError
from ..types import Check, Identity, Progress, View
from .atlas import build_atlas
from .calm import calmness
from .checks import check_view, sharpness
from .coverage import view_angles
from .face_points import EXAMPLE, parse_face_points
from .hand_placed import place_face
from .likeness import Recogniser, compare
from .resting import resting_shape
from .shape import head_space, with_common_depth

LEAST_SIDE = 64
MODEL_SIDE = 1920
"""Longer pictures are searched for the face in a smaller copy; the picture itself keeps its resolution."""


def bind_identity(
    images: list[torch.Tensor],
    names: list[str] | None = None,
    progress: Progress | None = None,
    recogniser: Recogniser | None = None,
    face_points: str = "",
) -> Identity:
    """images: uint8 [H, W, 3] each. The best view is rendered; the others are checked and kept, those that show
    somebody else are left out (see `likeness`; recogniser: a network that compares them).

    face_points: where the face is in the first image (see `face_points`); it is looked for in the others.

    Raises IdentityError when there is no picture, one is tiny, no picture shows a face, or face_points is wrong.
    """
    if not images:
        raise IdentityError("No character image was given; connect at least one image with a visible face.")
    runtime.place_networks()
    names = names or [f"image {i + 1}" for i in range(len(images))]
    views, left_out = [], []
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        runtime.check_interrupted()
        view = _bind_view(image, name, face_points if number == 0 else "")
        if view is None:
            left_out.append(name)
        else:
            views.append(view)
        if progress:
            progress(number + 1, len(images))
    if not views:
        which = left_out[0] if len(left_out) == 1 else f"any of the {len(left_out)} images ({', '.join(left_out)})"
        raise IdentityError(
            f"No face was found in {which}; use a picture in which the character's face is visible, "
            "upright and at least 60 px high, or name a few points of a drawn one in face_points "
            f"('{EXAMPLE}')."
        )
    fitness = [_fitness(view) for view in views]
    same = compare(views, fitness, recogniser)
    views, fitness = [views[i] for i in same.keep], [fitness[i] for i in same.keep]
    primary = max(range(len(views)), key=lambda i: fitness[i])
    views = with_common_depth(views, primary)
    neutral = head_space(views[primary])
    report = _report(views, primary, left_out) | {"same_person": list(same.lines)}
    return Identity(tuple(views), primary, neutral, resting_shape(neutral), report, *build_atlas(views, primary))


def _bind_view(image: torch.Tensor, name: str, face_points: str = "") -> View | None:
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise IdentityError(
            f"The character image {name} is {width}x{height} px; use one whose short side has at least {LEAST_SIDE} px "
            "(512 or more is recommended)."
        )
    small, scale = _working_copy(image)
    notes = ()
    if face_points.strip():
        given = parse_face_points(face_points, width, height, name)
        points, read = place_face(small, {point: place * scale for point, place in given.items()})
        notes = (_placed_by_hand(read),)
    else:
        points = _find_face(small)
    if points is None:
        return None
    points = points / scale
    body = _find_body(small)
    if body is not None:
        body[:, :3] /= scale
    view = View(name, image, points, _matte(image, points), body)
    view = replace(view, covered=_hand_at_head(view))
    return replace(view, checks=(*notes, *check_view(view)))


def _placed_by_hand(read: bool) -> Check:
    how = "at the points given, where the landmark network finds it too" if read else "at the points given"
    return Check("face", "pass", how, "found or given")


def _working_copy(image: torch.Tensor) -> tuple[torch.Tensor, float]:
    scale = min(1.0, MODEL_SIDE / max(image.shape[:2]))
    if scale == 1.0:
        return image, 1.0
    size = (round(image.shape[0] * scale), round(image.shape[1] * scale))
    small = matte.shrink(image.permute(2, 0, 1)[None], size)[0]
    return (small * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous(), scale


def _find_face(image: torch.Tensor) -> torch.Tensor | None:
    """The landmarks [478, 3] of the largest face; the crop is refined until it agrees with its own landmarks."""
    for options in ({}, {"thorough": True, "min_score": 0.35}):
        boxes = sorted(faces.detect_faces(image[None], **options)[0], key=lambda b: -b.width * b.height * b.score)
        for box in boxes[:3]:
            region = faces.roi_from_detection(box)[None]
            kept = []
            for _ in range(6):
                points, presence = faces.face_landmarks(image[None], region)
                region = faces.roi_from_landmarks(points)
                kept.append(points[0])
            if float(presence[0]) > 0.4:
                return torch.stack(kept[2:]).mean(0)
    return None


def _find_body(image: torch.Tensor) -> torch.Tensor | None:
    found = bodies.detect_bodies(image[None])[0]
    if not found:
        return None
    body = bodies.body_landmarks(image[None], bodies.roi_from_detection(found[0])[None])
    if float(body.presence[0]) < 0.5:
        return None
    return torch.cat([body.points[0], body.visibility[0, :, None], body.joint_presence[0, :, None]], 1)


def _matte(image: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Person matte of the whole picture; for a small face also of a crop around it, which shows more hair."""
    height, width = image.shape[:2]
    whole = matte.person_matte(image[None], refine=True)[0]
    face = points[:468, :2]
    low, high = face.amin(0), face.amax(0)
    size = float((high - low).max())
    if size < 0.3 * max(height, width):
        x0, y0 = int(max(0, low[0] - 1.6 * size)), int(max(0, low[1] - 1.6 * size))
        x1, y1 = int(min(width, high[0] + 1.6 * size)), int(min(height, high[1] + 2.2 * size))
        crop = matte.person_matte(image[None, y0:y1, x0:x1].contiguous(), refine=True)[0]
        inset = _feather(y1 - y0, x1 - x0, 0.2 * size, (y0 > 0, y1 < height, x0 > 0, x1 < width))
        whole[y0:y1, x0:x1] += inset * (crop - whole[y0:y1, x0:x1])
    # faint traces are neither figure nor background: cut both ends of the matte
    return ((whole - 0.08) / 0.84).clamp(0, 1)


def _feather(height: int, width: int, border: float, sides) -> torch.Tensor:
    """1 inside, falling to 0 over `border` px at those sides (top, bottom, left, right) that are inside a picture."""
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    y = torch.minimum(rows if sides[0] else rows + border, (height - rows) if sides[1] else height - rows + border)
    x = torch.minimum(
        columns if sides[2] else columns + border, (width - columns) if sides[3] else width - columns + border
    )
    return (y / border).clamp(0, 1)[:, None] * (x / border).clamp(0, 1)[None]


def _fitness(view: View) -> float:
    """Frontal, large, sharp and calm views make the best primary."""
    yaw, pitch, _ = view_angles(view).tolist()
    face = view.points[:468, :2]
    size = float((face.amax(0) - face.amin(0)).max())
    frontal = max(0.0, 1 - abs(yaw) / 60) * max(0.0, 1 - abs(pitch) / 60)
    sharp = min(1.0, sharpness(view) / 0.02 + 0.3)
    return frontal * min(size, 512) ** 0.5 * sharp * calmness(view) * (0.4 if view.covered else 1.0)


def _hand_at_head(view: View) -> bool:
    if view.body is None:
        return False
    face = view.points[:468, :2]
    low, high = face.amin(0), face.amax(0)
    hands = view.body[15:23]
    near = (hands[:, :2] - (low + high) / 2).norm(dim=1) < 1.1 * (high - low).max()
    return bool((near & (hands[:, 3] > 0.5)).any())


def _report(views: list[View], primary: int, left_out: list[str]) -> dict:
    return {
        "primary": views[primary].name,
        "views": [
            {
                "name": view.name,
                "angles": [round(v, 1) for v in view_angles(view).tolist()],
                "rendered": number == primary,
                "checks": [check.line() for check in view.checks],
            }
            for number, view in enumerate(views)
        ],
        "left_out": left_out,
        "note": ""
        if len(views) == 1
        else f"{views[primary].name} gives body and background; the head is drawn from the view that fits its angle",
    }
