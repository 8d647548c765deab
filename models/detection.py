"""What the three single-shot detectors share: anchors, decoding, suppression of double detections.

The constants follow MediaPipe's public graph files (Apache-2.0): mediapipe/modules/face_detection,
mediapipe/modules/pose_detection, mediapipe/modules/palm_detection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from .crops import check_images, crop_regions, to_picture
from .loading import load

OVERLAP = 0.3  # intersection over union from which two detections are one (min_suppression_threshold)
SCORE_CLIP = 100.0  # score_clipping_thresh
BATCH = 16  # regions that run at once

Candidates = tuple[Tensor, Tensor]  # points [n, 2 + K, 2], scores [n]


@dataclass(frozen=True)
class Detector:
    """A detector network.

    size     side of its square input
    layers   (stride, anchors per cell): anchors are ordered by layer, row, column, number
    low      its input range is low..1
    """

    network: str
    size: int
    layers: tuple[tuple[int, int], ...]
    low: float


@dataclass(frozen=True)
class Box:
    """A detection. x right, y down, in picture pixels with pixel centres at integer + 0.5.

    rotation    radians, from the picture's x axis towards its y axis; 0 for an upright subject
    score       0..1
    keypoints   float32 [K, 2]
    """

    centre: tuple[float, float]
    width: float
    height: float
    rotation: float
    score: float
    keypoints: Tensor


@cache
def _anchors(detector: Detector) -> Tensor:
    """[A, 2] anchor centres as fractions of the input; their size is fixed to the whole input."""
    parts = []
    for stride, count in detector.layers:
        cells = -(-detector.size // stride)
        centres = (torch.arange(cells) + 0.5) / cells
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        parts.append(torch.stack((x, y), 2).view(-1, 1, 2).expand(-1, count, -1).reshape(-1, 2))
    return torch.cat(parts)


def square_around(images: Tensor) -> Tensor:
    """[1, 5] the square with a picture of [B, H, W, 3] in its middle."""
    height, width = images.shape[1:3]
    side = max(height, width)
    return torch.tensor([[width / 2, height / 2, side, side, 0.0]])


@torch.no_grad()
def run_detector(detector: Detector, images: Tensor, rois: Tensor, min_score: float) -> list[list[Candidates]]:
    """Candidates in every region of every picture, as [picture][region].

    images uint8 [B, H, W, 3], rois [R, 5] the same regions for all -> (points [n, 2 + K, 2] in picture pixels: low and
    high corner of the box, keypoints; scores [n]), merged, best first, on the CPU.
    """
    check_images(images)
    pictures = torch.arange(len(images)).repeat_interleave(len(rois))
    everywhere = rois.repeat(len(images), 1)
    found: list[Candidates] = []
    for start in range(0, len(pictures), BATCH):
        part = slice(start, start + BATCH)
        found += _run_batch(detector, images, everywhere[part], pictures[part], min_score)
    return [found[start : start + len(rois)] for start in range(0, len(found), len(rois))]


def _run_batch(
    detector: Detector, images: Tensor, rois: Tensor, pictures: Tensor, min_score: float
) -> list[Candidates]:
    network, device, dtype = load(detector.network)
    low, high = int(pictures[0]), int(pictures[-1]) + 1
    used = images[low:high].to(device)
    crops = crop_regions(used, rois, detector.size, pictures=pictures - low, zero_outside=True)
    outputs = network((crops * ((1 - detector.low) / 255) + detector.low).to(dtype))
    raw = outputs["boxes"].float().cpu()
    scores = outputs["scores"].float().cpu().squeeze(2).clamp(-SCORE_CLIP, SCORE_CLIP).sigmoid()
    found = []
    for index in range(len(rois)):
        keep = (scores[index] >= min_score).nonzero().squeeze(1)
        values = raw[index, keep].unflatten(1, (-1, 2)) / detector.size
        anchors = _anchors(detector)[keep, None]
        centre, half = values[:, :1] + anchors, values[:, 1:2] / 2
        points = torch.cat((centre - half, centre + half, values[:, 2:] + anchors), 1)
        points = to_picture(points.view(1, -1, 2), rois[index : index + 1]).view(points.shape)
        found.append(merge(points, scores[index, keep]))
    return found


def overlaps(box: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection of a box [2, 2] (low, high corner) with boxes [n, 2, 2], over the union and over the smaller."""
    sides = (torch.minimum(box[1], others[:, 1]) - torch.maximum(box[0], others[:, 0])).clamp_min(0)
    common = sides.prod(1)
    area, areas = (box[1] - box[0]).prod(), (others[:, 1] - others[:, 0]).prod(1)
    tiny = 1e-9
    return common / (area + areas - common + tiny), common / (torch.minimum(area, areas) + tiny)


def merge(points: Tensor, scores: Tensor) -> Candidates:
    """Weighted suppression: candidates that overlap the best one become their mean, weighted by score; and so on.

    points [n, 2 + K, 2], scores [n] -> the same with m <= n, best first.
    """
    order = scores.argsort(descending=True)
    points, scores = points[order], scores[order]
    merged, best = [], []
    while len(scores):
        same = overlaps(points[0, :2], points[:, :2])[0] > OVERLAP
        same[0] = True
        weights = scores[same].view(-1, 1, 1)
        merged.append((points[same] * weights).sum(0) / weights.sum())
        best.append(scores[0])
        points, scores = points[~same], scores[~same]
    if not merged:
        return points, scores
    return torch.stack(merged), torch.stack(best)


def keep_best(points: Tensor, scores: Tensor, contained: float = 0.6) -> Tensor:
    """Indices, best first, of detections without a better one that overlaps them or contains most of them."""
    kept: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        if kept:
            union, smaller = overlaps(points[index, :2], points[kept, :2])
            if (union > OVERLAP).any() or (smaller > contained).any():
                continue
        kept.append(index)
    return torch.tensor(kept, dtype=torch.long)
