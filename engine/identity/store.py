"""An Identity as a .safetensors file: a character that is bound once and used anywhere, found again by its name.

A picture of 1024 x 1024 takes about 1.5 MB, its matte 0.2 MB, the atlas 1 to
1.5 MB; nothing is rounded (see `content`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch

from ..errors import IdentityError, MediaError
from ..tensor_file import (
    IDENTITIES,
    IDENTITY,
    SUFFIX,
    check_facts,
    check_target,
    files_of,
    read_entries,
    read_json,
    shortened,
    write_whole,
)  # fmt: skip
from ..types import BODY_JOINTS, FACE_POINTS, Identity
from .atlas import SIDE
from .content import MOST_BYTES, ContentError, pack, unpack

FORMAT, FOLDER = IDENTITY, IDENTITIES
VERSION = 1
KIND, MAKER = "identity", "SaveIdentity"
MOST_VIEWS = 64
MAX_VALUE = 1e6
"""px (or any unit): no coordinate of a picture is larger."""
_NAME = re.compile(r"\w[\w .-]{0,62}(?<![ .])")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def identity_file(name: str, folder: str | Path) -> Path:
    """The file of the identity `name` in `folder`, there or not.

    Raises IdentityError for a name that is more than a name: letters, digits, spaces, . _ and - are allowed.
    """
    name = name.strip()
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise IdentityError(
            f"{shortened(name)} cannot be the name of an identity; use up to 63 letters, digits, spaces, . _ or -, "
            "such as 'hero'."
        )
    return Path(folder) / f"{name.removesuffix(SUFFIX)}{SUFFIX}"


def saved_identities(folder: str | Path) -> list[str]:
    """The names of the identities in `folder`."""
    return [path.stem for path in files_of(FORMAT, Path(folder))]


def save_identity(identity: Identity, path: str | Path) -> None:
    """Writes the identity; the file appears under its name only when it is whole. Raises MediaError."""
    from safetensors.torch import save

    path = check_target(path)
    content, arrays = pack(identity)
    tensors = {name: torch.frombuffer(bytearray(data or b"\0"), dtype=torch.uint8) for name, data in arrays.items()}
    write_whole(path, save(tensors, {"format": FORMAT, "version": str(VERSION), "content": json.dumps(content)}))


def load_identity(path: str | Path) -> Identity:
    """The identity in a file. Raises MediaError with one sentence for a file that is missing, damaged or made up."""
    from safetensors.torch import load

    path = Path(path)
    try:
        with open(path, "rb") as file:
            size = path.stat().st_size
            if size > MOST_BYTES:
                raise MediaError(f"{path.name} has {size / 2**30:.1f} GB and is no identity; choose a file of {MAKER}.")
            entries, _ = read_entries(file, path.name, size, KIND, MAKER)
            facts = check_facts(entries, path.name, FORMAT, VERSION, KIND, MAKER)
            file.seek(0)
            data = file.read(size)
    except OSError as error:
        raise MediaError(f"{path} cannot be read ({error.strerror}); choose another file.") from error
    written = facts.get("content")
    content = read_json(written if isinstance(written, str) else "", path.name, "content", dict, MAKER)
    try:
        arrays = {name: value.numpy().tobytes() for name, value in load(data).items() if value.dtype == torch.uint8}
    except Exception as error:  # the library has its own error class, and others for what it cannot convert
        raise MediaError(f"{path.name} is damaged; bind the character again.") from error
    del data
    try:
        identity = unpack(content, arrays, Identity)
        _check(identity)
    except ContentError as problem:
        raise MediaError(f"{path.name} {problem}; update the pack, or bind the character again.") from problem
    except RecursionError as problem:
        raise MediaError(f"{path.name} is made up; choose a file of {MAKER}.") from problem
    return identity


def _check(identity: Identity) -> None:
    """What the engine takes for granted about an identity."""
    if not 1 <= len(identity.views) <= MOST_VIEWS or not 0 <= identity.primary < len(identity.views):
        raise ContentError(f"holds {len(identity.views)} images of which number {identity.primary} is rendered")
    _shaped("neutral", identity.neutral, (FACE_POINTS, 3), torch.float32)
    _shaped("resting", identity.resting, (FACE_POINTS, 3), torch.float32)
    if identity.atlas is not None or identity.atlas_confidence is not None:
        if identity.atlas is None or identity.atlas_confidence is None:
            raise ContentError("holds an atlas without its confidence, or the other way round")
        _shaped("atlas", identity.atlas, (SIDE, SIDE, 3), torch.uint8)
        _shaped("atlas_confidence", identity.atlas_confidence, (SIDE, SIDE), torch.uint8)
    for number, view in enumerate(identity.views):
        height, width = view.image.shape[:2] if view.image.ndim == 3 else (0, 0)
        if not min(height, width):
            raise ContentError(f"holds an image {number + 1} without pixels")
        _shaped(f"image {number + 1}", view.image, (height, width, 3), torch.uint8)
        _shaped(f"points {number + 1}", view.points, (FACE_POINTS, 3), torch.float32)
        _shaped(f"matte {number + 1}", view.matte, (height, width), torch.float32)
        if view.body is not None:
            _shaped(f"body {number + 1}", view.body, (BODY_JOINTS, 5), torch.float32)


def _shaped(part: str, value: torch.Tensor, shape: tuple[int, ...], kind: torch.dtype) -> None:
    if tuple(value.shape) != shape or value.dtype != kind:
        raise ContentError(f"holds {part} as {value.dtype} {list(value.shape)} where {kind} {list(shape)} belongs")
    if kind.is_floating_point and not bool((value.abs() <= MAX_VALUE).all()):
        raise ContentError(f"holds values in {part} that are no coordinates")
