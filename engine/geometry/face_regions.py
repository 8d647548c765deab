"""Groups of face points that the engine works with; single lists and sides are explained in models.face_topology."""

# ruff: noqa: F401
from functools import cache

import torch

from ...models.face_topology import (
    CHIN,
    FACE_OVAL,
    FOREHEAD_TOP,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_BROW_LOWER,
    LEFT_BROW_UPPER,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    NOSE_TIP,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_BROW_LOWER,
    RIGHT_BROW_UPPER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    face_topology,
)

# fmt: off
# The lips have two rows of points between the inner and the outer contour, here from the inside out.
LIP_UPPER_ROWS = (
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
)
LIP_LOWER_ROWS = (
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
)
# fmt: on
MOUTH_CORNERS = (61, 291)
RIGHT_BROW = RIGHT_BROW_UPPER + RIGHT_BROW_LOWER
LEFT_BROW = LEFT_BROW_UPPER + LEFT_BROW_LOWER
EYES = ((RIGHT_EYE_UPPER, RIGHT_EYE_LOWER), (LEFT_EYE_UPPER, LEFT_EYE_LOWER))
EYE_CORNERS = ((33, 133), (263, 362))
"""(outer, inner) corner of the right and of the left eye."""
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
"""Centre, then the ring."""


@cache
def open_skin() -> torch.Tensor:
    """The face mesh without the triangles that close its mouth and its eyes: int64 [N, 3]."""
    triangles = face_topology().triangles.long()
    keep = torch.ones(len(triangles), dtype=torch.bool)
    for upper, lower in ((INNER_LIP_UPPER, INNER_LIP_LOWER), *EYES):
        ring = torch.tensor(sorted({*upper, *lower}))
        keep &= ~torch.isin(triangles, ring).all(1)
    return triangles[keep]
