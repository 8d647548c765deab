"""The 68 face points of the dlib / iBUG annotation, and the two pupils, as points of the 478-point mesh.

    0..16 jaw from picture left to right, 17..21 and 22..26 brows, 27..30 bridge of the nose, 31..35 its base,
    36..41 and 42..47 eyes (from the outer / inner corner over the upper lid and back over the lower one),
    48..59 outer and 60..67 inner lips, clockwise from the picture's left corner, 68 right and 69 left pupil.

Sides are the subject's, who looks out of the picture: the first brow and the first eye are the right ones. Numbering:
Sagonas et al., "300 Faces in-the-Wild Challenge", 2013; the pupils as in OpenPose's 70 face key points. Points of the
mesh were chosen where the annotation asks for them; the jaw is the mesh's outline.
"""

from __future__ import annotations

import torch

# fmt: off
JAW = (127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356)
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
NOSE = (168, 197, 5, 4, 98, 97, 2, 326, 327)
RIGHT_EYE = (33, 160, 158, 133, 153, 144)
LEFT_EYE = (362, 385, 387, 263, 373, 380)
OUTER_LIPS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91)
INNER_LIPS = (78, 81, 13, 311, 308, 402, 14, 178)
PUPILS = (468, 473)
# fmt: on
FACE68 = JAW + BROWS + NOSE + RIGHT_EYE + LEFT_EYE + OUTER_LIPS + INNER_LIPS
FACE70 = FACE68 + PUPILS


def face_points_70(points: torch.Tensor) -> torch.Tensor:
    """Mesh points [..., 478, D] -> the 68 points and the right and left pupil [..., 70, D]."""
    return points[..., list(FACE70), :]
