"""Whose landmark networks read the performer: the pack's own, or those of the optional mediapipe package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...models import bodies, faces, hands
from ..errors import SettingError

TRACKERS = ("builtin", "mediapipe")


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Tracker:
    """Three functions that read a part of a person in crops of pictures. Who is read, where the crops lie and what
    becomes of the points is the same with every tracker.

    name: one of TRACKERS. face, body, hands: with the contracts of `faces.face_landmarks`, `bodies.body_landmarks`
    and `hands.hand_landmarks`. notes: lines for the report. close: gives back what it holds; no reading afterwards.
    """

    name: str = TRACKERS[0]
    face: Callable = faces.face_landmarks
    body: Callable = bodies.body_landmarks
    hands: Callable = hands.hand_landmarks
    notes: tuple[str, ...] = ()
    close: Callable[[], None] = _nothing

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_) -> None:
        self.close()


BUILTIN = Tracker()


def open_tracker(name: str, folders: Sequence[Path] = ()) -> Tracker:
    """The tracker of this name, ready to read. folders: where mediapipe's .task files are looked for, in this order.

    Raises SettingError with one sentence for an unknown name, and where the package or its face file is missing or
    cannot be used.
    """
    if name == "builtin":
        return BUILTIN
    if name == "mediapipe":
        from .mediapipe_tracker import open_mediapipe

        return open_mediapipe(folders)
    raise SettingError(f"tracker is {name!r}; choose one of {', '.join(TRACKERS)}.")
