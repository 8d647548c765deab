"""Face points that a user gives by name, for a face that no network finds.

"right_eye 210,180; left_eye 300,182; nose 255,230; mouth_right 220,270; mouth_left 290,271; chin 255,330"
"""

from __future__ import annotations

import difflib
import re

import torch

from ..errors import IdentityError

NAMES: dict[str, int | None] = {
    "right_eye": None, "right_eye_outer": 33, "right_eye_inner": 133, "right_eye_top": 159, "right_eye_bottom": 145,
    "left_eye": None, "left_eye_outer": 263, "left_eye_inner": 362, "left_eye_top": 386, "left_eye_bottom": 374,
    "nose": 1, "mouth": None, "mouth_right": 61, "mouth_left": 291, "mouth_top": 0, "mouth_bottom": 17, "chin": 152,
    "right_brow": None, "left_brow": None, "right_side": 234, "left_side": 454, "forehead": 10,
}  # fmt: skip
"""The points that can be given and the landmark of each, None = the middle of several."""
EXAMPLE = "right_eye 210,180; left_eye 300,182; mouth 255,270; chin 255,330"
LEAST_APART = 8.0
"""px between the middles of the eyes."""


def parse_face_points(text: str, width: int, height: int, picture: str) -> dict[str, torch.Tensor]:
    """Points by name, float32 [2] px (x, y), of a text like the one above; semicolons or lines separate points.

    Coordinates that are all at most 1 are parts of the picture's width and height. right_eye, left_eye, mouth and
    chin are in the result, from their corners where they are not given. picture: its name.
    Raises IdentityError for names that are not known, points that are missing, outside of the picture or swapped.
    """
    given = _split(text)
    relative = all(max(place) <= 1 for place in given.values())
    size = torch.tensor([width, height], dtype=torch.float32)
    points = {name: torch.tensor(place) * (size if relative else 1) for name, place in given.items()}
    for name, point in points.items():
        if not bool(((point >= 0) & (point <= size)).all()):
            raise IdentityError(
                f"face_points has {name} at {_place(given[name])} and {picture} is {width}x{height} px: give places "
                "inside the picture."
            )
    _complete(points)
    _check_order(points)
    return points


def _split(text: str) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for part in re.split(r"[;\n]+", text):
        if not part.strip():
            continue
        match = re.fullmatch(r"\s*([A-Za-z_ ]+?)\s*[:=]?\s*(-?\d*\.?\d+)\s*[, ]\s*(-?\d*\.?\d+)\s*", part)
        if not match:
            raise IdentityError(
                f"face_points has '{part.strip()}' where a name and two numbers are expected, such as 'chin 255,330'."
            )
        name = match[1].strip().lower().replace(" ", "_")
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            meant = f"; {near[0]} is meant perhaps" if near else ""
            raise IdentityError(
                f"face_points has the name '{name}', which is none of {', '.join(NAMES)}{meant}: correct it."
            )
        if name in found:
            raise IdentityError(f"face_points has {name} twice: give every point once.")
        found[name] = (float(match[2]), float(match[3]))
    return found


def _complete(points: dict[str, torch.Tensor]) -> None:
    """Middles from their corners, in place; what is not known then is missing."""
    for name, ends in (
        ("right_eye", ("right_eye_outer", "right_eye_inner")),
        ("left_eye", ("left_eye_outer", "left_eye_inner")),
        ("mouth", ("mouth_right", "mouth_left")),
    ):
        if name not in points and all(end in points for end in ends):
            points[name] = (points[ends[0]] + points[ends[1]]) / 2
    missing = [name for name in ("right_eye", "left_eye", "mouth", "chin") if name not in points]
    if missing:
        raise IdentityError(
            f"face_points lacks {' and '.join(missing)}: both eyes, the mouth (its middle or both corners) and the "
            f"chin are needed, such as '{EXAMPLE}'."
        )


def _check_order(points: dict[str, torch.Tensor]) -> None:
    across = points["left_eye"] - points["right_eye"]
    apart = float(across.norm())
    if apart < LEAST_APART:
        raise IdentityError(
            f"face_points has the eyes {apart:.0f} px apart and {LEAST_APART:.0f} px or more are needed: correct them "
            "or use a larger picture."
        )
    across = across / apart
    middle = (points["right_eye"] + points["left_eye"]) / 2
    down = torch.stack([-across[1], across[0]])
    for right, left in (("right_eye", "left_eye"), ("mouth_right", "mouth_left"), ("right_side", "left_side")):
        swapped = float((points["chin"] - middle) @ down) < 0
        if right in points and left in points:
            swapped = swapped or float((points[left] - points[right]) @ across) <= 0
        if swapped:
            raise IdentityError(
                f"face_points has {right} and {left} swapped: sides are the subject's, so {right} is on the left of "
                "the picture of a face that looks at you; exchange them."
            )
    mouth, chin = (float((points[name] - middle) @ down) for name in ("mouth", "chin"))
    if not 0 < mouth < chin:
        raise IdentityError(
            f"face_points has the mouth at {_place(points['mouth'].tolist())}, which does not lie between the eyes and "
            "the chin: correct the three."
        )


def _place(point) -> str:
    return ",".join(f"{value:g}" for value in point)
