import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch


def _load_oracle():
    spec = importlib.util.spec_from_file_location("models_oracle", Path(__file__).parent / "oracle.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def oracle():
    """The module oracle.py."""
    pytest.importorskip("skimage")
    pytest.importorskip("matplotlib")
    return _load_oracle()


@pytest.fixture(scope="session")
def record(oracle):
    """What MediaPipe said, by name."""
    with np.load(oracle.RECORD) as file:
        return dict(file)


@pytest.fixture(scope="session")
def pictures(oracle):
    """uint8 [1, H, W, 3] by name."""
    return {name: torch.from_numpy(picture)[None] for name, picture in oracle.pictures().items()}


@pytest.fixture
def sampled_as_mediapipe(monkeypatch):
    """Crops as MediaPipe's CPU code takes them: it puts the corner of a region on the centre of the first pixel.

    That is half a crop pixel away from our convention (pixel centres at integer + 0.5 in picture and crop), in which
    a face and its mirror image give points that are each other's mirror image to 0.2 crop pixels.
    """
    from motion_control.models import bodies, crops, detection, faces

    def crop_regions(images, rois, size, **options):
        shift = 0.5 - 0.5 * rois[:, 2:4] / size
        cos, sin = rois[:, 4].cos(), rois[:, 4].sin()
        moved = rois.clone()
        moved[:, 0] += shift[:, 0] * cos - shift[:, 1] * sin
        moved[:, 1] += shift[:, 0] * sin + shift[:, 1] * cos
        return crops.crop_regions(images, moved, size, **options)

    for module in (detection, faces, bodies):
        monkeypatch.setattr(module, "crop_regions", crop_regions)
