"""A first RestoreFace: gives back detail where the face lost it against the bound identity, and only there.

The identity's texture is laid over the frame's face; where the frame has less local contrast in the fine band than
the texture has at the same size, the frame's own fine band is amplified up to the texture's level. Nothing is
painted in, so the face cannot turn into another one; pixels that need nothing stay bit-equal.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from .. import runtime
from ..errors import SettingError
from ..geometry import face_regions as regions
from ..geometry.raster import rasterise
from ..geometry.sampling import sample
from ..types import Identity, Progress, View

FINE_SIGMA = 1.2
"""px: the band that is restored lies below this Gaussian."""
LOST = 0.85
"""A place has lost detail when its fine contrast is under this share of the identity's."""
MOST_GAIN = 2.0


def restore_faces(
    frames: Iterator[torch.Tensor],
    identity: Identity,
    strength: float = 0.5,
    progress: Progress | None = None,
    total: int | None = None,
) -> Iterator[torch.Tensor]:
    """Batches uint8 [B, H, W, 3] in, the same out; pixels that lost nothing are bit-equal.

    strength: 0 (nothing changes) .. 1 (full detail of the identity). Raises SettingError outside that range.
    """
    from ...models.faces import face_landmarks, roi_from_detection, roi_from_landmarks

    if not 0 <= strength <= 1:
        raise SettingError(f"strength is {strength}; choose a value from 0 to 1.")
    runtime.place_networks()
    view = identity.view
    texture = view.image.permute(2, 0, 1).float() / 255
    region, done = None, 0
    for batch in frames:
        runtime.check_interrupted()
        out = batch
        for i in range(len(batch) if strength else 0):
            frame = batch[i]
            region = _find(frame, roi_from_detection) if region is None else region
            if region is None:
                continue
            points, presence = face_landmarks(frame[None], region[None])
            region = roi_from_landmarks(points)[0] if float(presence[0]) > 0.5 else None
            if region is None:
                continue
            if out is batch:
                out = batch.clone()
            out[i] = restore_frame(frame, points[0], texture, view, strength)
        yield out
        done += len(batch)
        if progress:
            progress(done, total or done)


def _find(frame, roi_from_detection):
    from ...models.faces import detect_faces

    found = detect_faces(frame[None])[0]
    if not found:
        return None
    return roi_from_detection(max(found, key=lambda box: box.width * box.height))


def restore_frame(
    frame: torch.Tensor, points: torch.Tensor, texture: torch.Tensor, view: View, strength: float
) -> torch.Tensor:
    """One frame uint8 [H, W, 3] with face points [478, 3] px; texture: float32 [3, h, w] of the view."""
    height, width = frame.shape[:2]
    low, high = points[:468, :2].amin(0), points[:468, :2].amax(0)
    x0, y0 = (max(0, int(v) - 4) for v in low)
    x1, y1 = min(width, int(high[0]) + 5), min(height, int(high[1]) + 5)
    if x1 - x0 < 16 or y1 - y0 < 16:
        return frame
    triangles = regions.open_skin()
    keep = torch.ones(1, len(triangles), dtype=torch.bool)
    local = points[None, :468, :2] - torch.tensor([x0, y0])
    hits = rasterise(local, points[None, :468, 2], triangles, keep, y1 - y0, x1 - x0)
    if not len(hits.pixel):
        return frame
    where = hits.interpolate(triangles, view.points[:468, :2])
    size = ((high - low).norm() / (view.points[:468, :2].amax(0) - view.points[:468, :2].amin(0)).norm()).item()
    reference = sample(_shrunk(texture, size), where * min(size, 1.0))
    crop = frame[y0:y1, x0:x1].permute(2, 0, 1).float() / 255
    expected = crop.clone()
    expected.view(3, -1)[:, hits.pixel] = reference
    covered = torch.zeros(y1 - y0, x1 - x0)
    covered.view(-1)[hits.pixel] = 1
    inner = 1 - F.max_pool2d(1 - covered[None, None], 9, 1, 4)[0, 0]
    own, wanted = _fine(crop), _fine(expected)
    have, want = _contrast(own), _contrast(wanted)
    lost = (1 - have / (LOST * want).clamp_min(1e-4)).clamp(0, 1) * inner
    gain = (want / have.clamp_min(1e-4) - 1).clamp(0, MOST_GAIN)
    change = strength * lost * gain * own
    result = frame.clone()
    restored = ((crop + change) * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    touched = lost > 0
    result[y0:y1, x0:x1][touched] = restored[touched]
    return result


def _shrunk(texture: torch.Tensor, scale: float) -> torch.Tensor:
    if scale >= 1:
        return texture
    size = (max(2, round(texture.shape[1] * scale)), max(2, round(texture.shape[2] * scale)))
    return F.interpolate(texture[None], size=size, mode="bilinear", antialias=True)[0]


def _fine(picture: torch.Tensor) -> torch.Tensor:
    from kornia.filters import gaussian_blur2d

    return picture - gaussian_blur2d(picture[None], (7, 7), (FINE_SIGMA, FINE_SIGMA))[0]


def _contrast(fine: torch.Tensor) -> torch.Tensor:
    """Local mean magnitude of the fine band in luma, [H, W]."""
    luma = (fine * fine.new_tensor([0.2126, 0.7152, 0.0722])[:, None, None]).sum(0).abs()
    return F.avg_pool2d(luma[None, None], 15, 1, 7, count_include_pad=False)[0, 0]
