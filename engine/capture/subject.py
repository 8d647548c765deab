"""Which person of a clip performs: the rule a user gives, and the choice it makes among the people of a frame."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import CaptureError, SettingError
from .crowd import Person


@dataclass(frozen=True)
class Subject:
    """The largest person, unless index or point says otherwise.

    index: from 1, counted from left to right in the first frame in which people are seen.
    point: x, y as fractions of width and height; the person at or nearest to it.
    """

    index: int | None = None
    point: tuple[float, float] | None = None

    def __post_init__(self):
        if self.index is not None and self.index < 1:
            raise SettingError(f"subject is number {self.index}; people are counted from 1, from left to right.")
        if self.point is not None and not all(0 <= value <= 1 for value in self.point):
            x, y = self.point
            raise SettingError(f"subject is at {x:g},{y:g}; give x and y as fractions from 0 to 1, such as 0.4,0.6.")

    @staticmethod
    def largest() -> Subject:
        return Subject()

    @staticmethod
    def at(x: float, y: float) -> Subject:
        return Subject(point=(x, y))


def parse_subject(text: str) -> Subject:
    """ "largest", a number from 1 as "2", or a point as "0.4,0.6". Raises SettingError with one sentence."""
    words = text.strip().lower()
    if words == "largest":
        return Subject.largest()
    if re.fullmatch(r"[+-]?[0-9]{1,4}", words):
        return Subject(index=int(words))
    parts = words.split(",")
    if len(parts) == 2:
        try:
            return Subject.at(*(float(part) for part in parts))
        except SettingError:
            raise
        except ValueError:
            pass
    raise SettingError(
        f"subject is {text[:40]!r}; write largest, a number from the left such as 2, or a point such as 0.4,0.6."
    )


def choose(people: Sequence[Person], subject: Subject, width: int, height: int) -> int:
    """Which of the people of a frame [width x height px] the subject is; people must not be empty.

    Raises CaptureError when there are fewer people than subject.index.
    """
    if subject.point is not None:
        x, y = subject.point[0] * width, subject.point[1] * height
        return min(range(len(people)), key=lambda i: people[i].distance(x, y))
    if subject.index is not None:
        order = sorted(range(len(people)), key=lambda i: people[i].x)
        if subject.index > len(order):
            count = f"{len(order)} people are" if len(order) > 1 else "one person is"
            raise CaptureError(
                f"subject is number {subject.index} but {count} seen in the first frame with anybody; "
                "choose a smaller number, largest, or another start_time."
            )
        return order[subject.index - 1]
    # a face says more about size than a body of which only a part may be seen
    return max(
        range(len(people)), key=lambda i: (people[i].face is not None, people[i].size * math.sqrt(people[i].score))
    )
