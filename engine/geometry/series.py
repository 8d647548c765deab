"""Time series: smoothing that keeps peaks, filling of gaps. Time is the first axis everywhere."""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import savgol_filter

MOVES = (1.2, 2.6)
"""Distance of the two curves in noise units at which a thing starts to count as moving, and fully does."""


def smooth(values: torch.Tensor, frame_rate: float, window_s: float, order: int = 2) -> torch.Tensor:
    """Savitzky-Golay over time with a window in seconds; a window under four frames changes nothing."""
    window = int(round(window_s * frame_rate)) | 1
    window = min(window, len(values) if len(values) % 2 else len(values) - 1)
    if window <= order + 1:
        return values
    out = savgol_filter(values.cpu().numpy(), window, order, axis=0, mode="interp")
    return torch.from_numpy(np.ascontiguousarray(out)).to(values)


def fill_gaps(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Linear interpolation over unknown frames, the nearest known value held at both ends.

    values: [T, ...]; known: bool [T] with at least one True.
    """
    if bool(known.all()):
        return values
    index = np.flatnonzero(known.cpu().numpy())
    flat = values.reshape(len(values), -1).cpu().numpy()
    frames = np.arange(len(values))
    right = np.searchsorted(index, frames).clip(0, len(index) - 1)
    left = (right - 1).clip(0)
    a, b = index[left], index[right]
    a = np.where(frames >= index[-1], index[-1], a)
    part = ((frames - a) / np.maximum(b - a, 1)).clip(0, 1)[:, None]
    out = flat[a] * (1 - part) + flat[b] * part
    exact = known.cpu().numpy()
    out[exact] = flat[exact]
    return torch.from_numpy(out.astype(flat.dtype)).reshape(values.shape).to(values)


def gap_age(known: torch.Tensor, frame_rate: float) -> torch.Tensor:
    """Seconds to the nearest known frame, float32 [T] (0 where known)."""
    index = np.flatnonzero(known.cpu().numpy())
    frames = np.arange(len(known))
    if not len(index):
        return torch.full((len(known),), float("inf"))
    right = index[np.searchsorted(index, frames).clip(0, len(index) - 1)]
    left = index[(np.searchsorted(index, frames, side="right") - 1).clip(0)]
    return torch.from_numpy(np.minimum(abs(right - frames), abs(frames - left)) / frame_rate).float()


def smooth_adaptive(values: torch.Tensor, frame_rate: float, short_s: float, long_s: float) -> torch.Tensor:
    """Strong smoothing while a thing rests, weak smoothing while it moves, without lag.

    values: [T, ..., C]; the last axis is one vector (a point, a rotation). Where the weakly smoothed curve leaves
    the strongly smoothed one by more than the curve's own noise, something moves and the weak one is taken. The
    same thought as the One-Euro filter (Casiez et al. 2012), for a clip that is known as a whole.
    """
    weak = smooth(values, frame_rate, short_s)
    strong = smooth(values, frame_rate, long_s)
    if len(values) < 8:
        return weak
    # second differences of a resting curve are noise: std of x[t-1] - 2 x[t] + x[t+1] is sqrt(6) times that of x
    second = (values[2:] - 2 * values[1:-1] + values[:-2]).norm(dim=-1, keepdim=True) / 6**0.5
    noise = second[:: max(1, len(second) // 4000)].median(0).values.clamp_min(1e-9)
    apart = (weak - strong).norm(dim=-1, keepdim=True) / noise
    moving = ((apart - MOVES[0]) / (MOVES[1] - MOVES[0])).clamp(0, 1)
    reach = max(1, round(0.5 * long_s * frame_rate))
    flat = moving.reshape(1, len(values), -1).transpose(1, 2)
    flat = torch.nn.functional.max_pool1d(flat, 2 * reach + 1, 1, reach)
    flat = torch.nn.functional.avg_pool1d(flat, 2 * reach + 1, 1, reach, count_include_pad=False)
    moving = flat.transpose(1, 2).reshape(moving.shape)
    return strong + moving * (weak - strong)


def main_directions(values: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` directions [D, count] in which rows [N, D] around zero spread most, and that spread [count].

    From the small matrix of products between rows; the same every time, which a randomised decomposition is not.
    """
    count = max(1, min(count, len(values) - 1))
    power, mix = torch.linalg.eigh((values @ values.T).double() / len(values))
    power, mix = power[-count:].flip(0).clamp_min(1e-12), mix[:, -count:].flip(1)
    directions = values.T.double() @ mix / (power * len(values)).sqrt()
    return directions.to(values), power.sqrt().to(values)
