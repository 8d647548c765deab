"""Faces: detection and the 478 landmarks.

Constants follow MediaPipe's public graph files (Apache-2.0): mediapipe/modules/face_detection and
mediapipe/modules/face_landmark. Coordinates: see crops.py. Names of the points: see face_topology.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from . import face_topology as topology
from .crops import check_regions, crop_regions, enlarge, to_picture
from .detection import Box, Candidates, Detector, keep_best, run_detector, square_around
from .loading import load

SHORT_RANGE = Detector("face_detection_short", 128, ((8, 2), (16, 6)), low=-1.0)
FULL_RANGE = Detector("face_detection_full", 192, ((4, 1),), low=-1.0)
LANDMARK_SIZE = 192
ROI_SCALE = 1.5
BATCH = 8  # crops that run at once

SMALLEST_TILE = 320  # px: full range finds faces from about 1/16 of a tile's side: 20 px
TILE_BORDER = 0.02  # a box nearer than this to the border of its tile, in tile sides, is a cut-off face
SURE = 0.75  # from this score a face is believed; below, the landmark network is asked
LEAST_PRESENCE = 0.5


@dataclass(frozen=True)
class FaceBox(Box):
    """A detected face. `rotation` is the angle of the line of the eyes.

    keypoints [6, 2]: the subject's right eye (picture left), left eye, nose tip, mouth, right ear, left ear.
    """


def detect_faces(images: Tensor, *, min_score: float = 0.5, thorough: bool = False) -> list[list[FaceBox]]:
    """Faces of every picture, best score first.

    images      uint8 [B, H, W, 3] RGB
    min_score   0..1, a candidate's least score
    thorough    also look through overlapping tiles down to 320 px, for faces from about 25 px; without it a face
                needs about 1/16 of the picture's longer side. About 5 ms a tile on a CPU; 1920 x 1080 has 34 tiles.

    A find with a doubtful score is kept only if the landmark network sees a face, too.
    """
    whole = square_around(images)
    short, full = (run_detector(detector, images, whole, min_score) for detector in (SHORT_RANGE, FULL_RANGE))
    found = [near + far for near, far in zip(short, full, strict=True)]
    if thorough:
        height, width = images.shape[1:3]
        if tiles := _tiles(height, width):
            tiled = run_detector(FULL_RANGE, images, torch.tensor(tiles), min_score)
            for candidates, parts in zip(found, tiled, strict=True):
                candidates += [_uncut(*part, tile, height, width) for part, tile in zip(parts, tiles, strict=True)]
    boxes = [_face_boxes(candidates) for candidates in found]
    return [_confirmed(images[index : index + 1], some) for index, some in enumerate(boxes)]


def _tiles(height: int, width: int) -> list[list[float]]:
    """Squares [cx, cy, side, side, 0] that cover the picture with half overlap, halved in size down to the smallest."""
    tiles, side = [], max(height, width) / 2
    while side >= SMALLEST_TILE:
        rows, columns = (max(math.ceil(2 * length / side) - 1, 1) for length in (height, width))
        for row in range(rows):
            cy = height / 2 if rows == 1 else side / 2 + (height - side) * row / (rows - 1)
            for column in range(columns):
                cx = width / 2 if columns == 1 else side / 2 + (width - side) * column / (columns - 1)
                tiles.append([cx, cy, side, side, 0.0])
        side /= 2
    return tiles


def _uncut(points: Tensor, scores: Tensor, tile: list[float], height: int, width: int) -> Candidates:
    """Without the boxes that the border of the tile cuts, unless it is the border of the picture."""
    cx, cy, side = tile[:3]
    low = torch.tensor([cx - side / 2, cy - side / 2])
    high = low + side
    margin = TILE_BORDER * side
    low_cut = (points[:, 0] < low + margin) & (low > 1)
    high_cut = (points[:, 1] > high - margin) & (high < torch.tensor([width - 1.0, height - 1.0]))
    keep = ~(low_cut | high_cut).any(1)
    return points[keep], scores[keep]


def _face_boxes(found: list[Candidates]) -> list[FaceBox]:
    points, scores = (torch.cat(column) for column in zip(*found, strict=True))
    return [_face_box(points[index], scores[index]) for index in keep_best(points, scores).tolist()]


def _face_box(points: Tensor, score: Tensor) -> FaceBox:
    low, high, keypoints = points[0], points[1], points[2:]
    eyes = keypoints[1] - keypoints[0]
    return FaceBox(
        centre=tuple(((low + high) / 2).tolist()),
        width=float(high[0] - low[0]),
        height=float(high[1] - low[1]),
        rotation=math.atan2(float(eyes[1]), float(eyes[0])),
        score=float(score),
        keypoints=keypoints.clone(),
    )


def _confirmed(image: Tensor, boxes: list[FaceBox]) -> list[FaceBox]:
    doubtful = [index for index, box in enumerate(boxes) if box.score < SURE]
    if not doubtful:
        return boxes
    rois = torch.stack([roi_from_detection(boxes[index]) for index in doubtful])
    _, presence = face_landmarks(image, rois, pictures=torch.zeros(len(doubtful), dtype=torch.long))
    wrong = {index for index, seen in zip(doubtful, presence.tolist(), strict=True) if seen < LEAST_PRESENCE}
    return [box for index, box in enumerate(boxes) if index not in wrong]


def roi_from_detection(box: FaceBox) -> Tensor:
    """[5] the region (cx, cy, width, height, rotation) for `face_landmarks`: the box, square, 1.5 times as large."""
    return enlarge(torch.tensor([[*box.centre, box.width, box.height, box.rotation]]), ROI_SCALE)[0]


def roi_from_landmarks(points: Tensor) -> Tensor:
    """Regions for the next frame from the points of the last: [B, 478, 3] (or more columns) -> [B, 5].

    The upright box around the mesh points, square, 1.5 times as large, turned with the outer corners of the eyes.
    """
    plane = points[:, : topology.MESH_POINTS, :2]
    low, high = plane.amin(1), plane.amax(1)
    eyes = plane[:, topology.LEFT_EYE_OUTER] - plane[:, topology.RIGHT_EYE_OUTER]
    angle = torch.atan2(eyes[:, 1], eyes[:, 0])
    return enlarge(torch.cat(((low + high) / 2, high - low, angle[:, None]), 1), ROI_SCALE)


@torch.no_grad()
def face_landmarks(images: Tensor, rois: Tensor, *, pictures: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The 478 points of the face in every region.

    images      uint8 [B, H, W, 3] RGB
    rois        float [R, 5] (cx, cy, width, height in px, rotation in radians), see `roi_from_detection`
    pictures    integer [R] picture of each region; without it R = B, one region per picture
    ->          points float32 [R, 478, 3]: x, y in picture pixels, z in the same unit, relative, smaller is nearer;
                presence float32 [R]: 0..1, that there is a face in the region. Both on the CPU.

    Lips, eyes and irises are those of the attention heads; their z is the mesh's, an iris has the mean z of its lids.
    """
    pictures = check_regions(images, rois, pictures)
    rois = rois.float().cpu()
    points, presence = torch.empty(len(rois), topology.POINTS, 3), torch.empty(len(rois))
    network, device, dtype = load("face_landmarks")
    for start in range(0, len(rois), BATCH):
        part = slice(start, start + BATCH)
        crops = crop_regions(images.to(device), rois[part], LANDMARK_SIZE, pictures=pictures[part]) * (1 / 255)
        outputs = {name: value.float().cpu() for name, value in network(crops.to(dtype)).items()}
        points[part] = to_picture(_refine(outputs) / LANDMARK_SIZE, rois[part])
        presence[part] = outputs["presence"].flatten().sigmoid()
    return points, presence


def _refine(outputs: dict[str, Tensor]) -> Tensor:
    """Mesh and attention heads of the network as [B, 478, 3] in crop pixels."""
    mesh = outputs["mesh"]
    batch = len(mesh)
    points = torch.zeros(batch, topology.POINTS, 3)
    points[:, : topology.MESH_POINTS] = mesh.view(batch, -1, 3)
    names = topology.face_topology()
    heads = (("lips", names.refined_lips), ("right_eye", names.refined_right_eye), ("left_eye", names.refined_left_eye))
    for name, places in heads:
        points[:, places, :2] = outputs[name].view(batch, -1, 2)
    irises = (
        ("right_iris", topology.RIGHT_IRIS_CENTRE, topology.RIGHT_EYE),
        ("left_iris", topology.LEFT_IRIS_CENTRE, topology.LEFT_EYE),
    )
    for name, centre, lids in irises:
        points[:, centre : centre + 5, :2] = outputs[name].view(batch, -1, 2)
        points[:, centre : centre + 5, 2] = points[:, lids, 2].mean(1, keepdim=True)
    return points
