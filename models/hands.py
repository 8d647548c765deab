"""Hands: detection of palms and the 21 points of a hand, in the picture and in metres.

Constants follow MediaPipe's public graph files (Apache-2.0): mediapipe/modules/palm_detection and
mediapipe/modules/hand_landmark. Coordinates: see crops.py.

    4 finger tips     8   12  16  20
                      |   |   |   |
    thumb tip 4       7   11  15  19
               \\      |   |   |   |
                3     6   10  14  18
                 \\    5 - 9 - 13- 17   knuckles
                  2 - 1 - 0            0 is the wrist
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .crops import check_regions, crop_regions, enlarge, to_picture, turn
from .detection import Box, Detector, run_detector, square_around
from .loading import load

DETECTOR = Detector("palm_detection", 192, ((8, 2), (16, 6)), low=0.0)
LANDMARK_SIZE = 224
Z_SCALE = 0.4  # normalize_z: the network's z is this much smaller than its x
PALM_SCALE, PALM_SHIFT = 2.6, -0.5  # from a palm to the whole hand, towards the fingers
HAND_SCALE, HAND_SHIFT = 2.0, -0.1  # from the stiff part of a hand to the whole
STIFF_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)  # points that move little when the fingers bend
BATCH = 8  # crops that run at once

FINGERS = {
    "thumb": (1, 2, 3, 4), "index": (5, 6, 7, 8), "middle": (9, 10, 11, 12), "ring": (13, 14, 15, 16),
    "little": (17, 18, 19, 20),
}  # fmt: skip


@dataclass(frozen=True)
class PalmBox(Box):
    """A detected palm. `rotation` is how far the middle finger's knuckle leans clockwise from above the wrist.

    keypoints [7, 2]: wrist, knuckles of index, middle, ring and little finger, the two lower joints of the thumb.
    """


@dataclass(frozen=True)
class HandLandmarks:
    """One hand in each of R regions; all on the CPU.

    points      float32 [R, 21, 3] x, y in picture pixels; z in the same unit, 0 at the wrist, smaller is nearer
    presence    float32 [R] 0..1 that there is a hand in the region; below 0.5 the rest means nothing
    right       float32 [R] 0..1 that it is the subject's RIGHT hand, if the picture is not mirrored
    world       float32 [R, 21, 3] metres, origin in the middle of the hand, x to picture right, y down, z away
    """

    points: Tensor
    presence: Tensor
    right: Tensor
    world: Tensor


def detect_palms(images: Tensor, *, min_score: float = 0.5) -> list[list[PalmBox]]:
    """Palms of every picture, best score first. images uint8 [B, H, W, 3] RGB.

    A palm smaller than about 1/12 of the picture's longer side is not found: cut out the arm first.
    """
    found = run_detector(DETECTOR, images, square_around(images), min_score)
    return [[_palm_box(*one) for one in zip(*whole, strict=True)] for (whole,) in found]


def _palm_box(points: Tensor, score: Tensor) -> PalmBox:
    low, high, keypoints = points[0], points[1], points[2:]
    up = keypoints[2] - keypoints[0]
    return PalmBox(
        centre=tuple(((low + high) / 2).tolist()),
        width=float(high[0] - low[0]),
        height=float(high[1] - low[1]),
        rotation=math.atan2(float(up[0]), -float(up[1])),
        score=float(score),
        keypoints=keypoints.clone(),
    )


def roi_from_detection(box: PalmBox) -> Tensor:
    """[5] the region (cx, cy, width, height, rotation) for `hand_landmarks`."""
    roi = torch.tensor([[*box.centre, box.width, box.height, box.rotation]])
    return enlarge(roi, PALM_SCALE, PALM_SHIFT)[0]


def roi_from_landmarks(points: Tensor) -> Tensor:
    """Regions for the next frame from the points of the last: [B, 21, 2 or 3] -> [B, 5].

    The box around the stiff part of the hand along its own axis, wrist -> knuckles, enlarged.
    """
    plane = points[..., :2]
    knuckles = (plane[:, 5] + plane[:, 13]) / 4 + plane[:, 9] / 2
    up = knuckles - plane[:, 0]
    angle = torch.atan2(up[:, 0], -up[:, 1])
    cos, sin = angle.cos(), angle.sin()
    axes = torch.stack((cos, -sin, sin, cos), 1).view(-1, 2, 2)  # hand axes -> picture axes
    upright = plane[:, STIFF_POINTS] @ axes
    low, high = upright.amin(1), upright.amax(1)
    centre = (axes @ ((low + high) / 2).unsqueeze(2)).squeeze(2)
    return enlarge(torch.cat((centre, high - low, angle[:, None]), 1), HAND_SCALE, HAND_SHIFT)


@torch.no_grad()
def hand_landmarks(images: Tensor, rois: Tensor, *, pictures: Tensor | None = None) -> HandLandmarks:
    """The points of the hand in every region.

    images      uint8 [B, H, W, 3] RGB
    rois        float [R, 5], see `roi_from_detection`
    pictures    integer [R] picture of each region; without it R = B, one region per picture
    """
    pictures = check_regions(images, rois, pictures)
    rois = rois.float().cpu()
    network, device, dtype = load("hand_landmarks")
    points, world = torch.empty(len(rois), 21, 3), torch.empty(len(rois), 21, 3)
    presence, right = torch.empty(len(rois)), torch.empty(len(rois))
    for start in range(0, len(rois), BATCH):
        part = slice(start, start + BATCH)
        crops = crop_regions(images.to(device), rois[part], LANDMARK_SIZE, pictures=pictures[part]) * (1 / 255)
        outputs = {name: value.float().cpu() for name, value in network(crops.to(dtype)).items()}
        some = outputs["landmarks"].view(-1, 21, 3) / LANDMARK_SIZE
        some[..., 2] /= Z_SCALE
        points[part] = to_picture(some, rois[part])
        world[part] = turn(outputs["world"].view(-1, 21, 3), rois[part, 4])
        presence[part] = outputs["presence"].flatten()
        right[part] = outputs["handedness"].flatten()
    return HandLandmarks(points, presence, right, world)
