"""POSE_KEYPOINT of other nodes and of files: checked, one person followed, in px of the clip.

The dicts come from many producers. Accepted are one frame or a list of frames; points in px or in shares of the
canvas; 18 body points (COCO) or 25 (BODY_25); 68 or 70 face points; parts that are missing, None or empty.
"""

from __future__ import annotations

from numbers import Real

import numpy as np

from ..errors import SettingError
from .follow_people import follow_largest

NAME = "pose_keypoints"
MAX_FRAMES = 1_000_000
MAX_PEOPLE = 200
MAX_CANVAS = 32_768
SEEN = 0.3
"""Score from which a point counts; DWPose and OpenPose draw from there."""
SHARES = 2.0
"""No point of a clip beyond this: its coordinates are shares of the canvas, not px."""
# The 18 points and the feet (left big toe, small toe, heel, then right) among BODY_25's.
_FROM_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
_FEET_FROM_25 = (19, 20, 21, 22, 23, 24)
_PARTS = {
    "body": ("pose_keypoints_2d", (18, 25)),
    "feet": ("foot_keypoints_2d", (6,)),
    "face": ("face_keypoints_2d", (68, 70)),
    "right": ("hand_right_keypoints_2d", (21,)),
    "left": ("hand_left_keypoints_2d", (21,)),
}
SIZES = {"body": 18, "feet": 6, "face": 70, "right": 21, "left": 21}


def read_keypoints(frames, frame_rate: float, width: int, height: int) -> dict[str, np.ndarray]:
    """One person's points: name of SIZES -> float64 [T, N, 3], x, y in px of width x height, score 0..1; 0, 0, 0 where
    nothing was seen. Raises SettingError with one sentence for anything that is no POSE_KEYPOINT."""
    frames = [frames] if isinstance(frames, dict) else frames
    if not isinstance(frames, (list, tuple)) or not 0 < len(frames) <= MAX_FRAMES:
        found = f"{len(frames)} frames" if isinstance(frames, (list, tuple)) else f"a {type(frames).__name__}"
        raise SettingError(f"{NAME} is {found} where a list of frames is expected; connect a POSE_KEYPOINT output.")
    people = [_people(frame, number) for number, frame in enumerate(frames)]
    canvases = np.array([_canvas(frame, number) for number, frame in enumerate(frames)])
    if not _in_shares(people):
        for frame, canvas in zip(people, canvases):
            for person in frame:
                for part in person.values():
                    part[:, :2] /= canvas
    for frame in people:
        for person in frame:
            for part in person.values():
                part[:, :2] *= (width, height)
    chosen = follow_largest([_boxes(frame) for frame in people], frame_rate)
    out = {name: np.zeros((len(frames), size, 3)) for name, size in SIZES.items()}
    for number, (frame, index) in enumerate(zip(people, chosen)):
        if index is not None:
            for name, part in frame[index].items():
                out[name][number] = part
    return out


def _people(frame, number: int) -> list[dict[str, np.ndarray]]:
    people = frame.get("people") if isinstance(frame, dict) else None
    if people is None and isinstance(frame, dict) and "people" in frame:
        people = []
    if not isinstance(people, (list, tuple)) or len(people) > MAX_PEOPLE:
        raise SettingError(
            f"frame {number} of {NAME} holds no list of up to {MAX_PEOPLE} people; connect a POSE_KEYPOINT output."
        )
    read = [_person(person, number) for person in people]
    return [person for person in read if any((part[:, 2] >= SEEN).any() for part in person.values())]


def _person(person, number: int) -> dict[str, np.ndarray]:
    if not isinstance(person, dict):
        raise SettingError(f"frame {number} of {NAME} holds a person that is no dict; connect a POSE_KEYPOINT output.")
    parts = {}
    for name, (key, sizes) in _PARTS.items():
        values = person.get(key)
        if values is None or (isinstance(values, (list, tuple)) and not values):
            continue
        parts[name] = _points(values, key, sizes, number)
    body = parts.get("body")
    if body is not None and len(body) == 25:
        parts["body"] = body[list(_FROM_25)]
        parts.setdefault("feet", body[list(_FEET_FROM_25)])
    if "face" in parts and len(parts["face"]) == 68:
        parts["face"] = np.concatenate([parts["face"], np.zeros((2, 3))])
    return parts


def _points(values, key: str, sizes: tuple[int, ...], number: int) -> np.ndarray:
    if not isinstance(values, (list, tuple)) or len(values) not in [3 * size for size in sizes]:
        count = len(values) if isinstance(values, (list, tuple)) else f"a {type(values).__name__}"
        wanted = " or ".join(str(3 * size) for size in sizes)
        raise SettingError(
            f"{key} in frame {number} of {NAME} holds {count} where {wanted} numbers (x, y, score) are expected; "
            "connect another POSE_KEYPOINT output."
        )
    # false for nan and infinity as well
    if not all(isinstance(value, Real) and abs(value) < 1e6 for value in values):
        raise SettingError(
            f"{key} in frame {number} of {NAME} holds values that are no coordinates; connect another output."
        )
    points = np.array(values, dtype=np.float64).reshape(-1, 3)
    points[:, 2] = points[:, 2].clip(0, 1)
    points[points[:, 2] <= 0] = 0
    return points


def _canvas(frame: dict, number: int) -> tuple[float, float]:
    sides = []
    for key in ("canvas_width", "canvas_height"):
        value = frame.get(key)
        if not isinstance(value, Real) or not 1 <= value <= MAX_CANVAS:
            raise SettingError(
                f"{key} in frame {number} of {NAME} is {str(value)[:24]} where 1 to {MAX_CANVAS} px are expected; "
                "connect another POSE_KEYPOINT output."
            )
        sides.append(float(value))
    return sides[0], sides[1]


def _in_shares(people) -> bool:
    parts = [part[part[:, 2] > 0, :2] for frame in people for person in frame for part in person.values()]
    largest = max((float(np.abs(part).max()) for part in parts if len(part)), default=0.0)
    return largest <= SHARES


def _boxes(frame: list[dict[str, np.ndarray]]) -> np.ndarray:
    boxes = np.zeros((len(frame), 4))
    for row, person in enumerate(frame):
        seen = np.concatenate([part[part[:, 2] >= SEEN, :2] for part in person.values()])
        boxes[row] = [*seen.min(0), *seen.max(0)]
    return boxes
