"""Heads whose pose and expression are known exactly: a face mesh with a portrait's skin on a skull with hair.

They are drawn by a renderer of their own (mesh and z-buffer, no part of engine.render), so that what the engine
predicts can be compared with what it never saw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.face_rig import rig_delta
from motion_control.engine.geometry.raster import rasterise
from motion_control.engine.geometry.sampling import sample

SKULL = ((0.0, -2.0, 4.6), (7.4, 10.2, 8.4))
RINGS, SECTORS = 24, 48
OVERSAMPLED = 2


@pytest.fixture(scope="session")
def authored():
    """Makes heads (`AuthoredHead.of(identity, hair colour)`) and the rotations `yaw(degrees)`."""
    return SimpleNamespace(head=AuthoredHead.of, yaw=yaw)


@dataclass(frozen=True)
class AuthoredHead:
    """neutral: float32 [478, 3] cm in head space. picture: float32 [3, H, W]; points: float32 [478, 2] px, where the
    skin is taken from. hair: float32 [3]."""

    neutral: torch.Tensor
    picture: torch.Tensor
    points: torch.Tensor
    hair: torch.Tensor

    @staticmethod
    def of(identity, hair) -> AuthoredHead:
        view = identity.view
        return AuthoredHead(
            identity.neutral, view.image.permute(2, 0, 1).float() / 255, view.points[:, :2], torch.tensor(hair)
        )

    def posed(self, rotation: torch.Tensor, size: int, controls: dict[str, float] | None = None) -> torch.Tensor:
        """Face points [478, 3] px in a square picture of `size` px; rotation: float32 [3, 3]."""
        shape = self.neutral
        if controls:
            shape = shape + rig_delta(shape, {name: torch.tensor([value]) for name, value in controls.items()})[0]
        return _place(shape, rotation, size)

    def draw(self, rotation: torch.Tensor, size: int, controls: dict[str, float] | None = None) -> torch.Tensor:
        """The head before a plain wall: uint8 [size, size, 3]. Mouth and eyes are open holes with plain insides."""
        big = size * OVERSAMPLED
        face = self.posed(rotation, big, controls)
        skin = regions.open_skin()
        inside = _openings()
        skull, shade = _skull(self.hair)
        skull_px = _place(skull, rotation, big)
        skull_faces = _sphere_triangles() + 478
        points = torch.cat([face, skull_px])
        triangles = torch.cat([skin, *inside, skull_faces])
        kind = torch.cat(
            [torch.zeros(len(skin)), torch.ones(len(inside[0])), torch.full((len(inside[1]),), 2.0),
             torch.full((len(skull_faces),), 3.0)]
        )  # fmt: skip
        keep = torch.ones(1, len(triangles), dtype=torch.bool)
        hits = rasterise(points[None, :, :2], points[None, :, 2], triangles, keep, big, big)
        texture = torch.cat([self.points, torch.zeros(len(skull), 2)])
        colour = sample(self.picture, hits.interpolate(triangles, texture))
        kinds = kind[hits.triangle]
        hair = hits.interpolate(triangles, torch.cat([torch.zeros(478, 3), shade])).T
        colour = torch.where(kinds == 1, torch.tensor([[0.25], [0.08], [0.08]]), colour)
        colour = torch.where(kinds == 2, self._eyes(hits, triangles), colour)
        colour = torch.where(kinds == 3, hair, colour)
        wall = torch.full((3, big * big), 0.62)
        wall[:, hits.pixel] = colour
        out = F.avg_pool2d(wall.view(1, 3, big, big), OVERSAMPLED)[0]
        return (out * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()

    def _eyes(self, hits, triangles) -> torch.Tensor:
        """The portrait's own eyes; what lies beyond their lids is not seen."""
        return sample(self.picture, hits.interpolate(triangles, torch.cat([self.points, torch.zeros(1500, 2)])))


def yaw(degrees: float) -> torch.Tensor:
    """A head turned to the right of the picture: float32 [3, 3]."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])


def _place(shape: torch.Tensor, rotation: torch.Tensor, size: int) -> torch.Tensor:
    return size / 30 * (shape @ rotation.T) + torch.tensor([size / 2, size / 2, 0.0])


def _openings() -> tuple[torch.Tensor, torch.Tensor]:
    def strip(upper, lower):
        found = []
        for i in range(len(upper) - 1):
            found += [(upper[i], lower[i], lower[i + 1]), (upper[i], lower[i + 1], upper[i + 1])]
        return torch.tensor([one for one in found if len(set(one)) == 3])

    mouth = strip(regions.INNER_LIP_UPPER, regions.INNER_LIP_LOWER)
    return mouth, torch.cat([strip(*lids) for lids in regions.EYES])


def _skull(hair: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Points [n, 3] cm and colours [n, 3] of an ellipsoid; the locks of its hair differ from side to side."""
    (centre, radii) = SKULL
    angle = torch.linspace(0, math.pi, RINGS)[:, None].expand(-1, SECTORS)
    around = (torch.arange(SECTORS) * 2 * math.pi / SECTORS).expand(RINGS, -1)
    unit = torch.stack([angle.sin() * around.cos(), -angle.cos(), angle.sin() * around.sin()], -1).reshape(-1, 3)
    locks = 0.75 + 0.25 * torch.sin(9 * around + 2 * angle).reshape(-1, 1) * (1 + 0.4 * unit[:, :1])
    return torch.tensor(centre) + unit * torch.tensor(radii), (hair * locks).clamp(0, 1)


def _sphere_triangles() -> torch.Tensor:
    ring, sector = torch.meshgrid(torch.arange(RINGS - 1), torch.arange(SECTORS), indexing="ij")
    a, b = ring * SECTORS + sector, ring * SECTORS + (sector + 1) % SECTORS
    c, d = a + SECTORS, b + SECTORS
    return torch.cat([torch.stack([a, b, c], -1).reshape(-1, 3), torch.stack([b, d, c], -1).reshape(-1, 3)])
