"""The skin of a character from all of its views, unwrapped over the face mesh.

    view -> texels (weight: facing, sharpness, nothing in front) -> colour of the main view -> one blend -> atlas
                                                                    what no view sees: the other half of the face

Texture positions are those of `face_topology().uv`, times SIDE, v down; the left of the atlas is the subject's right.
Eyes and mouth are layers of their own in the renderer: here they are filled from the skin around them.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ...models.face_topology import face_topology
from ..geometry.ease import ease
from ..geometry.face_regions import open_skin
from ..geometry.fill import pull_push
from ..geometry.pose import canonical_face, head_pose
from ..geometry.raster import Hits, rasterise
from ..geometry.sampling import sample
from ..types import View
from .checks import sharpness
from .shape import seen

SIDE, WORK = 1024, 512
"""Texels of the atlas, and of the grid on which its weights and the places in the pictures are computed."""
POWER = 6
"""Of the cosine between the skin and the viewer in a texel's weight: the frontal view of two wins clearly."""
SEEN = (0.15, 0.6)
"""Cosine at which a texel has confidence 0 and 1: below the first its pixels are stretched six times."""
HIDDEN_CM = (0.3, 0.8)
"""Depth behind the nearest skin at which a texel is seen fully and not at all."""
MIRRORED = 2e-4
"""Weight of the other half of the face: it takes over where a view sees skin at a cosine below 0.25."""
MIRRORED_CONFIDENCE = 0.3
LEAST_SEEN = 0.03
"""Confidence below which a texel is filled from its neighbourhood, softly."""
WANTED_SHARPNESS, WANTED_HEIGHT = 0.006, 160.0
"""What a picture's check asks for (see `checks`); less lowers the confidence."""
COARSE, BRIGHT = 64, 0.7
GAIN, LOCAL_GAIN = (0.6, 1.6), (0.8, 1.25)
"""Limits of the gain that makes a view's well-lit skin (quantile BRIGHT) as bright as the main view's, and of the
smooth one on top of it: a wider one burns skin that lies in shadow in one picture and in the sun in the other."""
_TINY = 1e-9


class Atlas(NamedTuple):
    """colour: uint8 [SIDE, SIDE, 3]. confidence: uint8 [SIDE, SIDE], 255 where a view sees the skin well, at most 77
    where it is taken from the other half of the face, 0 where it is only filled."""

    colour: torch.Tensor
    confidence: torch.Tensor


class _Layer(NamedTuple):
    """colour: float32 [3, SIDE, SIDE]; weight, confidence: float32 [WORK, WORK]."""

    colour: torch.Tensor
    weight: torch.Tensor
    confidence: torch.Tensor


def build_atlas(views: tuple[View, ...] | list[View], primary: int) -> Atlas:
    """The atlas of a character; a view with a hand at the head counts only where no other sees the skin."""
    order = [primary, *(number for number in range(len(views)) if number != primary)]
    layers = [_unwrapped(views[number], 1e-3 if views[number].covered else 1.0) for number in order]
    layers = [layers[0], *(_harmonised(layer, layers[0]) for layer in layers[1:])]
    weight = sum(layer.weight for layer in layers)
    confidence = torch.stack([layer.confidence for layer in layers]).amax(0)
    fused = _Layer(_blended(layers), weight, confidence)
    other = _harmonised(_Layer(*(part.flip(-1) for part in fused)), fused)
    other = other._replace(weight=MIRRORED * other.weight)
    colour = _blended([fused, other])
    confidence = torch.maximum(confidence, MIRRORED_CONFIDENCE * other.confidence)
    known = (confidence / LEAST_SEEN).clamp(0, 1) * _texels().mask
    confidence = _enlarged(confidence * _texels().mask)
    return Atlas(
        (_filled(colour, known) * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous(),
        (confidence * 255).round().to(torch.uint8),
    )


def halves_seen(confidence: torch.Tensor) -> tuple[float, float]:
    """How much of the subject's right and left half of the face the views themselves show, 0..1."""
    skin = _enlarged(_texels().mask) > 0.5
    shown = skin & (confidence > 255 * MIRRORED_CONFIDENCE + 1)
    middle = SIDE // 2
    halves = (slice(0, middle), slice(middle, SIDE))
    right, left = (float(shown[:, half].sum() / skin[:, half].sum()) for half in halves)
    return right, left


class _Texels(NamedTuple):
    """hits: the mesh on the work grid; mask: float32 [WORK, WORK], 1 on skin."""

    hits: Hits
    mask: torch.Tensor


@cache
def _texels() -> _Texels:
    triangles = open_skin()
    keep = torch.ones(1, len(triangles), dtype=torch.bool)
    hits = rasterise(face_topology().uv[None] * WORK, torch.zeros(1, 468), triangles, keep, WORK, WORK)
    mask = torch.zeros(WORK * WORK)
    mask[hits.pixel] = 1
    return _Texels(hits, mask.view(WORK, WORK))


def _on_texels(values: torch.Tensor) -> torch.Tensor:
    """Values at the face's points [468, C] on the work grid, [C, WORK, WORK]; beside the skin they go on."""
    hits, mask = _texels()
    plane = torch.zeros(WORK * WORK, values.shape[1])
    plane[hits.pixel] = hits.interpolate(open_skin(), values)
    return pull_push(plane.T.reshape(-1, WORK, WORK), mask)


def _unwrapped(view: View, share: float) -> _Layer:
    """A view's texels; `share` of their weight counts."""
    points = view.points[:468]
    facing = seen(view)[:468, None]
    place = _on_texels(torch.cat([points, facing], 1))
    picture = view.image.permute(2, 0, 1).float() / 255
    colour = sample(picture, _enlarged(place[:2]).permute(1, 2, 0))
    flat, cosine = place[:2].permute(1, 2, 0), place[3]
    height, width = view.image.shape[:2]
    inside = (flat >= 0).all(-1) & (flat[..., 0] <= width) & (flat[..., 1] <= height)
    # a matte may have holes in a face, and a contour may lie beside it: it decides only where the skin turns away
    free = torch.maximum(sample(view.matte[None], flat)[0], ease(cosine, 0.3, 0.6))
    visible = inside * free * (1 - _occlusion(view, flat, place[2])) * _texels().mask
    tall = float(points[:, 1].amax() - points[:, 1].amin())
    sharp = sharpness(view)
    quality = min(1.0, sharp / WANTED_SHARPNESS) * min(1.0, tall / WANTED_HEIGHT)
    weight = share * cosine.pow(POWER) * sharp * min(tall, SIDE) / SIDE * visible
    known = (weight > _TINY).float()
    return _Layer(_filled(colour, known), weight, ease(cosine, *SEEN) * quality * visible * (share**0.25))


def _occlusion(view: View, flat: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
    """How much of each texel other skin hides: float32 [WORK, WORK]. flat: [.., 2], depth: [..] px of the view."""
    points = view.points[:468]
    low = points[:, :2].amin(0)
    size = WORK / 2
    scale = size / float((points[:, :2].amax(0) - low).max().clamp_min(1))
    grid = int(size) + 1
    keep = torch.ones(1, len(open_skin()), dtype=torch.bool)
    hits = rasterise((points[None, :, :2] - low) * scale, points[None, :, 2], open_skin(), keep, grid, grid)
    nearest = torch.full((grid * grid,), 1e6)
    nearest[hits.pixel] = hits.interpolate(open_skin(), points[:, 2:])[:, 0]
    # the farthest of the neighbourhood: a rim is not hidden by its own slope
    nearest = F.max_pool2d(nearest.view(1, 1, grid, grid), 3, 1, 1)[0, 0]
    at = ((flat - low) * scale).long().clamp(0, grid - 1)
    centimetre = float(head_pose(view.points[None], canonical_face())[0])
    return ease((depth - nearest[at[..., 1], at[..., 0]]) / centimetre, *HIDDEN_CM)


def _harmonised(layer: _Layer, main: _Layer) -> _Layer:
    """The layer with its skin as bright and as coloured as the main one's, in the low band."""
    ours, theirs = _small(layer.colour), _small(main.colour)
    own, other = _small(layer.confidence[None])[0], _small(main.confidence[None])[0]
    both = torch.minimum(own, other)
    if float(both.sum()) < 0.01 * COARSE * COARSE:  # they share next to nothing: the skin of each for itself
        return layer._replace(colour=_gained(layer.colour, _gain(ours, own, theirs, other)))
    gain = _gain(ours, both, theirs, both)
    lit = _gained(ours, gain)
    ratio = _smooth(theirs * both) / _smooth(lit * both).clamp_min(1e-4)
    # where both see the skin, and fading away from there
    trust = _smooth(both[None])
    trust = trust / (trust + 0.1)
    local = 1 + (ratio.clamp(*LOCAL_GAIN) - 1) * trust
    local = F.interpolate(local[None], size=(SIDE, SIDE), mode="bicubic", align_corners=False)[0]
    return layer._replace(colour=_gained(layer.colour, gain * local))


def _gain(ours, our_share, theirs, their_share) -> torch.Tensor:
    wanted, present = _bright(theirs, their_share), _bright(ours, our_share)
    return ((wanted + 0.02) / (present + 0.02)).clamp(*GAIN)[:, None, None]


def _bright(colour: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Colour [3] of the well-lit skin of a small layer, of the texels that are seen best."""
    chosen = share > min(0.3, 0.7 * float(share.max()))
    return torch.quantile(colour[:, chosen], BRIGHT, dim=1) if bool(chosen.any()) else colour.mean((1, 2))


def _gained(colour: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """Towards white a gain ends, nothing is burnt."""
    return torch.where(gain > 1, 1 - (1 - colour.clamp(0, 1)).pow(gain), colour * gain)


def _small(plane: torch.Tensor) -> torch.Tensor:
    return F.adaptive_avg_pool2d(plane[None], (COARSE, COARSE))[0]


def _smooth(plane: torch.Tensor) -> torch.Tensor:
    """Blurred over about an eighth of the atlas."""
    for _ in range(3):
        plane = F.avg_pool2d(F.pad(plane[None], (4, 4, 4, 4), mode="replicate"), 9, 1)[0]
    return plane


def _blended(layers: list[_Layer]) -> torch.Tensor:
    """Laplacian pyramid blend: float32 [3, SIDE, SIDE] (Burt and Adelson 1983, "A Multiresolution Spline")."""
    if len(layers) == 1:
        return layers[0].colour
    total = sum(layer.weight for layer in layers) + _TINY
    bands: list[torch.Tensor] = []
    for number, layer in enumerate(layers):
        share = layer.weight / total
        if not number:
            share = share + _TINY / total  # what nobody sees stays the first one's
        share, colour, level = _enlarged(share)[None], layer.colour, 0
        while True:
            last = colour.shape[-1] <= 16
            below = None if last else F.avg_pool2d(colour[None], 2)[0]
            band = colour if last else colour - _doubled(below)
            if number:
                bands[level].addcmul_(band, share)
            else:
                bands.append(band * share)
            if last:
                break
            colour, share, level = below, F.avg_pool2d(share[None], 2)[0], level + 1
    result = bands.pop()
    while bands:
        result = bands.pop() + _doubled(result)
    return result


def _doubled(plane: torch.Tensor) -> torch.Tensor:
    return F.interpolate(plane[None], scale_factor=2, mode="bilinear", align_corners=False)[0]


def _enlarged(plane: torch.Tensor) -> torch.Tensor:
    """[WORK, WORK] or [C, WORK, WORK] at the atlas' size."""
    planes = plane if plane.ndim == 3 else plane[None]
    return _doubled(planes).view(*plane.shape[:-2], SIDE, SIDE)


def _filled(colour: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Colours [3, SIDE, SIDE], smoothly filled where `known` [WORK, WORK] is 0."""
    if bool((known > 0).all()) or not bool((known > 0).any()):
        return colour
    small = pull_push(F.avg_pool2d(colour[None], 2)[0], known)
    return torch.lerp(_doubled(small), colour, _enlarged(known))
