"""Hands: series of reads become a hand per frame, and what does not fit the body is no hand."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from motion_control.engine.capture.assemble import Observations, assemble_track
from motion_control.engine.capture.follow_hands import HandFollower, region_of_joints
from motion_control.engine.geometry.pose import canonical_face

COUNT, RATE = 40, 25


@pytest.fixture
def hand():
    """An open hand [21, 3] px, wrist at 0, 0, fingers up."""
    shape = torch.zeros(21, 3)
    for finger in range(5):
        for joint in range(4):
            shape[1 + 4 * finger + joint, :2] = torch.tensor([10.0 * (finger - 2), -20.0 - 12 * joint])
    return shape


def track_of(hands, seen, read=None, cuts=(), smoothing=0.5):
    points = 8 * canonical_face().expand(len(hands), -1, -1) + 200
    given = Observations.of_face(points, torch.ones(len(hands)), cuts)
    read = torch.ones(len(hands), dtype=torch.bool) if read is None else read
    given = replace(given, hands=hands, hands_seen=seen, hands_read=read)
    times = torch.arange(len(hands), dtype=torch.float64) / RATE
    return assemble_track(given, times, Fraction(RATE), 400, 400, smoothing)


def moving(hand):
    """Both hands go right by 3 px a frame, the left one 200 px further: [T, 2, 21, 3]."""
    steps = torch.arange(COUNT, dtype=torch.float32)[:, None, None, None] * torch.tensor([3.0, 0, 0])
    return hand + steps + torch.tensor([[100.0, 200, 0], [300.0, 200, 0]])[:, None]


def test_frames_between_reads_and_short_gaps_are_filled(hand):
    true = moving(hand)
    read = torch.arange(COUNT) % 2 == 0
    read[-1] = True
    seen = torch.where(read[:, None], torch.full((COUNT, 2), 0.95), torch.zeros(()))
    seen[12:16, 0] = 0  # 0.24 s between the last and the next find
    given = torch.where((seen > 0)[..., None, None], true, torch.full((), 1e4))
    track = track_of(given, seen, read, smoothing=0)
    torch.testing.assert_close(track.hands, true, rtol=0, atol=0.1)
    confidence = track.hand_confidence
    assert confidence[:, 1].min() > 0.9 and confidence[:11, 0].min() > 0.9
    assert (confidence[11:16, 0] - 0.6).abs().max() < 0.01


def test_a_long_absence_is_no_hand(hand):
    true, seen = moving(hand), torch.ones(COUNT, 2)
    seen[10:26, 1] = 0
    seen[:, 0] = 0
    track = track_of(true * (seen > 0)[..., None, None], seen)
    assert track.hand_confidence[10:26, 1].max() == 0 and track.hand_confidence[:10, 1].min() == 1
    assert track.hand_confidence[:, 0].max() == 0 and track.hands[:, 0].abs().max() == 0


def test_gaps_are_not_filled_across_a_cut(hand):
    true, seen = moving(hand), torch.ones(COUNT, 2)
    seen[19:22] = 0
    track = track_of(true * (seen > 0)[..., None, None], seen, cuts=(20,), smoothing=1)
    assert track.hand_confidence[19:22].max() == 0 and track.hand_confidence[[18, 22]].min() == 1
    assert (track.hands[20] - true[22]).abs().max() < 1 and (track.hands[19] - true[18]).abs().max() < 1


def test_smoothing_takes_jitter_and_keeps_a_wave(hand):
    still = hand.expand(COUNT, 2, -1, -1) + 150
    noise = torch.randn(still.shape, generator=torch.Generator().manual_seed(3))
    jitter = [
        float(track_of(still + noise, torch.ones(COUNT, 2), smoothing=s).hands.diff(dim=0).abs().mean())
        for s in (0, 0.5)
    ]
    assert jitter[1] < 0.7 * jitter[0]
    wave = 40 * torch.sin(2 * torch.pi * torch.arange(COUNT) / 12)[:, None, None, None] * torch.tensor([1.0, 0, 0])
    waved = track_of(still + wave, torch.ones(COUNT, 2)).hands - still
    assert waved[..., 0].max() > 0.9 * 40


def body(right=(100.0, 200.0), left=(300.0, 200.0)):
    """Joints [33, 5] of somebody who faces the camera: arms hang, wrists where they are wanted."""
    joints = torch.zeros(33, 5)
    joints[:, 3:] = 1
    places = {12: (140, 60), 11: (260, 60), 24: (160, 220), 23: (240, 220), 14: (110, 130), 13: (290, 130)}
    for number, place in places.items():
        joints[number, :2] = torch.tensor(place, dtype=torch.float32)
    for wrist, little, index, (x, y) in ((16, 18, 20, right), (15, 17, 19, left)):
        joints[wrist, :2], joints[little, :2] = torch.tensor([x, y]), torch.tensor([x - 5, y + 25])
        joints[index, :2] = torch.tensor([x + 5, y + 25])
    return joints


def test_the_crop_lies_beyond_the_wrist_and_turns_with_the_hand():
    region = region_of_joints(body(), 0, (400, 400))
    assert region[0] == pytest.approx(100, abs=4) and 220 < region[1] < 240
    assert abs(float(region[4])) == pytest.approx(torch.pi, abs=0.2)  # fingers down
    assert 0.3 * 160 < region[2] < 0.9 * 160
    hidden = body()
    hidden[16, 3] = 0.2
    assert region_of_joints(hidden, 0, (400, 400)) is None
    assert region_of_joints(body(right=(-5.0, 100.0)), 0, (400, 400)) is None


def test_no_body_no_hands_and_no_phantoms(portraits):
    """The wrists are said to be on a face and on an empty wall: neither is a hand."""
    follower = HandFollower()
    frame = portraits.hopper.clone()
    for joints in (None, body((200.0, 150.0), (30.0, 30.0)), body((200.0, 150.0), (30.0, 30.0))):
        points, seen = follower.read(frame, joints)
        assert points.shape == (2, 21, 3) and seen.max() == 0 and points.abs().max() == 0


def test_a_close_up_costs_no_look_at_hands(waving, capture):
    track = capture(waving.frames[:8])
    assert track.hand_confidence.max() == 0 and track.hands.abs().max() == 0
