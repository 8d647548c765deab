"""Follows both hands of the performer: crop at the end of the arm, 21 points, crop again from the last points."""

from __future__ import annotations

import torch

from ...models import hands

PRESENT = 0.5
"""Presence of the landmark network from which a crop holds a hand; the same for a wrist of the body."""
GLIMPSE, LOOKS = 0.1, 3
"""Presence from which it is worth looking again where the points are, and how often a new crop is looked at."""
SIDES = ((16, 18, 20, 14), (15, 17, 19, 13))
"""Wrist, little finger, index finger and elbow among the body's joints; the right hand first."""
HAND_OF_JOINTS = (2.7, -0.1)
"""Size and shift of the crop around the body's hand joints. Source: MediaPipe (Apache-2.0),
mediapipe/modules/holistic_landmark/hand_landmarks_from_pose_to_recrop and its calculator."""
HAND_LENGTH = (0.75, 0.5)
"""Length of a hand over that of its forearm and over the distance of the shoulder joints: adults have about 19 cm,
25 cm and 36 cm. The longer counts: a forearm that points at the camera looks short, and so do shoulders from the
side."""
TIGHT = (1.2, 0.5)
"""Side of a crop and how far its middle lies beyond the wrist, in hand lengths. Half the size of the crop around the
joints: of hands seen edge-on, which fill little of a crop, it finds about half of those that the larger one misses."""
SEARCH = (2.9, 0.3)
"""The same for the picture in which palms are looked for."""
SEARCH_EVERY = 2
"""The palm detector looks at an arm whose hand is lost in one of so many reads."""
PATIENCE = 3
"""A hand that was not found so many times running is looked for in every second read only."""
SAME_HAND = 0.6
"""Two finds nearer than this, in palm lengths between their middles, are one hand."""
FAR_FROM_WRIST = 0.5
"""A hand further from its arm's wrist than this, in lengths of the body (see `_length`), is another one's."""
PALM_LENGTHS = (0.04, 0.40)
"""Least and largest length of a palm (wrist to middle knuckle) in lengths of the body."""
HANDEDNESS_WEIGHT = 0.25
"""What a wrong handedness costs, in lengths of the body between a hand and the wrist of its arm."""
STEADY = 0.7
"""Share of its past in what is known of a hand's handedness: single frames are often wrong."""
MARGIN = 0.1
"""Hands change sides only when the other assignment is better by this."""


class HandFollower:
    """Feed frames in order with `read`, with the body's joints of the same frame.

    landmarks: reads crops as `hands.hand_landmarks` does. swaps: how often hands were found on the wrong arm and put
    right, in all shots.
    """

    def __init__(self, landmarks=hands.hand_landmarks):
        self._landmarks = landmarks
        self.swaps = 0
        self.restart()

    def restart(self) -> None:
        """Forgets both hands: another shot begins."""
        self._region: list[torch.Tensor | None] = [None, None]
        self._right = [0.5, 0.5]
        self._failed = [0, 0]

    def read(self, frame: torch.Tensor, joints: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """frame: uint8 [H, W, 3]. joints: [33, 5] of the body or None when nobody is seen.

        Returns points float32 [2, 21, 3] px, right hand first, and presence float32 [2], 0 where there is no hand.
        """
        points, presence = torch.zeros(2, 21, 3), torch.zeros(2)
        if joints is None:
            self._region = [None, None]
            return points, presence
        found: dict[int, _Hand] = {}
        for attempt in (self._tracked, self._at_the_joints, self._beyond_the_wrist, self._on_the_arm):
            wanted = {side: attempt(frame, joints, side) for side in (0, 1) if side not in found}
            wanted = {side: region for side, region in wanted.items() if region is not None}
            look = self._look if attempt == self._tracked else self._look_twice
            found |= look(frame, joints, wanted)
        found = self._assign(self._distinct(found, joints), joints)
        for side in (0, 1):
            hand = found.get(side)
            self._failed[side] = 0 if hand else self._failed[side] + 1
            self._region[side] = _next_region(hand) if hand else None
            if hand:
                points[side], presence[side] = hand.points, hand.presence
                self._right[side] = hand.right
        return points, presence

    def _tracked(self, frame, joints, side):
        return self._region[side]

    def _at_the_joints(self, frame, joints, side):
        if self._failed[side] >= PATIENCE and self._failed[side] % 2:
            return None
        return region_of_joints(joints, side, frame.shape)

    def _beyond_the_wrist(self, frame, joints, side):
        if self._failed[side] >= PATIENCE and self._failed[side] % 2:
            return None
        return _tight_region(joints, side) if _wrist_in_view(joints, side, frame.shape) else None

    def _on_the_arm(self, frame, joints, side):
        if self._failed[side] % SEARCH_EVERY or not _wrist_in_view(joints, side, frame.shape):
            return None
        arm = _cut_out_arm(frame, joints, side)
        if arm is None:
            return None
        crop, corner = arm
        palms = hands.detect_palms(crop[None])[0]
        if not palms:
            return None
        wrist = joints[SIDES[side][0], :2] - corner
        best = min(palms, key=lambda palm: float((palm.keypoints[0] - wrist).norm()))
        region = hands.roi_from_detection(best)
        region[:2] += corner
        return region

    def _look(self, frame, joints, wanted, least: float = PRESENT) -> dict[int, _Hand]:
        """The believable hands in the wanted regions."""
        if not wanted:
            return {}
        sides = list(wanted)
        rois = torch.stack([wanted[side] for side in sides])
        read = self._landmarks(frame[None], rois, pictures=torch.zeros(len(sides), dtype=torch.long))
        found = {}
        for row, side in enumerate(sides):
            steady = STEADY if self._region[side] is not None else 0.0
            right = steady * self._right[side] + (1 - steady) * float(read.right[row])
            hand = _Hand(read.points[row], float(read.presence[row]), right)
            if hand.presence >= least and _fits_the_body(hand, joints):
                found[side] = hand
        return found

    def _look_twice(self, frame, joints, wanted) -> dict[int, _Hand]:
        """New hands: those that two looks running see in the same place, the second from the crop that the first one's
        points ask for. The surer read counts: a hand on edge is often less sure in its own crop."""
        found, before = {}, {}
        for _ in range(LOOKS):
            now = self._look(frame, joints, wanted, GLIMPSE)
            for side, hand in now.items():
                pair = (before.get(side, hand), hand)
                if side in before and min(one.presence for one in pair) >= PRESENT and _same(*pair):
                    found[side] = max(pair, key=lambda one: one.presence)
            wanted = {side: _next_region(hand) for side, hand in now.items() if side not in found}
            before = now
        return found

    def _distinct(self, found, joints) -> dict[int, _Hand]:
        """Two finds of one hand are one hand: it stays with the arm it fits better."""
        if len(found) < 2:
            return found
        if not _same(found[0], found[1]):
            return found
        side = min((0, 1), key=lambda one: _cost(found[one], joints, one))
        self._region[1 - side] = None
        return {side: found[side]}

    def _assign(self, found, joints) -> dict[int, _Hand]:
        """Every hand on the side that its arm and its handedness say."""
        if not found:
            return found
        stay = sum(_cost(hand, joints, side) for side, hand in found.items())
        swap = sum(_cost(hand, joints, 1 - side) for side, hand in found.items())
        if swap + MARGIN < stay:
            found = {1 - side: hand for side, hand in found.items()}
            self.swaps += 1
        limit = FAR_FROM_WRIST * _length(joints)
        return {side: hand for side, hand in found.items() if _from_wrist(hand, joints, side) < limit}


class _Hand:
    """points float32 [21, 3] px; presence and right (that it is a right hand) 0..1; palm: its length, px."""

    def __init__(self, points: torch.Tensor, presence: float, right: float):
        self.points, self.presence, self.right = points, presence, right
        self.palm = float((points[0, :2] - points[9, :2]).norm())
        self.middle = points[:, :2].mean(0)


def region_of_joints(joints: torch.Tensor, side: int, shape) -> torch.Tensor | None:
    """[5] crop of a hand from the body's wrist, little and index finger; None when the wrist is out of view."""
    if not _wrist_in_view(joints, side, shape):
        return None
    wrist, little, index = joints[list(SIDES[side][:3]), :2]
    middle = (2 * index + little) / 3
    up = middle - wrist
    # a hand that points at the camera has its joints on one spot: never smaller than the body suggests
    size = max(2 * float(up.norm()), 0.2 * _length(joints)) * HAND_OF_JOINTS[0]
    angle = torch.atan2(up[0], -up[1])
    centre = middle + HAND_OF_JOINTS[1] * size / HAND_OF_JOINTS[0] * torch.stack((-angle.sin(), angle.cos()))
    return torch.tensor([float(centre[0]), float(centre[1]), size, size, float(angle)])


def _tight_region(joints: torch.Tensor, side: int) -> torch.Tensor:
    """[5] the crop of a hand that lies straight beyond its wrist, no larger than the hand must be."""
    wrist, little, index = joints[list(SIDES[side][:3]), :2]
    up = torch.nn.functional.normalize((2 * index + little) / 3 - wrist, dim=0)
    length = _hand_length(joints, side)
    centre, size = wrist + TIGHT[1] * length * up, TIGHT[0] * length
    return torch.tensor([float(centre[0]), float(centre[1]), size, size, float(torch.atan2(up[0], -up[1]))])


def _hand_length(joints: torch.Tensor, side: int) -> float:
    """px, what the body says about it."""
    forearm = joints[SIDES[side][0], :2] - joints[SIDES[side][3], :2]
    shoulders = joints[11, :2] - joints[12, :2]
    return max(1.0, HAND_LENGTH[0] * float(forearm.norm()), HAND_LENGTH[1] * float(shoulders.norm()))


def _same(one: _Hand, other: _Hand) -> bool:
    return float((one.middle - other.middle).norm()) <= SAME_HAND * max(one.palm, other.palm)


def _next_region(hand: _Hand) -> torch.Tensor:
    return hands.roi_from_landmarks(hand.points[None])[0]


def _wrist_in_view(joints, side, shape) -> bool:
    wrist = joints[SIDES[side][0]]
    inside = 0 <= float(wrist[0]) < shape[1] and 0 <= float(wrist[1]) < shape[0]
    return inside and float(wrist[3]) >= PRESENT


def _cut_out_arm(frame, joints, side) -> tuple[torch.Tensor, torch.Tensor] | None:
    """A square picture around the hand end of an arm and its upper left corner; None where nothing is left of it."""
    wrist, elbow = joints[SIDES[side][0], :2], joints[SIDES[side][3], :2]
    length = _hand_length(joints, side)
    reach = SEARCH[0] * length / 2
    centre = wrist + SEARCH[1] * length * torch.nn.functional.normalize(wrist - elbow, dim=0)
    low = (centre - reach).round().clamp_min(0).long()
    x1, y1 = (centre + reach).round().long().tolist()
    crop = frame[int(low[1]) : max(y1, 0), int(low[0]) : max(x1, 0)]
    if min(crop.shape[:2]) < 16:
        return None
    return crop.contiguous(), low.float()


def _length(joints: torch.Tensor) -> float:
    """A length of the body that does not vanish when it turns, px: of shoulders, trunk, upper arms and forearms the
    longest."""
    pairs = ((11, 12), (11, 23), (12, 24), (11, 13), (12, 14), (13, 15), (14, 16))
    return max(1.0, *(float((joints[a, :2] - joints[b, :2]).norm()) for a, b in pairs))


def _fits_the_body(hand: _Hand, joints: torch.Tensor) -> bool:
    return PALM_LENGTHS[0] < hand.palm / _length(joints) < PALM_LENGTHS[1]


def _from_wrist(hand: _Hand, joints: torch.Tensor, side: int) -> float:
    return float((hand.points[0, :2] - joints[SIDES[side][0], :2]).norm())


def _cost(hand: _Hand, joints: torch.Tensor, side: int) -> float:
    right = hand.right if side == 0 else 1 - hand.right
    return _from_wrist(hand, joints, side) / _length(joints) + HANDEDNESS_WEIGHT * (1 - right)
