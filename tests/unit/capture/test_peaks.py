"""What must survive smoothing: a blink and a lip contact keep their moment and their depth at every frame rate."""

from fractions import Fraction

import pytest
import torch

from motion_control.engine.capture.assemble import Observations, assemble_track
from motion_control.engine.geometry.pose import canonical_face

SECONDS = 3.0
PEAKS = (0.9, 1.5, 2.2)
BLINK = (0.08, 0.03, 0.13)
"""Seconds a lid needs to fall, stays down and needs to rise: a quick blink."""
CONTACT = (0.07, 0.03, 0.07)
"""The same of lips that meet for a p."""


def pulses(times: torch.Tensor, shape) -> torch.Tensor:
    """0, at each of PEAKS up to 1 and back: [T]."""
    fall, stay, rise = shape
    out = torch.zeros(len(times))
    for peak in PEAKS:
        start, end = peak - stay / 2, peak + stay / 2
        ramp = torch.minimum((times - start) / fall + 1, 1 - (times - end) / rise).clamp(0, 1).float()
        out = torch.maximum(out, ramp * ramp * (3 - 2 * ramp))
    return out


@pytest.mark.parametrize("rate", [24, 30, 60])
@pytest.mark.parametrize("act", ["blink", "lips"])
def test_peaks_keep_their_moment_and_their_depth(acting, rate, act):
    face = acting.lips_shut(canonical_face())
    times = torch.arange(round(SECONDS * rate), dtype=torch.float64) / rate
    amount = pulses(times, BLINK if act == "blink" else CONTACT)
    delta = acting.lids_closed(face, amount) if act == "blink" else acting.jaw_open(face, 1.2 * (1 - amount))
    sway = acting.turn(yaw=6 * torch.sin(2 * times), roll=3 * torch.cos(1.5 * times))
    points = 9 * ((face + delta) @ sway.mT) + 200
    points = points + 0.25 * torch.randn(points.shape, generator=torch.Generator().manual_seed(rate))
    track = assemble_track(Observations.of_face(points, torch.ones(len(times))), times, Fraction(rate), 400, 400)

    def opening(points):
        gaps = [acting.lid_gaps(one)[0] if act == "blink" else acting.lip_gap(one) for one in points]
        return torch.tensor(gaps)

    made, kept = opening(points), opening(track.face_points)
    rest = made[amount == 0].median()
    for peak in PEAKS:
        near = ((times - peak).abs() < 0.25).nonzero()[:, 0]
        deepest = made[near].amin()
        assert (rest - kept[near].amin()) >= 0.9 * (rest - deepest)
        # a closed lid stays for some frames: any of them is its moment
        floor = near[made[near] < deepest + 0.1 * (rest - deepest)]
        assert (floor - near[kept[near].argmin()]).abs().min() <= 1
