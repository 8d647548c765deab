"""Reads the chosen person of a clip, part by part: face, body and hands, alone or among others."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..types import BODY_JOINTS, FACE_POINTS, HAND_JOINTS, Clip, FrameBatch
from .crowd import Crowd, Person, find_people, likeness
from .cuts import ShotPart
from .follow_body import READS_PER_SECOND, BodyFollower, face_region
from .follow_face import FaceFollower
from .follow_hands import HandFollower
from .subject import Subject, choose
from .tracker import BUILTIN, Tracker

CLOSE_UP = 0.36
"""A face higher than this share of the frame is a close-up: the body networks only look for the shoulders."""
CLOSE_UP_STRIDE = 2
"""In a close-up the body is read this many times more rarely."""
LOOK_AROUND_S = 0.5
"""A performer who is alone is looked up among the people of a frame so often, to notice when others come."""
LEAST_SEEN = 3
"""Somebody else is reported from so many frames: single finds are mistakes of the detectors."""
SEARCH_EVERY_S = 0.25
"""While nobody is chosen the slow search for small people runs at most this often."""


@dataclass(frozen=True)
class Seen:
    """What was read in consecutive frames; see `assemble.Observations` for the fields."""

    face: torch.Tensor
    face_seen: torch.Tensor
    body: torch.Tensor
    body_world: torch.Tensor
    body_read: torch.Tensor
    hands: torch.Tensor
    hands_seen: torch.Tensor
    hands_read: torch.Tensor

    @staticmethod
    def nothing(count: int) -> Seen:
        return Seen(
            torch.zeros(count, FACE_POINTS, 3),
            torch.zeros(count),
            torch.zeros(count, BODY_JOINTS, 5),
            torch.zeros(count, BODY_JOINTS, 3),
            torch.zeros(count, dtype=torch.bool),
            torch.zeros(count, 2, HAND_JOINTS, 3),
            torch.zeros(count, 2),
            torch.zeros(count, dtype=torch.bool),
        )

    @staticmethod
    def joined(parts: list[Seen]) -> Seen:
        return Seen(*(torch.cat([getattr(part, name) for part in parts]) for name in Seen.__dataclass_fields__))


class Performer:
    """Feed the parts of a clip in order with `read`."""

    def __init__(self, clip: Clip, subject: Subject, body: bool = True, hands: bool = True, tracker: Tracker = BUILTIN):
        self._rate, self._height, self._size = float(clip.frame_rate), clip.height, (clip.width, clip.height)
        self._subject = subject
        # without a body the shoulders are still read now and then: they say where a lost face is
        self._with_body, self._with_hands = body, hands and body
        self._stride = max(1, round(self._rate / READS_PER_SECOND))
        self._face, self._body = FaceFollower(self._rate, tracker.face), BodyFollower(tracker.body)
        self._hands = HandFollower(tracker.hands)
        self._looks: list[torch.Tensor] = []
        self._crowds: list[Crowd] = []
        self._begin_shot()

    def _begin_shot(self) -> None:
        self._face.restart()
        self._body.restart()
        self._hands.restart()
        self._crowd: Crowd | None = None
        self._chosen, self._close_up = False, False
        self._joints: torch.Tensor | None = None
        self._shot_frame = 0
        self._look_at = 0

    def read(self, part: ShotPart) -> Seen:
        if part.begins:
            self._begin_shot()
        seen = Seen.nothing(len(part.batch))
        batch, done = part.batch, 0
        while done < len(batch) and not self._chosen:
            self._choose(batch.frames[done], batch.first + done)
            if not self._chosen:
                done += 1
                self._shot_frame += 1
        if done < len(batch):
            self._look_around(batch.frames[done], batch.first + done)
            rest = FrameBatch(batch.frames[done:], batch.times[done:], batch.first + done)
            (self._read_alone if self._crowd is None else self._read_among_others)(rest, seen, done)
        return seen

    def _choose(self, frame: torch.Tensor, index: int) -> None:
        """The subject of a shot, in its first frame with people."""
        thorough = self._shot_frame >= self._look_at
        if thorough:
            self._look_at = self._shot_frame + max(1, round(SEARCH_EVERY_S * self._rate))
        people = find_people(frame, thorough)
        if not people:
            return
        if self._looks:
            # in a later shot: whoever looks most like it
            best = max(range(len(people)), key=lambda i: max(likeness(one, people[i].look) for one in self._looks))
        else:
            best = choose(people, self._subject, *self._size)
        self._chosen = True
        self._follow(people, best, index)
        self._face.start(people[best].face)
        self._body.start(people[best].body)
        self._looks = [*self._looks, people[best].look][-4:]
        self._look_at = self._shot_frame + round(LOOK_AROUND_S * self._rate)

    def _follow(self, people: list[Person], subject: int, index: int) -> None:
        if len(people) > 1:
            self._crowd = Crowd(people, subject, index, self._rate)
            self._crowds.append(self._crowd)

    def _look_around(self, frame: torch.Tensor, index: int) -> None:
        """Somebody may have come to a performer who was alone."""
        centre = self._face.place or self._body.place
        if self._crowd is not None or self._shot_frame < self._look_at or centre is None:
            return
        self._look_at = self._shot_frame + round(LOOK_AROUND_S * self._rate)
        people = find_people(frame, thorough=False)
        x, y, size = centre
        nearest = min(range(len(people)), key=lambda i: abs(people[i].x - x) + abs(people[i].y - y), default=None)
        if nearest is not None and abs(people[nearest].x - x) + abs(people[nearest].y - y) < size:
            self._follow(people, nearest, index)

    def _read_alone(self, batch: FrameBatch, seen: Seen, at: int) -> None:
        every = self._stride * (CLOSE_UP_STRIDE if self._close_up else 1)
        hint = None
        for i in range(len(batch)):
            if (self._shot_frame + i) % every == 0:
                self._read_body(batch.frames[i], seen, at + i)
                hint = face_region(self._joints) if self._joints is not None else None
        points, presence = self._face.read(batch.frames, [hint] * len(batch))
        seen.face[at:], seen.face_seen[at:] = points, presence
        self._shot_frame += len(batch)
        self._note_close_up(points, presence)

    def _read_among_others(self, batch: FrameBatch, seen: Seen, at: int) -> None:
        for i in range(len(batch)):
            frame = batch.frames[i]
            person = self._crowd.update(find_people(frame, thorough=False), batch.first + i)
            if person is None:
                self._face.start(None)
                self._body.start(None)
                self._joints = None
            else:
                if person.face is not None or self._face.is_at(person.x, person.y):
                    points, presence = self._face.read_at(frame, person.face)
                    seen.face[at + i], seen.face_seen[at + i] = points, presence
                if self._shot_frame % self._stride == 0 and (person.body is not None or self._body.place is not None):
                    self._body.keep_near(person.x, person.y, person.size, person.body)
                    self._read_body(frame, seen, at + i)
            self._shot_frame += 1
        self._looks = [self._crowd.subject.looks[0], *self._crowd.subject.looks[-3:]]
        if self._crowd.tracks == [self._crowd.subject] and not self._crowd.subject.missed:
            self._crowd = None  # the others left and are forgotten: alone again, which is quicker

    def _read_body(self, frame: torch.Tensor, seen: Seen, at: int) -> None:
        found = self._body.read(frame)
        self._joints = found[0] if found else None
        if found and self._with_body:
            seen.body[at], seen.body_world[at] = found
            seen.body_read[at] = True
        if self._with_hands:
            seen.hands[at], seen.hands_seen[at] = self._hands.read(frame, self._joints)
            seen.hands_read[at] = True

    def _note_close_up(self, points: torch.Tensor, presence: torch.Tensor) -> None:
        known = presence > 0.5
        if bool(known.any()):
            mesh = points[known][:, :468, 1]
            self._close_up = float((mesh.amax(1) - mesh.amin(1)).mean()) > CLOSE_UP * self._height

    @property
    def hand_swaps(self) -> int:
        """How often left and right were found on the wrong arm and put right."""
        return self._hands.swaps

    def others(self) -> list[dict]:
        """Everybody else: where first seen (fractions of the picture), since which frame, in how many frames."""
        return [
            {
                "where": [round(track.start[0] / self._size[0], 3), round(track.start[1] / self._size[1], 3)],
                "first_frame": track.first,
                "frames": track.seen,
            }
            for crowd in self._crowds
            for track in crowd.others()
            if track.seen >= LEAST_SEEN
        ]
