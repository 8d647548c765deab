"""Contact sheets: a few moments of a clip side by side, one row per version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from ..errors import MediaError
from .still import write_image

_GAP = 4
_PAPER = (24, 24, 24)


def moments(count: int, wanted: int = 8) -> list[int]:
    """Frame numbers of `wanted` moments spread evenly over `count` frames, first and last included.

    moments(9, 3) -> [0, 4, 8]; a clip with fewer frames gives them all once.
    """
    wanted = min(wanted, count)
    return [round(i * (count - 1) / max(1, wanted - 1)) for i in range(wanted)]


def write_contact_sheet(
    path: str | Path, rows: Sequence[Sequence[torch.Tensor]], wanted: int = 8, tile_height: int = 192
) -> None:
    """Writes one PNG: each row a list of uint8 [H, W, 3] frames (say, the driver's and the output's).

    Of a row with more than `wanted` frames, moments spread evenly are taken. Every tile is tile_height px
    high; columns line up, the narrower of two tiles is centred.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise MediaError(f"the output folder {path.parent} does not exist; create it or choose another.")
    tiles = [[_tile(row[i], tile_height) for i in moments(len(row), wanted)] for row in rows]
    if not any(tiles):
        raise MediaError(f"{path.name} has no frames to show; nothing was written.")
    columns = max(map(len, tiles))
    widths = [max(row[c].width for row in tiles if c < len(row)) for c in range(columns)]
    size = (sum(widths) + _GAP * (columns + 1), tile_height * len(tiles) + _GAP * (len(tiles) + 1))
    sheet = Image.new("RGB", size, _PAPER)
    for r, row in enumerate(tiles):
        for c, tile in enumerate(row):
            left = _GAP + sum(widths[:c]) + _GAP * c + (widths[c] - tile.width) // 2
            sheet.paste(tile, (left, _GAP + r * (tile_height + _GAP)))
    write_image(path, sheet)


def _tile(frame: torch.Tensor, height: int) -> Image.Image:
    picture = Image.fromarray(frame.cpu().contiguous().numpy())
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.LANCZOS)
