"""What is in a motion track's .safetensors file: names, shapes, types and limits. Reads the head of a file, no more.

A file comes from anywhere. Everything that its head says is compared with this page and with the file's size before
a single value is read, so that a file of a few bytes cannot ask for gigabytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from ..errors import MediaError
from ..tensor_file import check_facts, read_entries, read_json
from ..tensor_file import shortened as _short
from ..types import BODY_JOINTS, FACE_PARTS, FACE_POINTS, HAND_JOINTS, RELIEF_MAPS, RELIEF_SIDE

FORMAT = "motion_control.motion_track"
VERSION = 2
ADDED = {"quality": (2, 1.0), "relief": (2, 0.0), "relief_basis": (2, 0.0)}
"""Parts that files of versions before this one lack, and what they are filled with then."""
KIND, MAKER = "motion track", "SaveMotionTrack"
MAX_FRAMES = 1_000_000
MAX_SIDE = 32_768
MAX_EXPRESSIONS = 256

T, E = "frames", "expressions"
FACE_OFFSET, FACE_STEP, FACE_CENTRE = "face_offset", "face_step", "face_centre"
TENSORS: dict[str, tuple[str, tuple]] = {
    "times": ("F64", (T,)),
    "face_confidence": ("F32", (T,)),
    "neutral": ("F32", (FACE_POINTS, 3)),
    "rotation": ("F32", (T, 3, 3)),
    "scale": ("F32", (T,)),
    "translation": ("F32", (T, 2)),
    "gaze": ("F32", (T, 2, 2)),
    "expression": ("F32", (T, E)),
    "body": ("F32", (T, BODY_JOINTS, 5)),
    "body_world": ("F32", (T, BODY_JOINTS, 3)),
    "hands": ("F32", (T, 2, HAND_JOINTS, 3)),
    "hand_confidence": ("F32", (T, 2)),
    "camera": ("F32", (T, 4)),
    "subject_box": ("F32", (T, 4)),
    "face_visibility": ("F32", (T, len(FACE_PARTS))),
    "quality": ("F32", (T, 2)),
    "relief": ("F32", (T, RELIEF_MAPS)),
    "relief_basis": ("F32", (RELIEF_MAPS, RELIEF_SIDE, RELIEF_SIDE)),
    FACE_OFFSET: ("I16", (T, FACE_POINTS, 3)),
    FACE_STEP: ("F32", (T, 3)),
    FACE_CENTRE: ("F32", (T, 3)),
}
"""name -> (type, shape). The face points, two thirds of a file, are 16 bit numbers: the resting face in the head's pose
+ face_centre + face_step * face_offset (see `store`); everything else is stored as it is."""
_BYTES = {"F64": 8, "F32": 4, "I16": 2}
_FACTS = ("format", "version", "frame_rate", "width", "height", "anchor", "cuts", "expression_names", "report")


@dataclass(frozen=True)
class Head:
    """The facts of a track that are no tensors. count: frames. size: bytes of the tensors behind the head."""

    count: int
    frame_rate: Fraction
    width: int
    height: int
    anchor: int
    cuts: tuple[int, ...]
    expression_names: tuple[str, ...]
    report: dict
    size: int


def read_head(file: BinaryIO, name: str, size: int) -> Head:
    """Reads and checks the head of an open file of `size` bytes; the file is left behind it.

    Raises MediaError with one sentence for anything that is not a motion track of a version this pack knows.
    """
    entries, size = read_entries(file, name, size, KIND, MAKER)
    facts = check_facts(entries, name, FORMAT, VERSION, KIND, MAKER, oldest=1)
    missing = [fact for fact in _FACTS if not isinstance(facts.get(fact), str)]
    if missing:
        raise MediaError(f"{name} lacks the fact {missing[0]} of a motion track; capture the clip again.")
    names = _names(facts["expression_names"], name)
    count = _check_tensors(entries, int(facts["version"]), len(names), size, name)
    return Head(
        count=count,
        frame_rate=_rate(facts["frame_rate"], name),
        width=_integer(facts["width"], 1, MAX_SIDE, "width", name),
        height=_integer(facts["height"], 1, MAX_SIDE, "height", name),
        anchor=_integer(facts["anchor"], 0, count - 1, "anchor", name),
        cuts=_cuts(facts["cuts"], count, name),
        expression_names=names,
        report=read_json(facts["report"], name, "report", dict, MAKER),
        size=size,
    )


def _check_tensors(entries: dict, version: int, expressions: int, size: int, name: str) -> int:
    """The number of frames. Every tensor is there once, with its type and shape, and they fill the file exactly."""
    parts = {part: form for part, form in TENSORS.items() if ADDED.get(part, (1, 0.0))[0] <= version}
    if set(entries) != set(parts):
        odd = sorted(set(entries) ^ set(parts))[0]
        word = "lacks" if odd in parts else "has an unknown"
        raise MediaError(f"{name} {word} part {_short(odd)} of a motion track; capture the clip again.")
    shape = entries["times"].get("shape") if isinstance(entries["times"], dict) else None
    count = shape[0] if isinstance(shape, list) and len(shape) == 1 else None
    if type(count) is not int or not 1 <= count <= MAX_FRAMES:
        raise MediaError(f"{name} holds {_short(count)} frames and 1 to {MAX_FRAMES} are possible; capture it again.")
    spans = []
    for part, (kind, axes) in parts.items():
        wanted = [{T: count, E: expressions}.get(axis, axis) for axis in axes]
        need = _BYTES[kind]
        for side in wanted:
            need *= side
        entry = entries[part]
        span = entry.get("data_offsets") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or entry.get("dtype") != kind or entry.get("shape") != wanted:
            raise MediaError(f"{name} holds {part} in another form than {kind} {wanted}; capture the clip again.")
        if not isinstance(span, list) or len(span) != 2 or not all(type(place) is int for place in span):
            raise MediaError(f"{name} does not say where its part {part} lies; capture the clip again.")
        spans.append((span[0], span[1], need, part))
    at = 0
    for start, stop, need, part in sorted(spans):
        if start != at or stop - start != need:
            raise MediaError(f"{name} is cut short or damaged at its part {part}; capture the clip again.")
        at = stop
    if at != size:
        raise MediaError(f"{name} has {size} bytes of data where {at} belong, so it is damaged; capture it again.")
    return count


def _rate(text: str, name: str) -> Fraction:
    parts = re.fullmatch(r"([0-9]{1,12})(?:/([0-9]{1,12}))?", text)
    rate = Fraction(int(parts[1]), int(parts[2] or 1) or 1) if parts else Fraction(0)
    if not 0 < rate <= 1000 or (parts[2] and int(parts[2]) == 0):
        raise MediaError(f"{name} has the frame rate {_short(text)} where 0 to 1000 is possible; capture it again.")
    return rate


def _integer(text: str, low: int, high: int, fact: str, name: str) -> int:
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
    if not low <= value <= high:
        raise MediaError(f"{name} has the {fact} {_short(text)} where {low} to {high} is possible; capture it again.")
    return value


def _cuts(text: str, count: int, name: str) -> tuple[int, ...]:
    cuts = read_json(text, name, "list of cuts", list, MAKER)
    sane = all(type(cut) is int and 0 < cut < count for cut in cuts) and cuts == sorted(set(cuts))
    if not sane:
        raise MediaError(f"{name} has cuts that are no rising frame numbers below {count}; capture it again.")
    return tuple(cuts)


def _names(text: str, name: str) -> tuple[str, ...]:
    names = read_json(text, name, "list of expressions", list, MAKER)
    sane = all(isinstance(one, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", one) for one in names)
    if not sane or len(set(names)) != len(names) or len(names) > MAX_EXPRESSIONS:
        raise MediaError(f"{name} has expression names that are no set of words; capture it again.")
    return tuple(names)
