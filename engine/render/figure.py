"""One character made ready to be drawn: everything that depends on its picture alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from ..geometry import face_regions as regions
from ..geometry.ease import ease
from ..geometry.normals import vertex_normals
from ..geometry.pose import head_pose
from ..geometry.raster import rasterise
from ..types import Identity, View
from .eyes import Eyeball, build_eyeballs
from .head_field import HeadField, build_head_field
from .mouth import Mouth, build_mouth
from .plate import clean_plate

SKIN, MOUTH, RIGHT_EYE, LEFT_EYE = 0, 1, 2, 3


@dataclass(frozen=True)
class Figure:
    """A character in working resolution. Positions in px of `source`.

    source: float32 [4, H, W], the figure and its matte: RGB is what remains of the picture without the part of the
    plate that shows through, so that figure + (1 - matte) * plate is the picture exactly. plate: float32 [3, H, W].
    landmarks: float32 [478, 3] as found; points: the same with the softer depth that is drawn.
    triangles: int64 [F, 3] of skin, mouth opening and eye openings; layer: int64 [F] tells which.
    mesh_trust: float32 [478], 1 where the face mesh decides, 0 where the smooth field does (contour, grazing).
    orientation: float32 [F], sign of each triangle's area in the picture.
    light: what shades the head as it turns (see `light`); None = nothing.
    """

    source: torch.Tensor
    plate: torch.Tensor
    landmarks: torch.Tensor
    points: torch.Tensor
    triangles: torch.Tensor
    layer: torch.Tensor
    mesh_trust: torch.Tensor
    field: HeadField
    eyeballs: tuple[Eyeball, Eyeball]
    mouth: Mouth
    facing: torch.Tensor
    light: object | None = None

    @property
    def size(self) -> tuple[int, int]:
        """width, height px."""
        return self.source.shape[2], self.source.shape[1]

    @property
    def face_box(self) -> tuple[float, float, float]:
        """Centre x, centre y and height of the face, px."""
        face = self.points[:468, :2]
        middle = (face.amin(0) + face.amax(0)) / 2
        return float(middle[0]), float(middle[1]), float(face[:, 1].amax() - face[:, 1].amin())

    def to(self, device) -> Figure:
        """The same figure with its tensors on a device."""

        def moved(value):
            if isinstance(value, torch.Tensor):
                return value.to(device)
            if isinstance(value, tuple):
                return tuple(moved(item) for item in value)
            if hasattr(value, "__dataclass_fields__"):
                return replace(value, **{name: moved(getattr(value, name)) for name in value.__dataclass_fields__})
            return value

        return moved(self)


def build_figure(identity: Identity, scale: float = 1.0) -> Figure:
    """The identity's primary view at `scale` <= 1 of its own resolution, ready to be drawn."""
    return build_view_figure(identity.view, identity.neutral, scale)


def build_view_figure(view: View, neutral: torch.Tensor, scale: float = 1.0) -> Figure:
    """One view at `scale` times its own resolution. neutral: float32 [478, 3], the character's face in head space."""
    view = _scaled(view, scale)
    image = view.image.permute(2, 0, 1).float() / 255
    _, facing, _ = (value[0] for value in head_pose(view.points[None], neutral))
    skin = regions.open_skin()
    eyeballs = build_eyeballs(image, view.points)
    field = build_head_field(view, neutral, skin)
    trust = _mesh_trust(view.points, neutral, skin)
    points = view.points.clone()
    points[:, 2] = torch.lerp(field.depth_at(points[:, :2]), points[:, 2], trust)  # one depth where both draw
    triangles, layer = _with_openings(skin)
    plate = clean_plate(image, view.matte)
    matte = torch.maximum(view.matte, _face_cover(view, triangles, trust))
    return Figure(
        source=torch.cat([image - (1 - matte) * plate, matte[None]]).contiguous(),
        plate=plate,
        landmarks=view.points,
        points=points,
        triangles=triangles,
        layer=layer,
        mesh_trust=trust,
        field=field,
        eyeballs=eyeballs,
        mouth=build_mouth(image, view.points, eyeballs),
        facing=facing,
    )


def _scaled(view: View, scale: float) -> View:
    if abs(scale - 1) < 0.001:
        return view
    height, width = view.image.shape[:2]
    size = (max(2, round(height * scale)), max(2, round(width * scale)))
    factor = torch.tensor([size[1] / width, size[0] / height, size[1] / width])
    image = F.interpolate(view.image.permute(2, 0, 1)[None].float(), size=size, mode="bicubic", antialias=True)
    matte = F.interpolate(view.matte[None, None], size=size, mode="bilinear", antialias=True)[0, 0]
    body = view.body
    if body is not None:
        body = body.clone()
        body[:, :3] *= factor
    return replace(
        view,
        image=image[0].clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0),
        points=view.points * factor,
        matte=matte.clamp(0, 1),
        body=body,
    )


def _face_cover(view: View, triangles: torch.Tensor, trust: torch.Tensor) -> torch.Tensor:
    """The face is never transparent: float32 [H, W], 1 inside it, falling to 0 at its contour."""
    height, width = view.image.shape[:2]
    keep = torch.ones(1, len(triangles), dtype=torch.bool)
    hits = rasterise(view.points[None, :, :2], view.points[None, :, 2], triangles, keep, height, width)
    cover = torch.zeros(height * width)
    cover[hits.pixel] = (2 * hits.interpolate(triangles, trust[:, None])[:, 0]).clamp(0, 1)
    return cover.reshape(height, width)


def _with_openings(skin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The skin's triangles plus strips that fill the mouth and the eye openings, and the layer of each."""
    parts, layers = [skin], [torch.full((len(skin),), SKIN)]
    openings = ((MOUTH, regions.INNER_LIP_UPPER, regions.INNER_LIP_LOWER),) + tuple(
        (layer, *lids) for layer, lids in zip((RIGHT_EYE, LEFT_EYE), regions.EYES, strict=True)
    )
    for layer, upper, lower in openings:
        strip = []
        for i in range(len(upper) - 1):
            strip += [(upper[i], lower[i], lower[i + 1]), (upper[i], lower[i + 1], upper[i + 1])]
        strip = torch.tensor([t for t in strip if len(set(t)) == 3])
        parts.append(strip)
        layers.append(torch.full((len(strip),), layer))
    return torch.cat(parts), torch.cat(layers)


def vertex_facing(points: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    """Cosine between each vertex' normal and the viewer: [B, V] for points [B, V, 3]; 1 = towards the camera."""
    total = vertex_normals(points, triangles)
    return -total[..., 2] / total.norm(dim=-1).clamp_min(1e-9)


def _mesh_trust(points: torch.Tensor, neutral: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
    oval = neutral[list(regions.FACE_OVAL), :2]
    inner = ease(torch.cdist(neutral[:468, :2], oval).amin(1) / 1.2)
    sign = _front_sign(neutral, skin)
    facing = ((sign * vertex_facing(points[None, :468], skin)[0] - 0.08) / 0.25).clamp(0, 1)
    trust = torch.ones(478)
    trust[:468] = inner * facing
    return trust


def _front_sign(neutral: torch.Tensor, skin: torch.Tensor) -> float:
    """+1 when the mesh's winding makes `vertex_facing` positive on a face that looks at the camera, else -1."""
    return 1.0 if float(vertex_facing(neutral[None, :468], skin).mean()) > 0 else -1.0
