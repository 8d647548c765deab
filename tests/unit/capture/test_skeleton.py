"""draw_skeleton: pictures of what was captured."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.capture import draw_skeleton
from motion_control.engine.geometry.pose import canonical_face


@pytest.fixture(scope="module")
def track(acting):
    """A face in the upper left quarter, an arm at the right; the face is not seen in the last frame."""
    points = 5 * canonical_face().expand(4, -1, -1) + torch.tensor([100.0, 100.0, 0.0])
    seen = torch.tensor([1.0, 1, 1, 1])
    made = acting.track_of(points, (400, 300), seen)
    body = torch.zeros(4, 33, 5)
    body[:, [12, 14], 0] = 350
    body[:, 12, 1], body[:, 14, 1] = 50, 250
    body[:, [12, 14], 3] = 1
    return replace(made, body=body, face_confidence=torch.tensor([1.0, 1, 1, 0]))


def test_face_and_limbs_are_drawn_where_they_are(track):
    pictures = draw_skeleton(track, 0, 4)
    assert pictures.shape == (4, 300, 400, 3) and pictures.dtype == torch.uint8
    white = (pictures == 255).all(-1)
    y, x = white[0].nonzero().T
    low, high = track.face_points[0, :468, :2].aminmax(dim=0)
    assert low[0] - 3 <= x.min() and x.max() <= high[0] + 3 and low[1] - 3 <= y.min() and y.max() <= high[1] + 3
    assert len(x) > 300
    assert not white[3].any()
    arm = pictures[3, 150, 340:360].amax(0)
    assert arm.max() > 100 and arm.min() == 0  # a colour of its own, not white
    assert not pictures[3, :, :330].any()


def test_part_and_size(track):
    assert draw_skeleton(track, 1, 3, max_side=200).shape == (2, 150, 200, 3)
    assert torch.equal(draw_skeleton(track, 1, 3), draw_skeleton(track, 0, 4)[1:3])
    assert draw_skeleton(track, 3, 99).shape[0] == 1
