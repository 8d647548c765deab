"""Bodies: detection and the 33 joints, in the picture and in metres, with a mask of the person.

Constants follow MediaPipe's public graph files (Apache-2.0): mediapipe/modules/pose_detection and
mediapipe/modules/pose_landmark. Coordinates: see crops.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from .crops import check_regions, crop_regions, enlarge, to_picture, turn
from .detection import Box, Detector, run_detector, square_around
from .loading import load

DETECTOR = Detector("pose_detection", 224, ((8, 2), (16, 2), (32, 6)), low=-1.0)
LANDMARK_SIZE = 256
ROI_SCALE = 1.25
NETWORK_POINTS = 39  # the joints, then auxiliary ones
HIP_CENTRE, BODY_TOP = 33, 34  # auxiliary: middle of the hips, and a point that spans the circle around the body
HEATMAP_WINDOW = 7  # cells (kernel_size)
HEATMAP_LEAST = 0.5  # min_confidence_to_refine
BATCH = 8  # crops that run at once

# left and right are the subject's
JOINTS = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip


@dataclass(frozen=True)
class BodyBox(Box):
    """A detected person: the box is the one of the face, `rotation` how far the body leans clockwise.

    keypoints [4, 2]: middle of the hips, a point on the circle around the whole body above the head, middle of the
    shoulders, a point on the circle around the upper body.
    """


@dataclass(frozen=True)
class BodyLandmarks:
    """One person in each of R regions; all on the CPU.

    points      float32 [R, 33, 3] x, y in picture pixels; z in the same unit, 0 at the middle of the hips, smaller is
                nearer
    visibility  float32 [R, 33] 0..1 that the joint is in the picture and not hidden
    joint_presence  float32 [R, 33] 0..1 that the joint is in the picture, hidden or not
    presence    float32 [R] 0..1 that there is a person in the region
    world       float32 [R, 33, 3] metres, origin in the middle of the hips, x to picture right, y down, z away
    auxiliary   float32 [R, 2, 3] hip centre and body top, from which `roi_from_landmarks` makes the next region
    mask        float32 [R, H, W] 0..1 the person, or None
    """

    points: Tensor
    visibility: Tensor
    joint_presence: Tensor
    presence: Tensor
    world: Tensor
    auxiliary: Tensor
    mask: Tensor | None = None


def detect_bodies(images: Tensor, *, min_score: float = 0.5) -> list[list[BodyBox]]:
    """People of every picture, best score first. images uint8 [B, H, W, 3] RGB."""
    found = run_detector(DETECTOR, images, square_around(images), min_score)
    return [[_body_box(*one) for one in zip(*whole, strict=True)] for (whole,) in found]


def _body_box(points: Tensor, score: Tensor) -> BodyBox:
    low, high, keypoints = points[0], points[1], points[2:]
    up = keypoints[1] - keypoints[0]
    return BodyBox(
        centre=tuple(((low + high) / 2).tolist()),
        width=float(high[0] - low[0]),
        height=float(high[1] - low[1]),
        rotation=math.atan2(float(up[0]), -float(up[1])),
        score=float(score),
        keypoints=keypoints.clone(),
    )


def roi_from_detection(box: BodyBox) -> Tensor:
    """[5] the region (cx, cy, width, height, rotation) for `body_landmarks`."""
    return _roi(box.keypoints[None, 0], box.keypoints[None, 1])[0]


def roi_from_landmarks(body: BodyLandmarks) -> Tensor:
    """[B, 5] the regions for the next frame."""
    return _roi(body.auxiliary[:, 0, :2], body.auxiliary[:, 1, :2])


def _roi(centre: Tensor, top: Tensor) -> Tensor:
    """The square around the circle with this centre through `top`, 1.25 times as large, `top` upwards."""
    up = top - centre
    side = 2 * up.norm(dim=1)
    angle = torch.atan2(up[:, 0], -up[:, 1])
    return enlarge(torch.stack((centre[:, 0], centre[:, 1], side, side, angle), 1), ROI_SCALE)


@torch.no_grad()
def body_landmarks(
    images: Tensor, rois: Tensor, *, pictures: Tensor | None = None, with_mask: bool = False
) -> BodyLandmarks:
    """The joints of the person in every region.

    images      uint8 [B, H, W, 3] RGB
    rois        float [R, 5], see `roi_from_detection`
    pictures    integer [R] picture of each region; without it R = B, one region per picture
    with_mask   also the mask of the person, at the size of the picture
    """
    pictures = check_regions(images, rois, pictures)
    rois = rois.float().cpu()
    network, device, dtype = load("pose_landmarks")
    wanted = ("landmarks", "presence", "heatmaps", "world") + (("mask",) if with_mask else ())
    count, (height, width) = len(rois), images.shape[1:3]
    values, world = torch.empty(count, NETWORK_POINTS, 5), torch.empty(count, NETWORK_POINTS, 3)
    presence, mask = torch.empty(count), torch.empty(count, height, width) if with_mask else None
    for start in range(0, count, BATCH):
        part = slice(start, start + BATCH)
        crops = crop_regions(images.to(device), rois[part], LANDMARK_SIZE, pictures=pictures[part]) * (1 / 255)
        outputs = network(crops.to(dtype), wanted)
        some = outputs["landmarks"].float().cpu().view(-1, NETWORK_POINTS, 5)
        some[..., :3] /= LANDMARK_SIZE
        some[..., :2] = _refine(some[..., :2], outputs["heatmaps"].float().cpu())
        some[..., :3] = to_picture(some[..., :3], rois[part])
        values[part] = some
        world[part] = turn(outputs["world"].float().cpu().view(-1, NETWORK_POINTS, 3), rois[part, 4])
        presence[part] = outputs["presence"].float().cpu().flatten()
        if mask is not None:
            logits = outputs["mask"].float()
            for index in range(len(logits)):
                mask[start + index] = _mask(logits[index : index + 1], rois[start + index], height, width)
    joints = len(JOINTS)
    return BodyLandmarks(
        points=values[:, :joints, :3],
        visibility=values[:, :joints, 3].sigmoid(),
        joint_presence=values[:, :joints, 4].sigmoid(),
        presence=presence,
        world=world[:, :joints],
        auxiliary=values[:, [HIP_CENTRE, BODY_TOP], :3],
        mask=mask,
    )


def _refine(points: Tensor, heatmaps: Tensor) -> Tensor:
    """Points [B, N, 2] (fractions) moved to the centre of gravity of their heat map [B, N, h, w] near the point, where
    the map is sure of itself. A cell counts at its corner, as in the network's training."""
    batch, count, height, width = heatmaps.shape
    size = points.new_tensor([width, height])
    cells = (points * size).trunc().long()
    known = ((cells >= 0) & (cells < torch.tensor([width, height]))).all(2)
    radius = (HEATMAP_WINDOW - 1) // 2
    steps = torch.arange(-radius, radius + 1)
    columns, rows = cells[..., 0:1] + steps, cells[..., 1:2] + steps
    on_map = ((rows >= 0) & (rows < height)).unsqueeze(3) & ((columns >= 0) & (columns < width)).unsqueeze(2)
    place = rows.clamp(0, height - 1).unsqueeze(3) * width + columns.clamp(0, width - 1).unsqueeze(2)
    window = heatmaps.flatten(2).gather(2, place.flatten(2)).view(place.shape).sigmoid() * on_map
    total = window.sum((2, 3))
    x = (window.sum(2) * columns).sum(2) / total / width
    y = (window.sum(3) * rows).sum(2) / total / height
    sure = known & (window.amax((2, 3)) >= HEATMAP_LEAST)
    return torch.where(sure.unsqueeze(2), torch.stack((x, y), 2), points)


def _mask(logits: Tensor, roi: Tensor, height: int, width: int) -> Tensor:
    """Mask of a crop [1, 1, 256, 256] on its picture: [H, W], zero outside of the region, on the CPU."""
    cx, cy, side, _, angle = roi.tolist()
    cos, sin = 2 / side * math.cos(angle), 2 / side * math.sin(angle)
    x = torch.arange(width, device=logits.device) + (0.5 - cx)
    y = torch.arange(height, device=logits.device).unsqueeze(1) + (0.5 - cy)
    grid = torch.stack((x * cos + y * sin, y * cos - x * sin), 2).unsqueeze(0)
    return functional.grid_sample(logits.sigmoid(), grid, padding_mode="zeros", align_corners=False)[0, 0].cpu()
