import numpy as np
import pytest
import torch

from motion_control.models import matte


def share_in_common(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_the_matte_is_that_of_mediapipe(pictures, record, name):
    """MediaPipe's lies half a mask pixel to the side, see `sampled_as_mediapipe`, and skips pixels when it shrinks."""
    picture = pictures[name]
    ours = matte.person_matte(picture)[0]
    theirs = torch.from_numpy(np.unpackbits(record[f"{name}/matte"]).astype(bool)).view(picture.shape[1:3])
    assert share_in_common(ours > 0.5, theirs) > 0.985
    assert share_in_common(matte.person_matte(picture, refine=True)[0] > 0.5, theirs) > 0.98


def test_refinement_follows_the_edge():
    """A red disc on blue and its blurred mask: the refined mask steps where the colour does."""
    y, x = torch.meshgrid(torch.arange(400), torch.arange(300), indexing="ij")
    radius = ((y - 200) ** 2 + (x - 150) ** 2).sqrt()
    red, blue = torch.tensor([[[200]], [[30]], [[30]]]), torch.tensor([[[30]], [[30]], [[200]]])
    picture = torch.where(radius < 100, red, blue)
    mask = torch.nn.functional.avg_pool2d((radius < 100)[None, None].float(), 15, 1, 7)

    def step(matte: torch.Tensor) -> float:
        return float(matte[(radius > 97) & (radius < 100)].mean() - matte[(radius > 100) & (radius < 103)].mean())

    refined = matte._refine(picture[None].byte(), mask)
    assert refined.shape == (1, 400, 300)
    assert step(mask[0, 0]) < 0.3
    assert step(refined[0]) > 0.5
    assert refined[0][radius < 80].min() > 0.99
    assert refined[0][radius > 120].max() < 0.01


def test_batches_sizes_and_empty(pictures):
    picture = pictures["hopper"]
    both = matte.person_matte(torch.cat((picture, picture.flip(2))))
    torch.testing.assert_close(both[0], matte.person_matte(picture)[0], atol=1e-3, rtol=0)
    assert matte.person_matte(picture[:0]).shape == (0, 600, 512)
    assert matte.person_matte(picture, refine=True).shape == (1, 600, 512)
    with pytest.raises(ValueError, match="uint8"):
        matte.person_matte(picture.float())
