"""geometry.fill: unknown parts of pictures and grids."""

import numpy as np
import pytest
import torch

from motion_control.engine.geometry.fill import pull_push, solve_smooth


@pytest.mark.parametrize("height, width", [(32, 32), (37, 51), (5, 64)])
def test_known_pixels_stay_and_the_rest_lies_between_them(height, width):
    generator = torch.Generator().manual_seed(height)
    values = torch.rand(3, height, width, generator=generator)
    known = (torch.rand(height, width, generator=generator) > 0.7).float()
    known[0, 0] = 1
    filled = pull_push(values, known)
    torch.testing.assert_close(filled[:, known > 0], values[:, known > 0], rtol=0, atol=1e-6)
    for channel in range(3):
        inside = values[channel][known > 0]
        assert inside.min() - 1e-5 <= filled[channel].min() and filled[channel].max() <= inside.max() + 1e-5


def test_what_was_in_the_hole_is_forgotten():
    values = torch.full((1, 40, 40), 0.25)
    values[:, 10:30, 10:30] = torch.inf
    known = torch.ones(40, 40)
    known[10:30, 10:30] = 0
    values = torch.where(known > 0, values, 9.0)
    assert (pull_push(values, known) - 0.25).abs().max() < 1e-6


@pytest.mark.parametrize("height, width", [(80, 40), (600, 400), (40, 100)])
def test_a_tall_or_wide_picture_is_filled_to_its_far_end(height, width):
    known = torch.zeros(height, width)
    known[: 3 * height // 8 if height > width else height, : 3 * width // 8 if width > height else width] = 1
    assert pull_push(torch.full((1, height, width), 0.25), known).sub(0.25).abs().max() < 1e-4


def test_a_hole_takes_the_colour_of_the_nearer_side():
    values = torch.zeros(1, 64, 64)
    values[:, :, 40:] = 1
    known = torch.zeros(64, 64)
    known[:, :16] = known[:, 48:] = 1
    filled = pull_push(values, known)[0, 32]
    assert filled[20] < 0.35 < 0.65 < filled[44]
    assert filled.diff().min() > -0.1


def test_the_smoothest_grid_between_two_columns_is_a_ramp():
    known = np.zeros((7, 11), bool)
    known[:, [0, 10]] = True
    values = np.zeros((7, 11))
    values[:, 10] = 5
    found = solve_smooth(known, values, np.ones((7, 11), bool))
    np.testing.assert_allclose(found, np.broadcast_to(np.linspace(0, 5, 11), (7, 11)), atol=1e-6)


def test_motion_does_not_leak_out_of_the_domain():
    """Two arms of a U: the path along the domain counts, not the distance."""
    domain = np.ones((9, 9), bool)
    domain[:7, 4] = False
    known = np.zeros((9, 9), bool)
    known[0, :] = True
    known &= domain
    values = np.zeros((9, 9))
    values[0, 5:] = 1
    found = solve_smooth(known, values, domain)
    assert (found[:7, 4] == 0).all()
    assert found[3, 3] < 0.3 and found[3, 5] > 0.7


def test_free_nodes_are_pulled():
    known = np.zeros((5, 5), bool)
    toward = np.full((5, 5), 3.0)
    found = solve_smooth(known, np.zeros((5, 5)), np.ones((5, 5), bool), pull=0.1, toward=toward)
    np.testing.assert_allclose(found, toward, atol=1e-5)


def test_nothing_free_is_a_copy():
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(solve_smooth(np.ones((2, 3), bool), values, np.ones((2, 3), bool)), values)
