"""Follows one body: detect, crop, 33 joints, crop again. Read at about 15 frames a second and interpolated."""

from __future__ import annotations

import torch

from ...models import bodies

READS_PER_SECOND = 15.0


class BodyFollower:
    """Feed frames in order with `read`. landmarks: reads crops as `bodies.body_landmarks` does."""

    def __init__(self, landmarks=bodies.body_landmarks):
        self._landmarks = landmarks
        self.restart()

    def restart(self) -> None:
        """Forgets the body: another shot begins."""
        self.start(None)

    def start(self, region: torch.Tensor | None) -> None:
        """The crop [5] to look at next; None: detect."""
        self._region = region
        self.place: tuple[float, float, float] | None = None

    def keep_near(self, x: float, y: float, size: float, region: torch.Tensor | None) -> None:
        """The head is known to be at x, y px: a body whose head was elsewhere last is left for `region`."""
        if self.place is None or ((self.place[0] - x) ** 2 + (self.place[1] - y) ** 2) ** 0.5 > size:
            self.start(region)

    def read(self, frame: torch.Tensor):
        """frame: uint8 [H, W, 3]. Returns joints [33, 5] px x, y, z, visibility, presence and world [33, 3] m,
        or None when nobody is seen."""
        for fresh in (False, True):
            if fresh or self._region is None:
                found = bodies.detect_bodies(frame[None])[0]
                if not found:
                    self.start(None)
                    return None
                self._region = bodies.roi_from_detection(max(found, key=lambda box: box.score))
            body = self._landmarks(frame[None], self._region[None])
            if float(body.presence[0]) > 0.5:
                self._region = bodies.roi_from_landmarks(body)[0]
                self.place = _head(body.points[0])
                joints = torch.cat([body.points[0], body.visibility[0, :, None], body.joint_presence[0, :, None]], 1)
                return joints, body.world[0]
            self.start(None)
        return None


def _head(points: torch.Tensor) -> tuple[float, float, float]:
    """x, y and about the height of the head, px, from its joints."""
    x, y = points[:11, :2].mean(0).tolist()
    return x, y, 2.5 * float((points[[2, 5], :2].mean(0) - points[[9, 10], :2].mean(0)).norm()) + 1


def face_region(joints: torch.Tensor) -> torch.Tensor | None:
    """A crop for the face network from the joints of the head (nose, eyes, ears), [5], or None when unseen."""
    head = joints[:11]
    if float(head[:, 3].mean()) < 0.5:
        return None
    ears, mouth, eyes = head[[7, 8], :2], head[[9, 10], :2].mean(0), head[[2, 5], :2]
    width = max(float((ears[0] - ears[1]).norm()), 2.2 * float((mouth - eyes.mean(0)).norm()))
    line = eyes[0] - eyes[1]  # the subject's left eye is at the right of the picture
    centre = (eyes.mean(0) + mouth) / 2
    return torch.tensor(
        [float(centre[0]), float(centre[1]), 1.9 * width, 1.9 * width, float(torch.atan2(line[1], line[0]))]
    )
