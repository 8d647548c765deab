"""FACE_LANDMARKS, the face points of ComfyUI's own landmark node: checked, one face followed, in px of the clip."""

from __future__ import annotations

import numpy as np

from ..errors import SettingError
from ..types import FACE_POINTS
from .follow_people import follow_largest

NAME = "face_landmarks"
MAX_FACES = 200


def read_landmarks(value, frame_rate: float, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 [T, 478, 3] px of width x height, z in px, and the presence float32 [T] 0..1, 0 where no face was found.

    value: a dict with `frames`, for each frame a list of faces with `landmarks_xy` [478, 2] px, `landmarks_3d` [478, 3]
    in px of the network's crop and `presence` (before the logistic function), and `image_size` (height, width).
    Raises SettingError with one sentence for anything else.
    """
    frames = value.get("frames") if isinstance(value, dict) else None
    size = value.get("image_size") if isinstance(value, dict) else None
    if not isinstance(frames, (list, tuple)) or not frames or not _is_size(size):
        raise SettingError(f"{NAME} holds no frames with an image size; connect a FACE_LANDMARKS output.")
    faces = [[_face(face, number) for face in _list(frame, number)] for number, frame in enumerate(frames)]
    grow = np.array([width / size[1], height / size[0]])
    boxes = [np.array([[*face[0].min(0)[:2], *face[0].max(0)[:2]] for face in frame]).reshape(-1, 4) for frame in faces]
    points = np.zeros((len(faces), FACE_POINTS, 3), dtype=np.float32)
    presence = np.zeros(len(faces), dtype=np.float32)
    for number, index in enumerate(follow_largest(boxes, frame_rate)):
        if index is not None:
            face, presence[number] = faces[number][index]
            points[number] = face * np.array([*grow, grow.mean()])
    return points, presence


def _is_size(size) -> bool:
    sane = isinstance(size, (list, tuple)) and len(size) == 2
    return sane and all(isinstance(side, (int, float)) and 1 <= side <= 32_768 for side in size)


def _list(frame, number: int) -> list:
    if not isinstance(frame, (list, tuple)) or len(frame) > MAX_FACES:
        raise SettingError(
            f"frame {number} of {NAME} holds no list of up to {MAX_FACES} faces; connect a FACE_LANDMARKS output."
        )
    return list(frame)


def _face(face, number: int) -> tuple[np.ndarray, float]:
    if not isinstance(face, dict):
        raise SettingError(f"frame {number} of {NAME} holds a face that is no dict; connect a FACE_LANDMARKS output.")
    flat, deep = _array(face, "landmarks_xy", 2, number), _array(face, "landmarks_3d", 3, number)
    presence = face.get("presence", 10.0)
    if not isinstance(presence, (int, float, np.floating)) or not np.isfinite(presence):
        raise SettingError(f"a face in frame {number} of {NAME} has no presence; connect a FACE_LANDMARKS output.")
    # z is in px of the crop, which was turned and scaled: its size against the picture's is the spread of x and y.
    spread = np.sqrt(deep[:, :2].var(0).sum())
    unit = np.sqrt(flat.var(0).sum()) / max(spread, 1e-6)
    points = np.concatenate([flat, deep[:, 2:] * unit], 1)
    return points, float(1 / (1 + np.exp(-np.clip(presence, -30, 30))))


def _array(face: dict, key: str, columns: int, number: int) -> np.ndarray:
    try:
        points = np.asarray(face.get(key), dtype=np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.shape != (FACE_POINTS, columns):
        raise SettingError(
            f"{key} in frame {number} of {NAME} has the shape {list(points.shape)} where {[FACE_POINTS, columns]} is "
            "expected; use a landmark node with irises."
        )
    if not np.isfinite(points).all() or np.abs(points).max() >= 1e6:
        raise SettingError(f"{key} in frame {number} of {NAME} holds values that are no coordinates; detect again.")
    return points
