"""geometry.series: smoothing over time, gaps."""

import pytest
import torch

from motion_control.engine.geometry.series import fill_gaps, gap_age, smooth, smooth_adaptive


def test_slow_motion_passes_unchanged():
    t = torch.linspace(0, 2, 60, dtype=torch.float64)
    values = torch.stack([torch.full_like(t, 7.0), 3 * t - 1, 2 * t * t + t], 1)
    torch.testing.assert_close(smooth(values, 30, 0.25), values, rtol=0, atol=1e-9)


def test_a_blink_keeps_its_depth_and_noise_goes():
    t = torch.arange(90) / 30
    blink = torch.exp(-((t - 1.5) / 0.09).square())  # 0.2 s wide, like a real one
    assert smooth(blink, 30, 0.12).max() > 0.93
    noise = torch.randn(900, generator=torch.Generator().manual_seed(1))
    assert smooth(noise, 30, 0.25).std() < 0.7 * noise.std()


def test_the_window_is_in_seconds():
    noise = torch.randn(600, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(smooth(noise, 60, 0.15), smooth(noise, 30, 0.3))
    assert not torch.equal(smooth(noise, 60, 0.3), smooth(noise, 30, 0.3))


def test_adaptive_smoothing_calms_rest_and_keeps_motion():
    """A point rests with noise, jumps by 20 within four frames, and rests again."""
    t = torch.arange(120) / 30
    noise = torch.randn(120, 2, generator=torch.Generator().manual_seed(3))
    jump = 20 * ((t - 2) / 0.13 + 0.5).clamp(0, 1)
    path = torch.stack([jump, torch.zeros(120)], 1)
    out = smooth_adaptive(path + noise, 30, 0.2, 0.6)
    resting = (t < 1.4) | (t > 2.6)
    assert (out - path)[resting].std() < 0.6 * noise[resting].std()
    assert (out[:, 0] - smooth(path + noise, 30, 0.2)[:, 0])[57:64].abs().max() < 1
    assert abs(float((out[:, 0] > 10).nonzero()[0]) - 60) <= 1  # no lag


@pytest.mark.parametrize("count", [1, 2, 7, 8, 20])
def test_adaptive_smoothing_passes_slow_motion_and_short_series(count):
    t = torch.arange(count, dtype=torch.float64)
    values = torch.stack([3 * t, 100 - t, t * 0], 1)[:, None].expand(-1, 4, 3)
    torch.testing.assert_close(smooth_adaptive(values, 30, 0.2, 0.6), values, rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
def test_short_series_are_no_problem(count):
    values = torch.rand(count, 2, 3)
    out = smooth(values, 30, 0.5)
    assert out.shape == values.shape and out.dtype == values.dtype and out.isfinite().all()
    assert torch.equal(smooth(values, 30, 0.0), values)


def test_gaps_are_bridged_and_ends_are_held():
    known = torch.tensor([False, True, False, False, False, True, True, False])
    values = torch.tensor([99.0, 2, 99, 99, 99, 6, 1, 99])
    wanted = torch.tensor([2.0, 2, 3, 4, 5, 6, 1, 1])
    torch.testing.assert_close(fill_gaps(values, known), wanted)
    block = torch.stack([values, -values], 1)[:, :, None]
    torch.testing.assert_close(fill_gaps(block, known), torch.stack([wanted, -wanted], 1)[:, :, None])


def test_known_values_come_back_bit_equal():
    known = torch.tensor([True, False, True])
    values = torch.tensor([0.1, float("nan"), 0.3])
    filled = fill_gaps(values, known)
    assert torch.equal(filled[known], values[known]) and filled.isfinite().all()
    assert torch.equal(fill_gaps(values[:1], known[:1]), values[:1])


def test_gap_age():
    known = torch.tensor([False, False, True, False, False, False, False, True])
    wanted = torch.tensor([2.0, 1, 0, 1, 2, 2, 1, 0]) / 25
    torch.testing.assert_close(gap_age(known, 25), wanted)
    assert gap_age(torch.zeros(3, dtype=torch.bool), 25).isinf().all()
