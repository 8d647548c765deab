"""The names of the 478 face points and the mesh over the first 468.

Sides are the SUBJECT's: `RIGHT_EYE` is the subject's right eye, which is on the LEFT of an unmirrored picture of a face
that looks at the camera. Every list that runs across the face runs from the left of such a picture to its right, that
is from the subject's right to the subject's left:

    picture x  ->
          RIGHT_BROW            LEFT_BROW
          RIGHT_EYE  33 .. 133   362 .. 263  LEFT_EYE
                         NOSE_TIP 1
                  MOUTH 61 .......... 291

Points 468..472 are the iris of the right eye (33 .. 133), 473..477 of the left eye: centre, then the ring at picture
right, top, picture left, bottom.

The mesh is MediaPipe's canonical face model (Apache-2.0); the index lists are read off it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

DATA = Path(__file__).parent / "data" / "face_topology.safetensors"

POINTS = 478
MESH_POINTS = 468

# Mouth, corner 61 -> corner 291. Upper and lower lists of a contour share their two ends.
OUTER_LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LIP_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_LIPS = OUTER_LIP_UPPER + OUTER_LIP_LOWER[-2:0:-1]  # closed, clockwise in the picture
INNER_LIPS = INNER_LIP_UPPER + INNER_LIP_LOWER[-2:0:-1]
RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER = 61, 291

# Lid contours; the two ends are the corners of the eye.
RIGHT_EYE_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_EYE_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_EYE_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
LEFT_EYE_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
RIGHT_EYE = RIGHT_EYE_UPPER + RIGHT_EYE_LOWER[-2:0:-1]
LEFT_EYE = LEFT_EYE_UPPER + LEFT_EYE_LOWER[-2:0:-1]
RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER = 33, 133, 362, 263

RIGHT_IRIS_CENTRE, LEFT_IRIS_CENTRE = 468, 473
RIGHT_IRIS = (469, 470, 471, 472)
LEFT_IRIS = (474, 475, 476, 477)

RIGHT_BROW_UPPER = (70, 63, 105, 66, 107)
RIGHT_BROW_LOWER = (46, 53, 52, 65, 55)
LEFT_BROW_UPPER = (336, 296, 334, 293, 300)
LEFT_BROW_LOWER = (285, 295, 282, 283, 276)

# Closed, clockwise in the picture, from the middle of the hair line.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

NOSE_TIP = 1
NOSE_BRIDGE = (168, 6, 197, 195, 5, 4, 1)  # between the eyes -> tip
NOSE_BASE = 2
RIGHT_NOSTRIL_WING, LEFT_NOSTRIL_WING = 48, 278
CHIN = 152
FOREHEAD_TOP = 10
RIGHT_CHEEK, LEFT_CHEEK = 50, 280
RIGHT_JAW, LEFT_JAW = 172, 397
RIGHT_FACE_SIDE, LEFT_FACE_SIDE = 234, 454


@dataclass(frozen=True)
class FaceTopology:
    """The face mesh (N = 898 triangles over 468 points).

    triangles   int32 [N, 3]    point indices, counter-clockwise when seen from the front with y up
    canonical   float32 [468, 3] cm; x to the subject's left (picture right), y up, z towards the viewer
    uv          float32 [468, 2] texture position 0..1, v down
    mirror      int32 [478]     the point on the other side of the face; an involution
    refined_lips, refined_right_eye, refined_left_eye   int32 [80], [71], [71]
                                mesh points that the attention heads of the landmark network replace, in their order
    """

    triangles: Tensor
    canonical: Tensor
    uv: Tensor
    mirror: Tensor
    refined_lips: Tensor
    refined_right_eye: Tensor
    refined_left_eye: Tensor


@cache
def face_topology() -> FaceTopology:
    """The mesh, loaded once. The tensors are shared: do not write into them."""
    return FaceTopology(**load_file(DATA))
