"""Dataclasses of `engine.types` as plain JSON and named byte arrays, and back; a new field needs no line here.

    Identity(views=(View(...),), primary=0, ...)  ->  {"": "Identity", "views": [{"": "View", ...}], "primary": 0, ...}
                                                      + {"views.0.image": bytes, "neutral": bytes, ...}

A tensor stands in the JSON as {"tensor": its name, "type", "shape", "packing"}. Pictures (uint8 [H, W, 3]) are PNG,
large other tensors deflated when that makes them smaller (a matte is mostly 0 and 1), small ones plain: every value
comes back bit by bit.
"""

from __future__ import annotations

import collections.abc
import io
import math
import types as python_types
import typing
import zlib
from dataclasses import MISSING, fields, is_dataclass
from fractions import Fraction

import numpy as np
import torch
from PIL import Image

from .. import types

TYPES = {
    "U8": torch.uint8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64, "BOOL": torch.bool,
    "F16": torch.float16, "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip
NAMES = {value: name for name, value in TYPES.items()}
PLAIN, PNG, DEFLATED = "plain", "png", "deflated"
_WORTH_PACKING = 16_384
"""Bytes from which a tensor is deflated."""
MOST_BYTES = 2**31
"""Of all unpacked tensors of a file. Five pictures of 20 million pixels with their mattes have 0.7 GB."""
_CLASSES = {name: one for name, one in vars(types).items() if is_dataclass(one)}


class ContentError(ValueError):
    """What is wrong with a file's content, as the end of a sentence that begins with the file's name."""


def pack(value, place: str = "") -> tuple[object, dict[str, bytes]]:
    """JSON and byte arrays of a value made of dataclasses, tuples, dicts, tensors, texts and numbers."""
    arrays: dict[str, bytes] = {}
    return _packed(value, place, arrays), arrays


def _packed(value, place: str, arrays: dict[str, bytes]):
    if is_dataclass(value):
        content = {one.name: getattr(value, one.name) for one in fields(value)}
        return {"": type(value).__name__} | {
            name: _packed(part, f"{place}.{name}".lstrip("."), arrays) for name, part in content.items()
        }
    if isinstance(value, torch.Tensor):
        return _packed_tensor(value.detach().cpu().contiguous(), place, arrays)
    if isinstance(value, (tuple, list)):
        return [_packed(part, f"{place}.{number}", arrays) for number, part in enumerate(value)]
    if isinstance(value, dict):
        return {str(name): _packed(part, f"{place}.{name}", arrays) for name, part in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)  # a Fraction or a Path


def _packed_tensor(value: torch.Tensor, place: str, arrays: dict[str, bytes]) -> dict:
    data, packing = value.numpy().tobytes(), PLAIN
    if value.dtype == torch.uint8 and value.ndim == 3 and value.shape[-1] == 3 and value.numel():
        file = io.BytesIO()
        Image.fromarray(value.numpy()).save(file, "PNG", compress_level=4)
        data, packing = file.getvalue(), PNG
    elif len(data) >= _WORTH_PACKING:
        packed = zlib.compress(data, 4)
        if len(packed) < 0.9 * len(data):
            data, packing = packed, DEFLATED
    arrays[place] = data
    return {"tensor": place, "type": NAMES[value.dtype], "shape": list(value.shape), "packing": packing}


def unpack(content, arrays: dict[str, bytes], kind: type):
    """The dataclass `kind` that `pack` wrote. Raises ContentError for anything else, before memory is spent on it."""
    return _Reader(arrays).value(content, kind, kind.__name__)


class _Reader:
    """Compares every value with the type that its field declares."""

    def __init__(self, arrays: dict[str, bytes]):
        self.arrays, self.bytes = arrays, 0

    def value(self, content, kind, place: str):
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, python_types.UnionType):
            if content is None and type(None) in inner:
                return None
            return self.value(content, next(one for one in inner if one is not type(None)), place)
        if kind is torch.Tensor:
            return self.tensor(content, place)
        if is_dataclass(kind):
            return self.record(content, kind, place)
        if (origin or kind) in (tuple, list, collections.abc.Sequence):
            return self.sequence(content, origin or kind, inner, place)
        if (origin or kind) is dict:
            if isinstance(content, dict):
                part_kind = inner[1] if len(inner) == 2 else typing.Any
                return {name: self.value(part, part_kind, f"{place}.{name}") for name, part in content.items()}
        elif kind is float and type(content) in (int, float):
            return float(content)
        elif kind is Fraction and isinstance(content, str) and len(content) < 50:
            try:
                return Fraction(content)
            except (ValueError, ZeroDivisionError):
                pass
        elif kind is typing.Any:
            return self.anything(content, place)
        elif kind in (int, bool, str) and type(content) is kind:
            return content
        raise ContentError(f"holds a {place} that is no {getattr(kind, '__name__', kind)}")

    def anything(self, content, place: str):
        """A value whose field does not say what it holds: JSON, with the tensors and dataclasses in it."""
        if isinstance(content, list):
            return self.sequence(content, list, (), place)
        if isinstance(content, dict) and isinstance(content.get(""), str) and content[""] in _CLASSES:
            return self.record(content, _CLASSES[content[""]], place)
        if isinstance(content, dict) and set(content) == {"tensor", "type", "shape", "packing"}:
            return self.tensor(content, place)
        return self.value(content, dict, place) if isinstance(content, dict) else content

    def record(self, content, kind: type, place: str):
        if not isinstance(content, dict) or content.get("") != kind.__name__:
            raise ContentError(f"holds a {place} that is no {kind.__name__}")
        hints = typing.get_type_hints(kind, vars(types))
        known = {one.name: one for one in fields(kind)}
        odd = sorted(set(content) - set(known) - {""})
        if odd:
            raise ContentError(f"has a part {place}.{str(odd[0])[:40]} that this version of the pack does not know")
        found = {}
        for name, one in known.items():
            if name in content:
                found[name] = self.value(content[name], hints[name], f"{place}.{name}")
            elif one.default is MISSING and one.default_factory is MISSING:
                raise ContentError(f"lacks its part {place}.{name}")
        try:
            return kind(**found)
        except (TypeError, ValueError) as error:  # its own __post_init__
            raise ContentError(f"holds a {place} that does not fit together ({error})") from error

    def sequence(self, content, kind, inner: tuple, place: str):
        if not isinstance(content, list):
            raise ContentError(f"holds a {place} that is no list")
        fixed = kind is tuple and inner and inner[-1] is not Ellipsis
        if fixed and len(inner) != len(content):
            raise ContentError(f"holds a {place} of {len(content)} values where {len(inner)} belong")
        kinds = inner if fixed else [inner[0] if inner else typing.Any] * len(content)
        found = [self.value(part, one, f"{place}.{number}") for number, (part, one) in enumerate(zip(content, kinds))]
        return tuple(found) if kind is tuple else found

    def tensor(self, content, place: str) -> torch.Tensor:
        entry = content if isinstance(content, dict) else {}
        shape, kind = entry.get("shape"), entry.get("type")
        sane = isinstance(shape, list) and len(shape) <= 8 and all(type(n) is int and 0 <= n < 2**31 for n in shape)
        data = self.arrays.get(entry["tensor"]) if isinstance(entry.get("tensor"), str) else None
        if not sane or not isinstance(kind, str) or kind not in TYPES or data is None:
            raise ContentError(f"holds a {place} that is no tensor")
        need = math.prod(shape) * TYPES[kind].itemsize
        self.bytes += need
        if self.bytes > MOST_BYTES:
            raise ContentError(f"needs {self.bytes / 2**30:.1f} GB where {MOST_BYTES / 2**30:.0f} is the limit")
        if not need:
            return torch.zeros(shape, dtype=TYPES[kind])
        data = _unpacked(data, entry.get("packing"), need, shape)
        if data is None or len(data) != need:
            raise ContentError(f"is damaged at its part {place}")
        value = torch.frombuffer(bytearray(data), dtype=TYPES[kind]).reshape(shape)
        if value.dtype.is_floating_point and not bool(value.isfinite().all()):
            raise ContentError(f"holds a {place} with values that are no numbers")
        return value


def _unpacked(data: bytes, packing, need: int, shape: list[int]) -> bytes | None:
    """At most `need` bytes (one more when there are more), None for what cannot be unpacked."""
    if packing == PLAIN:
        return data
    try:
        if packing == DEFLATED:
            return zlib.decompressobj().decompress(data, need + 1)
        if packing == PNG:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
                if picture.mode == "RGB" and [picture.height, picture.width, 3] == shape:
                    return np.asarray(picture).tobytes()
    except (zlib.error, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        pass
    return None
