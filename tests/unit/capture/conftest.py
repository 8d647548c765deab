"""Clips of a portrait that is moved by known amounts, and what was captured from them."""

import math
from types import SimpleNamespace

import pytest
import torch

SIZE = 320
COUNT = 48


@pytest.fixture(scope="session")
def face_picture(portraits):
    """A face 160 px high, uint8 [320, 320, 3]."""
    planes = portraits.hopper.permute(2, 0, 1)[None].float()
    small = torch.nn.functional.interpolate(planes, size=(SIZE, SIZE), mode="bilinear", antialias=True)[0]
    return small.permute(1, 2, 0).round().to(torch.uint8).contiguous()


@pytest.fixture(scope="session")
def waving(face_picture, acting):
    """The picture turning by 12 degrees to both sides while it moves to the right.

    frames uint8 [48, 320, 320, 3], rolls in degrees, and points [48, 478, 2] px where its face must be.
    """
    rolls = [12 * math.sin(2 * math.pi * i / COUNT) for i in range(COUNT)]
    shifts = [(0.7 * i - 16, 6 * math.cos(2 * math.pi * i / COUNT)) for i in range(COUNT)]
    frames = torch.stack([acting.moved(face_picture, *move) for move in zip(rolls, shifts)])
    rest = acting.find_face(face_picture)[:, :2]
    places = [acting.similarity(SIZE, *move) for move in zip(rolls, shifts)]
    points = torch.stack([rest @ matrix.T + offset for matrix, offset in places])
    return SimpleNamespace(frames=frames, rolls=torch.tensor(rolls), points=points)


@pytest.fixture
def capture(tmp_path, acting):
    """capture(frames, **options): the track of frames written as a clip."""
    from motion_control.engine import media
    from motion_control.engine.capture import extract_track

    def make(frames, name="clip.mp4", **options):
        return extract_track(media.open_clip(acting.write_clip(tmp_path / name, frames)), **options)

    return make
