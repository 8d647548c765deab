"""Follows one face through a clip: detect, crop, landmarks, crop again from the last landmarks."""

from __future__ import annotations

import torch

from ...models import faces

PRESENT = 0.5
"""Presence of the landmark network from which a crop counts as a face."""
SETTLED = (0.06, 0.07, 0.10)
"""A crop is good enough when centre (in crop widths), angle (radians) and log size are within these of the crop that
its own landmarks ask for; otherwise the frame is read again from the better crop."""
SAME_PLACE = 0.25
"""The last landmarks give a better crop than a detection this near, in crop widths."""
SEARCH_EVERY_S = 0.25
"""The slow search for small faces runs at most this often while no face is known."""


class FaceFollower:
    """Feed batches in order with `read`; the face once chosen is followed by its crop.

    On a fresh start the largest face is taken. landmarks: reads crops as `faces.face_landmarks` does.
    """

    def __init__(self, frame_rate: float, landmarks=faces.face_landmarks):
        self._landmarks = landmarks
        self._search_gap = max(1, round(SEARCH_EVERY_S * frame_rate))
        self.restart()

    def restart(self) -> None:
        """Forgets the face: another shot begins."""
        self._region: torch.Tensor | None = None
        self._next_search = self._frame = 0

    def start(self, region: torch.Tensor | None) -> None:
        """The crop [5] to look at next; None: the face is hidden."""
        self._region = region

    @property
    def place(self) -> tuple[float, float, float] | None:
        """x, y and about the height of the followed face, px."""
        if self._region is None:
            return None
        return float(self._region[0]), float(self._region[1]), float(self._region[2]) / faces.ROI_SCALE

    def is_at(self, x: float, y: float) -> bool:
        """Whether the followed face was last near x, y px."""
        return (
            self.place is not None and ((self.place[0] - x) ** 2 + (self.place[1] - y) ** 2) ** 0.5 < self.place[2] / 2
        )

    def read_at(self, frame: torch.Tensor, region: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """The face of one frame uint8 [H, W, 3]: points [478, 3] px, presence [].

        region: its crop [5] as detected, None when only the last crop is known.
        """
        if self._region is None:
            self._region = region
        elif region is not None and float((self._region[:2] - region[:2]).norm()) > SAME_PLACE * float(region[2]):
            self._region = region
        points, presence = self._read_run(frame[None])
        self._region = faces.roi_from_landmarks(points)[0] if float(presence[0]) >= PRESENT else None
        return points[0], presence[0]

    def read(self, frames: torch.Tensor, hints: list[torch.Tensor | None] | None = None):
        """frames: uint8 [B, H, W, 3]. hints: a crop per frame to look at when the face is lost (from the body).

        Returns points float32 [B, 478, 3] px and presence float32 [B] (0 where no face was found).
        """
        count = len(frames)
        points, presence = torch.zeros(count, 478, 3), torch.zeros(count)
        done = 0
        while done < count:
            if self._region is None and not self._find(frames[done], hints[done] if hints else None):
                self._frame += 1
                done += 1
                continue
            run, seen = self._read_run(frames[done:])
            lost = (seen < PRESENT).nonzero()
            stop = int(lost[0]) if len(lost) else len(run)
            points[done : done + stop], presence[done : done + stop] = run[:stop], seen[:stop]
            if stop:
                self._region = faces.roi_from_landmarks(run[stop - 1 : stop])[0]
            done += stop
            self._frame += stop
            if len(lost):
                # lost: this frame is looked at afresh; if that fails too it stays empty
                known = self._region
                self._region = None
                if not self._find(frames[done], hints[done] if hints else None, near=known):
                    self._frame += 1
                    done += 1
                    continue
                again, seen = self._read_run(frames[done : done + 1])
                if float(seen[0]) >= PRESENT:
                    points[done], presence[done] = again[0], seen[0]
                    self._region = faces.roi_from_landmarks(again)[0]
                else:
                    self._region = None
                self._frame += 1
                done += 1
        return points, presence

    def _read_run(self, frames):
        """Landmarks of consecutive frames from the last known crop, read twice where the face moved in it."""
        regions = self._region.expand(len(frames), -1).clone()
        points, presence = self._landmarks(frames, regions)
        for _ in range(2):
            wanted = faces.roi_from_landmarks(points)
            moved = _moved(regions, wanted) & (presence > 0.1)
            if not bool(moved.any()):
                break
            regions[moved] = wanted[moved]
            points[moved], presence[moved] = self._landmarks(frames[moved], regions[moved])
        return points, presence

    def _find(self, frame: torch.Tensor, hint: torch.Tensor | None, near: torch.Tensor | None = None) -> bool:
        """Sets the crop from a detection; True when there is one."""
        found = faces.detect_faces(frame[None])[0]
        if not found and self._frame >= self._next_search:
            self._next_search = self._frame + self._search_gap
            found = faces.detect_faces(frame[None], thorough=True, min_score=0.4)[0]
        if found:
            if near is not None:
                found = [box for box in found if _overlaps(box, near)] or found
            best = max(found, key=lambda box: box.width * box.height * box.score)
            self._region = faces.roi_from_detection(best)
        elif hint is not None:
            self._region = hint
        return self._region is not None


def _moved(have: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    centre = (have[:, :2] - want[:, :2]).norm(dim=1) / want[:, 2]
    angle = torch.remainder(have[:, 4] - want[:, 4] + torch.pi, 2 * torch.pi) - torch.pi
    size = (have[:, 2] / want[:, 2]).log().abs()
    return (centre > SETTLED[0]) | (angle.abs() > SETTLED[1]) | (size > SETTLED[2])


def _overlaps(box, region) -> bool:
    dx, dy = box.centre[0] - float(region[0]), box.centre[1] - float(region[1])
    return (dx * dx + dy * dy) ** 0.5 < float(region[2])
