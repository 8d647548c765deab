"""Hands: series of reads become a hand per frame, and what does not fit the body is no hand."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from motion_control.engine.capture.assemble import Observations, assemble_track
from motion_control.engine.capture.follow_hands import HandFollower, region_of_joints
from motion_control.engine.geometry.pose import canonical_face
from motion_control.models.hands import HandLandmarks

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


class Network:
    """Stands for the hand network. `sees(region)` says with which presence the hand of the nearest wrist is seen in a
    crop; `right` whether it looks like a right hand, by its number."""

    def __init__(self, hand, joints, sees, right=(1.0, 0.0)):
        self.hand, self.sees, self.right = hand, sees, right
        self.wrists = joints[[16, 15], :2]
        self.regions = []

    def __call__(self, images, rois, *, pictures=None):
        self.regions += list(rois)
        near = [int((self.wrists - roi[:2]).norm(dim=1).argmin()) for roi in rois]
        # fingers down, as the arms of `body`
        down = torch.tensor([1.0, -1.0, 1.0])
        points = torch.stack([self.hand * down + torch.cat([self.wrists[i], torch.zeros(1)]) for i in near])
        presence = torch.tensor([float(self.sees(roi)) for roi in rois])
        return HandLandmarks(
            points, presence, torch.tensor([self.right[i] for i in near]), torch.zeros(len(rois), 21, 3)
        )


WALL = torch.zeros(400, 400, 3, dtype=torch.uint8)
HAND = 60  # px, how long a hand of `body` must be: its shoulders are 120 px apart


def test_a_hand_on_edge_is_found_in_a_tight_crop_and_followed(hand):
    """Seen only where it fills the crop: the one around the joints is twice as large as a hand and too wide for it."""
    network = Network(0.5 * hand, body(), lambda roi: 0.8 if roi[2] < 1.4 * HAND else 0.0)
    follower = HandFollower(network)
    points, presence = follower.read(WALL, body())
    assert presence.tolist() == pytest.approx([0.8, 0.8])
    assert (points[0, 0, :2] - torch.tensor([100.0, 200])).norm() < 1e-3
    network.regions.clear()
    _, presence = follower.read(WALL, body())
    assert presence.min() > 0.5 and len(network.regions) == 2  # followed by its own crop: one look at each


def test_a_hand_that_only_one_crop_sees_is_no_hand(hand):
    first = []

    def once(roi):
        known = any((roi - one).abs().max() < 1e-3 for one in first)
        if not known and len(first) < 2:
            first.append(roi)
        return 0.9 if len(first) <= 2 and any(roi is one for one in first) else 0.0

    _, presence = HandFollower(Network(hand, body(), once)).read(WALL, body())
    assert len(first) == 2 and presence.max() == 0


def test_a_glimpse_is_looked_at_again_and_the_surer_look_counts(hand):
    network = Network(hand, body(), None)
    network.sees = lambda roi: (0.2, 0.2, 0.9, 0.9, 0.7, 0.7)[len(network.regions) - 2 + asked.pop(0)]
    asked = [0, 1] * 3
    _, presence = HandFollower(network).read(WALL, body())
    assert presence.tolist() == pytest.approx([0.9, 0.9]) and len(network.regions) == 6


def test_hands_that_were_found_on_the_wrong_arm_change_sides_and_are_counted(hand):
    joints = body(right=(190.0, 200.0), left=(210.0, 200.0))  # crossed or mistaken: only handedness tells them apart
    network = Network(0.5 * hand, joints, lambda roi: 0.9, right=(0.02, 0.98))
    network.wrists = torch.tensor([[170.0, 210], [230.0, 210]])
    follower = HandFollower(network)
    points, presence = follower.read(WALL, joints)
    assert presence.min() > 0.5 and points[0, 0, 0] == 230 and points[1, 0, 0] == 170
    assert follower.swaps == 1
    follower.restart()
    assert follower.swaps == 1
