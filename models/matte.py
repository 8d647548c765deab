"""Person matte: MediaPipe's selfie segmentation (Apache-2.0), and an edge refinement on the picture itself."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from .crops import check_images
from .loading import load

SIZE = 256  # side of the network's square input; the picture is squeezed into it (selfie_segmentation_cpu.pbtxt)
BATCH = 8  # pictures that run at once

# Guided filter: He, Sun, Tang, "Guided Image Filtering", 2013. Coefficients at low resolution: He, Sun, "Fast Guided
# Filter", 2015.
REFINE_SIZE = 512  # longer side, px, at which the coefficients are computed
REFINE_RADIUS = 6  # px at that size: three pixels of the network's mask
REFINE_EPSILON = 1e-4  # variance of a colour channel (0..1) below which the picture counts as flat


@torch.no_grad()
def person_matte(images: Tensor, *, refine: bool = False) -> Tensor:
    """How much of a pixel is person: float32 [B, H, W], 0..1, on the CPU.

    images  uint8 [B, H, W, 3] RGB
    refine  let the edge follow the picture (guided filter with colour), instead of the 256 x 256 mask made larger
    """
    check_images(images)
    parts = [_matte_batch(images[start : start + BATCH], refine) for start in range(0, len(images), BATCH)]
    return torch.cat(parts) if parts else torch.zeros(images.shape[:3])


def _matte_batch(images: Tensor, refine: bool) -> Tensor:
    network, device, dtype = load("person_matte")
    pictures = images.to(device).permute(0, 3, 1, 2)
    small = shrink(pictures, (SIZE, SIZE))
    mask = network(small.to(dtype))["mask"].float()
    size = pictures.shape[2:]
    if not refine:
        return functional.interpolate(mask, size, mode="bilinear", align_corners=False)[:, 0].cpu()
    return torch.cat([_refine(picture, part) for picture, part in zip(pictures.split(1), mask.split(1), strict=True)])


def shrink(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 [B, 3, H, W] -> float32 [B, 3, *size], 0..1, bilinear over the whole area of a target pixel."""
    if pictures.device.type != "cpu":
        pictures = pictures.float()  # the uint8 kernel exists on the CPU only
    small = functional.interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=True)
    return small.float().mul_(1 / 255)


def _refine(picture: Tensor, mask: Tensor) -> Tensor:
    """uint8 [1, 3, H, W] picture and float [1, 1, h, w] mask -> [1, H, W] on the CPU.

    In every window the matte is an affine function of the colour, fitted to the mask; the functions' coefficients are
    averaged, made larger and applied to the full picture.
    """
    height, width = picture.shape[2:]
    scale = min(REFINE_SIZE / max(height, width), 1.0)
    size = (max(round(height * scale), 1), max(round(width * scale), 1))
    guide = shrink(picture, size)
    target = functional.interpolate(mask, size, mode="bilinear", align_corners=False)
    mean_guide, mean_target = _box(guide), _box(target)
    covariance = _box(guide * target) - mean_guide * mean_target
    first, second = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]  # the six different products of two colour channels
    spread = _box(guide[:, first] * guide[:, second]) - mean_guide[:, first] * mean_guide[:, second]
    slope = _solve(spread, covariance)
    offset = mean_target - (slope * mean_guide).sum(1, keepdim=True)
    planes = _box(torch.cat((slope, offset), 1))
    planes = functional.interpolate(planes, (height, width), mode="bilinear", align_corners=False)
    matte = torch.addcmul(planes[:, 3], planes[:, 0], picture[:, 0] / 255)
    for channel in (1, 2):
        matte.addcmul_(planes[:, channel], picture[:, channel] / 255)
    return matte.clamp_(0, 1).cpu()


def _box(x: Tensor) -> Tensor:
    """Mean over the window; at the border over its part inside the picture.

    Two convolutions, because average pooling is ten times slower on a CPU.
    """
    channels, (height, width) = x.shape[1], x.shape[2:]
    radius, window = REFINE_RADIUS, 2 * REFINE_RADIUS + 1
    x = x.contiguous(memory_format=torch.channels_last)
    column = x.new_ones(channels, 1, window, 1)
    x = functional.conv2d(x, column, padding=(radius, 0), groups=channels)
    x = functional.conv2d(x, column.mT.contiguous(), padding=(0, radius), groups=channels)
    return x / (_counts(height, x.device).view(-1, 1) * _counts(width, x.device))


def _counts(length: int, device: torch.device) -> Tensor:
    """How many of the window's pixels are inside, for every place along a side."""
    places = torch.arange(length, device=device)
    return 1 + places.clamp_max(REFINE_RADIUS) + places.flip(0).clamp_max(REFINE_RADIUS)


def _solve(spread: Tensor, covariance: Tensor) -> Tensor:
    """slope [1, 3, H, W] with (spread + epsilon) @ slope = covariance; spread [1, 6, H, W] is the upper triangle of a
    3 x 3 matrix for every pixel. By cofactors: the general solver is thirty times slower on so many small matrices."""
    rr, rg, rb, gg, gb, bb = spread.unbind(1)
    rr, gg, bb = rr + REFINE_EPSILON, gg + REFINE_EPSILON, bb + REFINE_EPSILON
    red = (gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb)
    green = (red[1], rr * bb - rb * rb, rb * rg - rr * gb)
    blue = (red[2], green[2], rr * gg - rg * rg)
    determinant = rr * red[0] + rg * red[1] + rb * red[2]
    x, y, z = covariance.unbind(1)
    return torch.stack([(row[0] * x + row[1] * y + row[2] * z) / determinant for row in (red, green, blue)], 1)
