"""Time series: smoothing that keeps peaks, filling of gaps. Time is the first axis everywhere."""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import savgol_filter


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
