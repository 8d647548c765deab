"""The people of a frame, and who is who from frame to frame: by place, motion and appearance, one to one.

Every person is followed, not only the subject: when two cross, the find that comes out on the other side goes to the
one it fits best, and the subject is hidden rather than swapped.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as functional

from ...models import bodies, faces
from ...models.crops import crop_regions

SMALL_SHARE = 1 / 12
"""Faces under this share of the picture's longer side are looked for in tiles, too."""
BODY_SCORE = 0.6
"""A body without a face is one more person from this score."""
LOOK_SIZE, LIGHT_CELLS = 24, 6
"""Pixels and cells a side: finer cells would tell a face from itself a few pixels further."""
SHIFTS = tuple((x, y) for x in (0.0, -0.12, 0.12) for y in (0.0, -0.12, 0.12))
"""Where else a look is taken, in region widths; the first is where the region is."""
COLOUR_WEIGHT = 4.0
LOOKS = 8
"""Appearances that are remembered of a person."""
LOOK_WEIGHT = 2.0
"""What a wholly different appearance costs, in head sizes of distance."""
NEAR, NEAR_GROWS = 1.2, 0.25
"""How far from its expected place a person may be found, in head sizes; it grows with every frame it was not seen."""
FARTHEST = 6.0
ALIKE = 0.45
"""Least likeness of a find to somebody who was not seen for a while. Measured on the same face a second later: 0.5 and
more unless it turned away; between different people in different light: mostly under 0.5."""
COVERED = 0.2
"""Somebody near another and less like itself than this is covered in part."""
APART = 2.5
"""Nobody covers a head that is so many head sizes away."""
LEARN_EVERY = 3
RECOVER_S = 1.0
"""A subject hidden for so long may be somebody who appeared since and looks most like it, turned or lit differently."""
FORGET_S = 2.0
"""Others are forgotten after so long; the subject never is."""
SPEED_KEPT = 0.7


@dataclass(frozen=True)
class Person:
    """x, y: middle of the head, px. size: height of the head, px. score: 0..1.

    face, body: float32 [5] crops for the landmark networks, or None where that was not found.
    look: float32 [9, L] what the head and its surroundings look like, see `likeness`.
    """

    x: float
    y: float
    size: float
    score: float
    face: torch.Tensor | None
    body: torch.Tensor | None
    look: torch.Tensor

    def distance(self, x: float, y: float) -> float:
        """px from a place to the person; a body reaches about six heads down from its head's middle."""
        down = min(max(y - self.y, 0.0), 6 * self.size)
        return ((x - self.x) ** 2 + (y - self.y - down) ** 2) ** 0.5


def find_people(frame: torch.Tensor, thorough: bool = True) -> list[Person]:
    """Everybody in a picture uint8 [H, W, 3]. thorough: look for small faces in tiles when there is none large."""
    found = faces.detect_faces(frame[None])[0]
    least = SMALL_SHARE * max(frame.shape[:2])
    if thorough and max((box.height for box in found), default=0.0) < least:
        found = faces.detect_faces(frame[None], thorough=True, min_score=0.4)[0] or found
    people = bodies.detect_bodies(frame[None])[0]
    entries = []
    for box in found:
        mine = [body for body in people if _same_head(box, body)]
        people = [body for body in people if not _same_head(box, body)]
        body = bodies.roi_from_detection(mine[0]) if mine else None
        entries.append((box, faces.roi_from_detection(box), body))
    sure = [body for body in people if body.score >= BODY_SCORE] or ([] if entries else people[:1])
    entries += [(body, None, bodies.roi_from_detection(body)) for body in sure]
    if not entries:
        return []
    looks = look(frame, torch.stack([_head(box) for box, _, _ in entries]))
    return [
        Person(*box.centre, max(box.width, box.height), box.score, face, body, looks[i])
        for i, (box, face, body) in enumerate(entries)
    ]


def _same_head(face, body) -> bool:
    apart = ((face.centre[0] - body.centre[0]) ** 2 + (face.centre[1] - body.centre[1]) ** 2) ** 0.5
    return apart < max(face.width, body.width)


def _head(box) -> torch.Tensor:
    side = 1.2 * max(box.width, box.height)
    return torch.tensor([*box.centre, side, side, 0.0])


def look(frame: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
    """Appearance of regions [R, 5] of a picture, float32 [R, 9, L]: as they are, then moved a little to all sides.

    Light of 6 x 6 cells without brightness and contrast, then colour of 4 x 4 cells without brightness.
    """
    count = len(regions)
    shifted = regions[:, None].repeat(1, len(SHIFTS), 1)
    shifted[..., :2] += torch.tensor(SHIFTS) * regions[:, None, 2:3]
    pictures = torch.zeros(count * len(SHIFTS), dtype=torch.long)
    crops = crop_regions(frame[None], shifted.flatten(0, 1), LOOK_SIZE, pictures=pictures).cpu() / 255
    light = crops.mean(1, keepdim=True)
    colour = functional.avg_pool2d(crops / (light + 0.05), LOOK_SIZE // 4)
    light = functional.avg_pool2d(light, LOOK_SIZE // LIGHT_CELLS).flatten(1)
    light = light - light.mean(1, keepdim=True)
    looks = torch.cat([light / light.norm(dim=1, keepdim=True).clamp_min(1e-3), colour.flatten(1)], 1)
    return looks.view(count, len(SHIFTS), -1)


def likeness(known: torch.Tensor, seen: torch.Tensor) -> float:
    """Of two looks [9, L]: 1 equal, about 0 or less for different people. Detectors put the same head a tenth higher
    or lower from one frame to the next, so the best of the shifts counts."""
    cells = LIGHT_CELLS**2
    light = seen[:, :cells] @ known[0, :cells]
    colour = (seen[:, cells:] - known[0, cells:]).abs().mean(1)
    return float((light - COLOUR_WEIGHT * colour).max())


@dataclass(eq=False)
class Track:
    """One person through a shot: last place, first frame, speed in px a frame, frames seen, frames since seen, whether
    somebody covers it in part, and whether it turned out to be somebody else's double."""

    person: Person
    first: int
    speed: np.ndarray = field(default_factory=lambda: np.zeros(2))
    looks: list[torch.Tensor] = field(default_factory=list)
    seen: int = 0
    missed: int = 0
    covered: bool = False
    double: bool = False

    def expected(self) -> np.ndarray:
        # a hidden person is expected to go on for a moment, then to wait
        steps = min(self.missed + 1, 15)
        return np.array([self.person.x, self.person.y]) + steps * self.speed

    def __post_init__(self):
        self.start = (self.person.x, self.person.y)

    def likeness(self, person: Person) -> float:
        return max(likeness(known, person.look) for known in self.looks)

    def cost(self, person: Person) -> float:
        """Of a find being this person; infinite where it cannot be."""
        size = max(self.person.size, person.size)
        apart = float(np.linalg.norm(self.expected() - (person.x, person.y))) / size
        alike = self.likeness(person)
        if apart > min(NEAR + NEAR_GROWS * self.missed, FARTHEST) or (self.missed > 2 and alike < ALIKE):
            return float("inf")
        return apart + LOOK_WEIGHT * (1 - alike)


class Crowd:
    """Everybody of one shot. Feed the people of every frame with `update`; the subject is one of them."""

    def __init__(self, people: list[Person], subject: int, frame: int, frame_rate: float):
        self.tracks = [Track(person, frame, looks=[person.look]) for person in people]
        self.subject = self.tracks[subject]
        self.gone: list[Track] = []
        self._forget, self._recover = round(FORGET_S * frame_rate), round(RECOVER_S * frame_rate)

    def update(self, people: list[Person], frame: int) -> Person | None:
        """The subject among the people of the next frame, or None while it is hidden."""
        from scipy.optimize import linear_sum_assignment

        costs = np.array([[track.cost(person) for person in people] for track in self.tracks])
        costs = costs.reshape(len(self.tracks), len(people))
        # a worst possible pair is allowed so that an assignment always exists; it counts for nothing below
        rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, 1e3))
        taken = {int(row): int(column) for row, column in zip(rows, columns, strict=True) if costs[row, column] < 1e3}
        for row, track in enumerate(self.tracks):
            if row not in taken:
                track.missed += 1
                continue
            person = people[taken[row]]
            alone = self._is_alone(track, person)
            # half covered by somebody: the place is followed, the face is not read
            track.covered = not alone and track.likeness(person) < COVERED
            if track.missed:
                self._drop_doubles(track, frame)
            self._move(track, person, learn=alone)
        known = set(taken.values())
        new = [Track(person, frame, looks=[person.look], seen=1) for i, person in enumerate(people) if i not in known]
        left = [
            track
            for track in self.tracks
            if track is not self.subject and (track.missed > self._forget or (track.double and track.missed))
        ]
        self.gone += left
        self.tracks = [track for track in self.tracks if track not in left] + new
        if self.subject.missed > self._recover:
            self._find_subject_again(frame)
        return None if self.subject.missed or self.subject.covered else self.subject.person

    def _drop_doubles(self, track: Track, frame: int) -> None:
        """Somebody half hidden was not known again at once: what was taken for another one in its place meanwhile."""
        for other in self.tracks:
            here = (
                np.hypot(other.person.x - track.person.x, other.person.y - track.person.y)
                < FARTHEST * other.person.size
            )
            if other.first > frame - track.missed and other.seen < track.missed and here:
                other.double = True

    def _is_alone(self, track: Track, person: Person) -> bool:
        """Whether everybody else, seen or hidden, is well away."""
        others = (other for other in self.tracks if other is not track)
        return all(
            np.linalg.norm(other.expected() - (person.x, person.y)) > APART * max(other.person.size, person.size)
            for other in others
        )

    def _find_subject_again(self, frame: int) -> None:
        lost = frame - self.subject.missed
        since = [
            track for track in self.tracks if track is not self.subject and track.first > lost and not track.missed
        ]
        if since:
            best = max(since, key=lambda track: likeness(self.subject.looks[0], track.person.look))
            self.tracks.remove(best)
            self.subject.person, self.subject.speed, self.subject.missed = best.person, best.speed, 0

    def _move(self, track: Track, person: Person, learn: bool) -> None:
        step = np.array([person.x - track.person.x, person.y - track.person.y]) / (track.missed + 1)
        track.speed = SPEED_KEPT * track.speed + (1 - SPEED_KEPT) * step
        track.person, track.missed, track.seen = person, 0, track.seen + 1
        # only what is certain is learnt: not the mixture while two pass each other
        if learn and track.seen % LEARN_EVERY == 0:
            first, *later = track.looks
            track.looks = [first, *[*later, person.look][1 - LOOKS :]]

    def others(self) -> list[Track]:
        return [track for track in [*self.gone, *self.tracks] if track is not self.subject and not track.double]
