"""An authored performance as a track, with a body, hands and a report beside the face."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from motion_control.engine.types import RELIEF_MAPS, RELIEF_SIDE

WIDTH, HEIGHT = 480, 640
COUNT = 80

# A person who stands, px of a picture of 480 x 640: MediaPipe's 33 joints.
_BODY = torch.zeros(33, 2)
for _joint, _place in {
    0: (240, 110), 2: (252, 98), 5: (228, 98), 7: (268, 104), 8: (212, 104), 9: (250, 128), 10: (230, 128),
    11: (300, 190), 12: (180, 190), 13: (330, 270), 14: (150, 270), 15: (340, 350), 16: (140, 350),
    17: (344, 372), 18: (136, 372), 19: (340, 376), 20: (140, 376), 21: (334, 362), 22: (146, 362),
    23: (275, 360), 24: (205, 360), 25: (280, 480), 26: (200, 480), 27: (284, 590), 28: (196, 590),
    29: (282, 604), 30: (198, 604), 31: (292, 612), 32: (188, 612),
}.items():  # fmt: skip
    _BODY[_joint] = torch.tensor(_place, dtype=torch.float32)


def standing(count: int) -> torch.Tensor:
    """[T, 33, 5]: all joints seen but the inner and outer corners of the eyes; the right arm rises."""
    body = torch.zeros(count, 33, 5)
    body[..., :2] = _BODY
    body[:, [16, 18, 20, 22], 1] -= torch.linspace(0, 120, count)[:, None]
    body[..., 3:] = 0.9
    body[:, [1, 3, 4, 6], 3:] = 0
    return body


def hand(wrist: torch.Tensor) -> torch.Tensor:
    """[T, 21, 3]: five straight fingers below a wrist [T, 2]."""
    out = torch.zeros(len(wrist), 21, 3)
    out[:, 0, :2] = wrist
    for finger in range(5):
        for joint in range(4):
            out[:, 1 + 4 * finger + joint, 0] = wrist[:, 0] - 12 + 6 * finger
            out[:, 1 + 4 * finger + joint, 1] = wrist[:, 1] + 8 + 6 * joint
    return out


@pytest.fixture(scope="session")
def performed():
    """A face of 130 px that turns, talks and blinks above a body with hands. 80 frames at 29.97 a second."""
    from motion_control.engine.geometry.pose import canonical_face
    from motion_control.engine.performance import authored_performance

    neutral = canonical_face()
    rate = Fraction(30000, 1001)
    portrait = 7.5 * neutral + torch.tensor([240.0, 110.0, 0.0])
    track = authored_performance(neutral, portrait, rate, WIDTH, HEIGHT, 9.0)
    keep = slice(100, 100 + COUNT)
    every = [name for name in vars(track) if isinstance(getattr(track, name), torch.Tensor)]
    every = [name for name in every if name not in ("neutral", "relief_basis")]
    track = replace(track, **{name: getattr(track, name)[keep].clone() for name in every})
    body = standing(COUNT)
    return replace(
        track,
        times=track.times - track.times[0],
        body=body,
        hands=torch.stack([hand(body[:, 16, :2]), hand(body[:, 15, :2])], 1),
        hand_confidence=torch.full((COUNT, 2), 0.8),
        relief=torch.linspace(-1, 1, COUNT * RELIEF_MAPS).view(COUNT, RELIEF_MAPS),
        relief_basis=torch.linspace(-0.1, 0.1, RELIEF_MAPS * RELIEF_SIDE**2).view(
            RELIEF_MAPS, RELIEF_SIDE, RELIEF_SIDE
        ),
        cuts=(40,),
        anchor=3,
        report={"checks": ["PASS light: 0.5"], "frames": COUNT},
    )
