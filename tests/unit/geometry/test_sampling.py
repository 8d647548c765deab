"""geometry.sampling: pixel centres at a half, borders that go on."""

import pytest
import torch

from motion_control.engine.geometry.sampling import normalised, sample, sample_each, sample_normalised


def centres(height, width):
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y], -1)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_every_way_returns_the_picture_at_its_pixel_centres(mode):
    picture = torch.rand(3, 7, 11, generator=torch.Generator().manual_seed(1))
    grid = centres(7, 11)
    for found in (
        sample(picture, grid, mode),
        sample_normalised(picture, normalised(grid, 11, 7)[None], mode)[:, 0],
        sample_each(picture[None], grid[None], mode)[0],
    ):
        torch.testing.assert_close(found, picture, rtol=0, atol=1e-5)


def test_between_pixels_and_beyond_the_border():
    picture = torch.tensor([[[0.0, 1], [2, 3]]])
    at = torch.tensor([[1.0, 1.0], [-5.0, 0.5], [9.0, 9.0], [0.5, 1.0]])
    torch.testing.assert_close(sample(picture, at)[0], torch.tensor([1.5, 0.0, 3.0, 1.0]))


def test_each_picture_is_looked_up_at_its_own_positions():
    pictures = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    assert sample_each(pictures, torch.rand(2, 3, 5, 2) * 4).mean((1, 2, 3)).tolist() == [0, 1]


def test_a_normalised_lookup_mirrors_beyond_the_border():
    picture = torch.arange(4.0).view(1, 1, 4).expand(1, 2, 4)
    at = torch.tensor([[[[-0.5, 1.0], [-1.5, 1.0], [4.5, 1.0]]]])
    found = sample_normalised(picture.contiguous(), normalised(at, 4, 2))[0, 0, 0]
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 3.0]))
