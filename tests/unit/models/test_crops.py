import math

import pytest
import torch

from motion_control.models.crops import crop_regions, enlarge, to_picture


def ramp(height: int, width: int) -> torch.Tensor:
    """uint8 [1, H, W, 3]: red is the column, green the row (of pixel centres, less 0.5)."""
    image = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    image[..., 0] = torch.arange(width)
    image[..., 1] = torch.arange(height).unsqueeze(1)
    return image


def places(size: int) -> torch.Tensor:
    """[1, size * size, 2] pixel centres of a crop as fractions."""
    steps = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack((x, y), 2).view(1, -1, 2)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0, math.pi / 2])
def test_a_crop_shows_what_to_picture_says(angle):
    roi = torch.tensor([[100.0, 90.0, 60.0, 40.0, angle]])
    crop = crop_regions(ramp(200, 220), roi, 16)
    want = to_picture(places(16), roi)[0] - 0.5
    torch.testing.assert_close(crop[0, :2].flatten(1).T, want, atol=1e-2, rtol=0)


def test_the_whole_picture_is_itself():
    image = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    crop = crop_regions(image, torch.tensor([[4.0, 4.0, 8.0, 8.0, 0.0]]).expand(2, 5), 8)
    torch.testing.assert_close(crop, image.permute(0, 3, 1, 2).float(), atol=1e-3, rtol=0)


def test_outside_is_the_border_or_zero():
    image = torch.full((1, 10, 10, 3), 200, dtype=torch.uint8)
    roi = torch.tensor([[-20.0, 5.0, 10.0, 10.0, 0.0]])
    assert crop_regions(image, roi, 4).eq(200).all()
    assert crop_regions(image, roi, 4, zero_outside=True).eq(0).all()


def test_regions_of_chosen_pictures():
    images = torch.stack([torch.full((6, 6, 3), value, dtype=torch.uint8) for value in (10, 20, 30)])
    rois = torch.tensor([[3.0, 3.0, 4.0, 4.0, 0.1]]).expand(4, 5)
    crops = crop_regions(images, rois, 2, pictures=torch.tensor([2, 0, 0, 1]))
    torch.testing.assert_close(crops[:, 0, 0, 0], torch.tensor([30.0, 10.0, 10.0, 20.0]))


@pytest.mark.parametrize(
    ("image", "count"),
    [(torch.zeros(1, 4, 4, 3), 1), (torch.zeros(1, 4, 4, 4, dtype=torch.uint8), 1), (ramp(4, 4), 2)],
)
def test_wrong_shapes_are_refused(image, count):
    with pytest.raises(ValueError, match="expected"):
        crop_regions(image, torch.zeros(count, 5), 4)


def test_enlarge_moves_along_the_region_and_squares_it():
    roi = torch.tensor([[10.0, 20.0, 4.0, 8.0, math.pi / 2]])
    torch.testing.assert_close(enlarge(roi, 2.0, -0.5), torch.tensor([[14.0, 20.0, 16.0, 16.0, math.pi / 2]]))
