"""Work on tiles: only the parts of a frame that the figure can touch are looked up, the still plate is copied.

A frame is cut into tiles of TILE x TILE px (the canvas is padded to whole tiles). The smooth map is known on a
coarse grid, one sample per MAP_STEP px at the middle of its cell, padded by two cells on every side, so that the
map of each tile is a small matrix product: weights [32, 8] @ patch [8, 8] @ weights^T.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch

TILE = 32
MAP_STEP = 8
PAD = 2
CELLS = TILE // MAP_STEP


@dataclass(frozen=True)
class Canvas:
    """Size of the output in px and in tiles."""

    width: int
    height: int

    @property
    def columns(self) -> int:
        return -(-self.width // TILE)

    @property
    def rows(self) -> int:
        return -(-self.height // TILE)

    def coarse_grid(self, device) -> torch.Tensor:
        """Middles of the padded coarse cells: float32 [rows * CELLS + 2 PAD, columns * CELLS + 2 PAD, 2] px."""
        x = (torch.arange(-PAD, self.columns * CELLS + PAD, device=device) + 0.5) * MAP_STEP
        y = (torch.arange(-PAD, self.rows * CELLS + PAD, device=device) + 0.5) * MAP_STEP
        grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
        return torch.stack([grid_x, grid_y], -1)


@dataclass(frozen=True)
class Tiles:
    """n chosen tiles of B frames. frame, row, column: int64 [n]. slot: int64 [B, rows, columns], -1 = not chosen."""

    frame: torch.Tensor
    row: torch.Tensor
    column: torch.Tensor
    slot: torch.Tensor

    @staticmethod
    def of(chosen: torch.Tensor) -> Tiles:
        """chosen: bool [B, rows, columns]."""
        frame, row, column = chosen.nonzero(as_tuple=True)
        slot = torch.full(chosen.shape, -1, dtype=torch.long, device=chosen.device)
        slot[chosen] = torch.arange(len(frame), device=chosen.device)
        return Tiles(frame, row, column, slot)

    def __len__(self) -> int:
        return len(self.frame)

    def index(self, x0: int, y0: int, width: int, height: int) -> torch.Tensor:
        """Index of every output pixel of a rectangle into tile data flattened to [n * TILE * TILE]:
        int64 [B, height, width]. All tiles of the rectangle must be chosen."""
        x = torch.arange(x0, x0 + width, device=self.slot.device)
        y = torch.arange(y0, y0 + height, device=self.slot.device)
        slot = self.slot[:, y // TILE][:, :, x // TILE]
        return slot * (TILE * TILE) + ((y % TILE) * TILE)[:, None] + x % TILE


def touched_tiles(coarse: torch.Tensor) -> torch.Tensor:
    """Tiles with any marked cell in reach: bool [B, rows*CELLS + 2 PAD, ...] -> bool [B, rows, columns]."""
    marks = coarse.float()[:, None]
    pooled = torch.nn.functional.max_pool2d(marks, CELLS + 2 * PAD, CELLS)
    return pooled[:, 0] > 0


def tile_map(coarse: torch.Tensor, tiles: Tiles) -> torch.Tensor:
    """The smooth map of the chosen tiles at full resolution: float32 [n, TILE, TILE, 2] (a view of planes).

    coarse: float32 [B, h, w, 2] on `Canvas.coarse_grid`.
    """
    size = CELLS + 2 * PAD
    patches = coarse.unfold(1, size, CELLS).unfold(2, size, CELLS)  # [B, rows, columns, 2, size, size]
    patch = patches[tiles.frame, tiles.row, tiles.column]
    weights = _interpolation().to(coarse)
    count = len(patch)
    # both products as large plain ones: [n * 2 * size, size] @ [size, TILE], then the same along y
    wide = (patch.reshape(-1, size) @ weights.T).view(count, 2, size, TILE)
    fine = wide.permute(0, 3, 1, 2).reshape(-1, size) @ weights.T  # [n, TILE x, 2, TILE y]
    return fine.view(count, TILE, 2, TILE).permute(0, 3, 1, 2)


@cache
def _interpolation() -> torch.Tensor:
    """Catmull-Rom weights [TILE, CELLS + 2 PAD] from cell middles to pixel middles (smooth, exact on slopes)."""
    weights = torch.zeros(TILE, CELLS + 2 * PAD)
    for pixel in range(TILE):
        at = (pixel + 0.5) / MAP_STEP - 0.5 + PAD
        first, t = int(at), at - int(at)
        for offset, value in (
            (-1, -0.5 * t + t**2 - 0.5 * t**3),
            (0, 1 - 2.5 * t**2 + 1.5 * t**3),
            (1, 0.5 * t + 2 * t**2 - 1.5 * t**3),
            (2, -0.5 * t**2 + 0.5 * t**3),
        ):
            weights[pixel, first + offset] += value
    return weights


def cut(picture: torch.Tensor) -> torch.Tensor:
    """Planes [C, H, W] of whole tiles as [C, rows * columns, TILE, TILE]."""
    channels, height, width = picture.shape
    parts = picture.reshape(channels, height // TILE, TILE, width // TILE, TILE)
    return parts.transpose(2, 3).reshape(channels, -1, TILE, TILE)
