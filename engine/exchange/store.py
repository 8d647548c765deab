"""A MotionTrack as a .safetensors file: a capture that is kept, sent and played again without its video.

Size: about 4.7 kB a frame and 0.6 MB, 9.2 MB for a minute at 30 frames a second. Face points are stored as
16 bit differences from the resting face in the frame's head pose, over the range of these differences in the frame:
the error is at most 1/131,000 of that range, 0.0005 px for a face of 500 px whose jaw drops by 60 px (and float32
itself resolves 0.0001 px at 2,000 px). Everything else is stored as it is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

from ..errors import MediaError
from ..tensor_file import check_target, write_whole
from ..types import MotionTrack
from . import track_file

MAX_VALUE = 1e6
"""px (or any unit): no coordinate of a picture is larger, and squares stay far from the end of float32."""

_STEPS = 32767
_SHARES = ("face_confidence", "hand_confidence", "face_visibility", "quality")


def save_track(track: MotionTrack, path: str | Path) -> None:
    """Writes the track; the file appears under its name only when it is whole. Raises MediaError."""
    from safetensors.torch import save

    path = check_target(path)
    plain = [name for name in track_file.TENSORS if hasattr(track, name)]
    tensors = {name: getattr(track, name).detach().cpu() for name in plain}
    tensors |= _packed(track.face_points.detach().cpu(), _posed(tensors))
    tensors = {
        name: tensors[name].to(torch.float64 if kind == "F64" else torch.int16 if kind == "I16" else torch.float32)
        for name, (kind, _) in track_file.TENSORS.items()
    }
    _check_values(tensors, "the track")
    data = save({name: value.contiguous() for name, value in tensors.items()}, _facts(track))
    write_whole(path, data)


def load_track(path: str | Path) -> MotionTrack:
    """The track in a file. Raises MediaError with one sentence for a file that is missing, damaged or made up."""
    from safetensors.torch import load

    path = Path(path)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = track_file.read_head(file, path.name, size)
            file.seek(0)
            data = file.read(size)
    except OSError as error:
        raise MediaError(f"{path} cannot be read ({error.strerror}); choose another file.") from error
    try:
        tensors = load(data)
    except Exception as error:  # the library has its own error class, and others for what it cannot convert
        raise MediaError(f"{path.name} is damaged; capture the clip again.") from error
    for part in set(track_file.ADDED) - set(tensors):
        axes = track_file.TENSORS[part][1]
        shape = [head.count if axis == track_file.T else axis for axis in axes]
        tensors[part] = torch.full(shape, track_file.ADDED[part][1])
    _check_values(tensors, path.name)
    points = _unpacked(tensors, _posed(tensors))
    plain = {name: value for name, value in tensors.items() if not name.startswith("face_") or name in _SHARES}
    return MotionTrack(
        frame_rate=head.frame_rate,
        width=head.width,
        height=head.height,
        face_points=points,
        expression_names=head.expression_names,
        anchor=head.anchor,
        cuts=head.cuts,
        report=head.report,
        **plain,
    )


def _packed(points: torch.Tensor, base: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the face points [T, 478, 3] px differ from `base`: whole steps from the middle of each frame's range."""
    rest = points.double() - base
    low, high = rest.amin(1), rest.amax(1)
    centre, step = ((low + high) / 2).float(), ((high - low) / 2 / _STEPS).float()
    offset = (rest - centre.double()[:, None]) / step.double().clamp_min(1e-12)[:, None]
    return {
        track_file.FACE_OFFSET: offset.round().clamp(-_STEPS, _STEPS).to(torch.int16),
        track_file.FACE_STEP: step,
        track_file.FACE_CENTRE: centre,
    }


def _unpacked(tensors: dict[str, torch.Tensor], base: torch.Tensor) -> torch.Tensor:
    step, centre = tensors[track_file.FACE_STEP].double(), tensors[track_file.FACE_CENTRE].double()
    return (base + centre[:, None] + step[:, None] * tensors[track_file.FACE_OFFSET].double()).float()


def _posed(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    """The resting face in each frame's head pose: float64 [T, 478, 3] px, z from the centre of the head."""
    turn, scale, place = (tensors[name].double() for name in ("rotation", "scale", "translation"))
    posed = scale[:, None, None] * (tensors["neutral"].double() @ turn.transpose(1, 2))
    posed[..., :2] += place[:, None]
    return posed


def _facts(track: MotionTrack) -> dict[str, str]:
    return {
        "format": track_file.FORMAT,
        "version": str(track_file.VERSION),
        "frame_rate": str(track.frame_rate),
        "width": str(track.width),
        "height": str(track.height),
        "anchor": str(track.anchor),
        "cuts": json.dumps(list(track.cuts)),
        "expression_names": json.dumps(list(track.expression_names)),
        "report": json.dumps(
            track.report, default=lambda value: value.line() if hasattr(value, "line") else str(value)
        ),
    }


def _check_values(tensors: dict[str, torch.Tensor], name: str) -> None:
    for part, value in tensors.items():
        if value.dtype.is_floating_point and not bool((value.abs() <= MAX_VALUE).all()):  # false for nan as well
            raise MediaError(f"{name} holds values in its part {part} that are no coordinates; capture the clip again.")
    shares = {part: tensors[part] for part in _SHARES} | {"body visibility": tensors["body"][..., 3:]}
    for part, value in shares.items():
        if value.numel() and (float(value.min()) < -0.01 or float(value.max()) > 1.01):
            raise MediaError(f"{name} holds a {part} outside 0 to 1; capture the clip again.")
    turn = tensors["rotation"]
    error = (turn @ turn.transpose(1, 2) - torch.eye(3)).abs().amax()
    if float(error) > 0.01 or bool((torch.linalg.det(turn) < 0).any()):
        raise MediaError(f"{name} holds a rotation that turns and bends the head; capture the clip again.")
    if float(tensors["scale"].min()) <= 0 or float(tensors["camera"][:, 0].min()) <= 0:
        raise MediaError(f"{name} holds a size or a zoom that is not above 0; capture the clip again.")
    times = tensors["times"]
    if float(times[0]) < 0 or bool((times[1:] < times[:-1]).any()):
        raise MediaError(f"{name} holds times that do not rise; capture the clip again.")
    if float(tensors[track_file.FACE_STEP].min()) < 0:
        raise MediaError(f"{name} holds a face of negative size; capture the clip again.")
