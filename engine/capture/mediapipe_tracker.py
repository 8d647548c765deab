"""The optional tracker `mediapipe`: its package reads the crops that the pack's followers choose.

    frame --crop_regions--> upright picture of one part --mediapipe, still-picture mode--> points --to_picture--> frame

The Tasks interface with the user's .task files is used where there are any. The last wheels that carry models inside
(0.10.21 and before) read the other parts with their `solutions`. A part with neither is read by the built-in network,
and the report says so. Nothing is downloaded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from ...models.bodies import BodyLandmarks
from ...models.crops import check_regions, crop_regions, to_picture, turn
from ...models.hands import HandLandmarks
from ..errors import CaptureError, SettingError
from ..types import BODY_JOINTS, FACE_POINTS, HAND_JOINTS
from .tracker import Tracker

FILES = {
    "face": ("face_landmarker.task", "face_landmarker_v2.task"),
    "body": ("pose_landmarker_full.task", "pose_landmarker_heavy.task", "pose_landmarker_lite.task"),
    "hands": ("hand_landmarker.task",),
}
"""Names under which MediaPipe publishes the models, the one like the built-in network first."""
SIDES = {"face": 320, "body": 384, "hands": 320}
"""px of the crops: more than the inputs of the networks (256, 256, 224), because they crop once more."""
FOUND = 0.9
"""Presence of what was found: the package says yes or no (at 0.5). Not 1: points that slip off are still suspected,
see `occlusion.SURE`."""
CROWN = 1.1
"""Radius of the circle around a body over the distance of its farthest joint from the hips: the joints end at the eyes,
and the crop need not be exact, because the package crops once more."""

Read = Callable[[np.ndarray], dict[str, Tensor] | None]
"""uint8 [S, S, 3] -> points [N, 3] as fractions of the side and what else the part has, or None."""


def open_mediapipe(folders: Sequence[Path] = ()) -> Tracker:
    """Raises SettingError when the package, or a model of the face, is missing or cannot be used."""
    package = _import()
    solutions = _solutions(package)
    files = {part: _file(part, folders) for part in FILES}
    if files["face"] is None and solutions is None:
        where = f"there is none in {' or '.join(map(str, folders))}" if folders else "--tracker-models names no folder"
        raise SettingError(
            f"tracker mediapipe {package.__version__} needs {FILES['face'][0]} and {where}; "
            "get the file from MediaPipe's model page, or choose the tracker builtin."
        )
    functions, notes = {}, [f"mediapipe {package.__version__}"]
    with contextlib.ExitStack() as opened:
        for part, path in files.items():
            if path is not None:
                read, close = _open_task(package, part, path)
                notes.append(f"{part} by {path.name}")
            elif solutions is not None:
                read, close = _open_solution(solutions, part)
                notes.append(f"{part} by the package's own model")
            else:
                notes.append(f"{part} by the built-in network, because there is no {FILES[part][0]}")
                continue
            opened.callback(close)
            functions[part] = _FUNCTIONS[part](read)
        return Tracker("mediapipe", **functions, notes=tuple(notes), close=opened.pop_all().close)


def _import() -> ModuleType:
    try:
        import mediapipe
        from mediapipe.tasks.python import vision  # noqa: F401  what is used later must import now
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "mediapipe":
            raise _broken(error) from error
        raise SettingError(
            "tracker is mediapipe and the package mediapipe is not installed in this Python; "
            "install it (pip install mediapipe), or choose the tracker builtin."
        ) from None
    except Exception as error:  # whatever a wheel that does not fit its neighbours raises
        raise _broken(error) from error
    return mediapipe


def _broken(error: Exception) -> SettingError:
    return SettingError(
        f"tracker is mediapipe and the package mediapipe cannot be imported ({_first_line(error)}); "
        "repair its installation, or choose the tracker builtin."
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".;:")[:120] if lines else type(error).__name__


def _solutions(package: ModuleType) -> ModuleType | None:
    """The older interface, of wheels that carry their models."""
    found = getattr(package, "solutions", None)
    return found if found is not None and hasattr(found, "face_mesh") else None


def _file(part: str, folders: Sequence[Path]) -> Path | None:
    places = [Path(folder) / name for folder in folders for name in FILES[part]]
    return next((path for path in places if path.is_file()), None)


def _open_task(package: ModuleType, part: str, path: Path) -> tuple[Read, Callable[[], None]]:
    from mediapipe.tasks.python import BaseOptions, vision

    kind = {"face": "FaceLandmarker", "body": "PoseLandmarker", "hands": "HandLandmarker"}[part]
    try:
        # The bytes and not the path: the package cannot open every name that Windows allows.
        options = getattr(vision, f"{kind}Options")(base_options=BaseOptions(model_asset_buffer=path.read_bytes()))
        task = getattr(vision, kind).create_from_options(options)
    except (OSError, RuntimeError, ValueError) as error:
        raise SettingError(
            f"mediapipe cannot use {path} ({_first_line(error)}); "
            f"put MediaPipe's original {FILES[part][0]} in its place, or choose the tracker builtin."
        ) from error

    def read(crop: np.ndarray) -> dict[str, Tensor] | None:
        found = task.detect(package.Image(image_format=package.ImageFormat.SRGB, data=crop))
        if part == "face":
            return {"points": _numbers(found.face_landmarks[0])} if found.face_landmarks else None
        if part == "body":
            return _body(found.pose_landmarks[0], found.pose_world_landmarks[0]) if found.pose_landmarks else None
        if not found.hand_landmarks:
            return None
        side = found.handedness[0][0]
        right = side.score if side.category_name == "Right" else 1 - side.score
        return _hand(found.hand_landmarks[0], found.hand_world_landmarks[0], right)

    return read, task.close


def _open_solution(solutions: ModuleType, part: str) -> tuple[Read, Callable[[], None]]:
    made = {
        "face": lambda: solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True),
        "body": lambda: solutions.pose.Pose(static_image_mode=True, model_complexity=1),
        "hands": lambda: solutions.hands.Hands(static_image_mode=True, max_num_hands=1),
    }[part]()

    def read(crop: np.ndarray) -> dict[str, Tensor] | None:
        found = made.process(crop)
        if part == "face":
            several = found.multi_face_landmarks
            return {"points": _numbers(several[0].landmark)} if several else None
        if part == "body":
            points = found.pose_landmarks
            return _body(points.landmark, found.pose_world_landmarks.landmark) if points else None
        if not found.multi_hand_landmarks:
            return None
        side = found.multi_handedness[0].classification[0]
        points, world = found.multi_hand_landmarks[0].landmark, found.multi_hand_world_landmarks[0].landmark
        # `solutions`, unlike Tasks, takes every picture for a mirrored one
        return _hand(points, world, side.score if side.label == "Left" else 1 - side.score)

    return read, made.close


def _numbers(landmarks, names: tuple[str, ...] = ("x", "y", "z")) -> Tensor:
    return torch.tensor([[getattr(point, name) or 0.0 for name in names] for point in landmarks])


def _body(points, world) -> dict[str, Tensor]:
    seen = _numbers(points, ("visibility", "presence"))
    return {"points": _numbers(points), "visibility": seen[:, 0], "presence": seen[:, 1], "world": _numbers(world)}


def _hand(points, world, right: float) -> dict[str, Tensor]:
    return {"points": _numbers(points), "world": _numbers(world), "right": torch.tensor(right)}


def _read_all(
    read: Read, part: str, count: int, images: Tensor, rois: Tensor, pictures: Tensor | None
) -> tuple[Tensor, Tensor, list[dict[str, Tensor] | None]]:
    """Points [R, count, 3] in picture pixels, presence [R], and what else was read in every region."""
    pictures, rois = check_regions(images, rois, pictures), rois.float().cpu()
    points, presence, found = torch.zeros(len(rois), count, 3), torch.zeros(len(rois)), []
    for index in range(len(rois)):
        region = rois[index : index + 1]
        crop = crop_regions(images, region, SIDES[part], pictures=pictures[index : index + 1], zero_outside=True)
        one = read(np.ascontiguousarray(crop[0].permute(1, 2, 0).round().to(torch.uint8).cpu().numpy()))
        found.append(one)
        if one is None:
            continue
        if len(one["points"]) != count:
            raise CaptureError(
                f"mediapipe's model of the {part} gives {len(one['points'])} points where {count} are needed; "
                f"use MediaPipe's current {FILES[part][0]}, or choose the tracker builtin."
            )
        points[index : index + 1], presence[index] = to_picture(one["points"][None], region), FOUND
    return points, presence, found


def _gathered(found: list[dict[str, Tensor] | None], name: str, shape: tuple[int, ...]) -> Tensor:
    """[R, *shape], zero where nothing was found."""
    return torch.stack([torch.zeros(shape) if one is None else one[name] for one in found])


def _face_function(read: Read):
    def face_landmarks(images: Tensor, rois: Tensor, *, pictures: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return _read_all(read, "face", FACE_POINTS, images, rois, pictures)[:2]

    return face_landmarks


def _body_function(read: Read):
    def body_landmarks(images: Tensor, rois: Tensor, *, pictures: Tensor | None = None) -> BodyLandmarks:
        points, presence, found = _read_all(read, "body", BODY_JOINTS, images, rois, pictures)
        return BodyLandmarks(
            points=points,
            visibility=_gathered(found, "visibility", (BODY_JOINTS,)),
            joint_presence=_gathered(found, "presence", (BODY_JOINTS,)),
            presence=presence,
            world=turn(_gathered(found, "world", (BODY_JOINTS, 3)), rois[:, 4].float().cpu()),
            auxiliary=_around(points),
        )

    return body_landmarks


def _around(points: Tensor) -> Tensor:
    """[R, 2, 3] middle of the hips and the top of the circle around the body, which the package keeps to itself."""
    hips, shoulders = points[:, [23, 24]].mean(1), points[:, [11, 12]].mean(1)
    up = torch.nn.functional.normalize((shoulders - hips)[:, :2], dim=1)
    radius = CROWN * (points[:, :, :2] - hips[:, None, :2]).norm(dim=2).amax(1, keepdim=True)
    top = torch.cat([hips[:, :2] + radius * up, hips[:, 2:]], 1)
    return torch.stack([hips, top], 1)


def _hands_function(read: Read):
    def hand_landmarks(images: Tensor, rois: Tensor, *, pictures: Tensor | None = None) -> HandLandmarks:
        points, presence, found = _read_all(read, "hands", HAND_JOINTS, images, rois, pictures)
        world = turn(_gathered(found, "world", (HAND_JOINTS, 3)), rois[:, 4].float().cpu())
        return HandLandmarks(points, presence, _gathered(found, "right", ()), world)

    return hand_landmarks


_FUNCTIONS = {"face": _face_function, "body": _body_function, "hands": _hands_function}
