"""Opening a media file, and the sentences for files that cannot be opened.

Only local files are read: the decoder library may not follow a reference to another protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from ..errors import MediaError

# Demuxers of pictures, texts and lists of other files. They are no video a person means to open,
# and a play list could point anywhere on the disk.
_PICTURES = ("image2", "_pipe")
_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC
_DISCARD_ALL = 48  # AVDISCARD_ALL
_LISTS = ("concat", "hls", "dash", "imf", "tty")


def existing_file(path: str | Path) -> Path:
    """The path as a Path; raises MediaError when it is no file or an empty one."""
    path = Path(path)
    try:
        if path.is_dir():
            raise MediaError(f"{path.name or path} is a folder, not a file; choose a file in it.")
        if not path.is_file():
            raise MediaError(f"{path} does not exist; check the name and the folder.")
        if path.stat().st_size == 0:
            raise MediaError(f"{path.name} is empty (0 bytes); copy or download it again.")
    except MediaError:
        raise
    except (OSError, ValueError) as error:
        raise MediaError(f"{path} cannot be read ({error}); check the name and the permissions.") from error
    return path


@contextmanager
def reading(path: Path) -> Iterator[av.container.InputContainer]:
    """Opens a local media file for reading; raises MediaError with a sentence when that fails."""
    try:
        container = av.open(str(path.resolve()), options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except PermissionError as error:
        raise MediaError(f"{path.name} may not be read; check its permissions.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(_why_unreadable(path, error)) from error
    with container:
        name = container.format.name
        if any(name.startswith(p) or name.endswith(p) for p in _PICTURES):
            raise MediaError(f"{path.name} is a picture, not a video; choose an .mp4, .mov, .mkv or .webm file.")
        if name.split(",")[0] in _LISTS:
            raise MediaError(f"{path.name} is not a video; choose an .mp4, .mov, .mkv or .webm file.")
        yield container


def video_stream(container: av.container.InputContainer, path: Path) -> av.video.stream.VideoStream:
    """The first moving picture of a file (a music file's cover picture is none)."""
    covers = 0
    for stream in container.streams.video:
        disposition = stream.disposition
        if int(getattr(disposition, "value", disposition)) & _ATTACHED_PICTURE:
            covers += 1
        elif stream.codec_context is not None:
            return stream
    if container.streams.audio:
        raise MediaError(f"{path.name} holds only sound, no video stream; choose a file with a picture.")
    if len(container.streams.video) > covers:
        raise MediaError(f"{path.name} uses a video codec that cannot be decoded here; convert it to H.264.")
    raise MediaError(f"{path.name} has no video stream; choose an .mp4, .mov, .mkv or .webm file.")


def read_only(container: av.container.InputContainer, stream: av.stream.Stream) -> None:
    """Makes the demuxer skip every other stream (newer PyAV; older ones read and drop them)."""
    if hasattr(stream, "discard"):
        for other in container.streams:
            if other is not stream:
                other.discard = _DISCARD_ALL


def audio_stream(container: av.container.InputContainer) -> av.audio.stream.AudioStream | None:
    """The first sound that can be decoded, or None."""
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and context.sample_rate and context.layout.nb_channels:
            return stream
    return None


def _why_unreadable(path: Path, error: Exception) -> str:
    if _lacks_index(path):
        return (
            f"{path.name} is cut off: its index (the moov atom) is missing, so no frame can be found; "
            "copy or record it again."
        )
    reason = getattr(error, "strerror", None) or str(error)
    return f"{path.name} is not a video that can be read ({reason}); choose an .mp4, .mov, .mkv or .webm file."


def _lacks_index(path: Path) -> bool:
    """True for an MP4/MOV file without a moov box: a download or recording that stopped early."""
    size = path.stat().st_size
    kinds, position = [], 0
    try:
        with path.open("rb") as file:
            while position + 8 <= size and len(kinds) < 1000:
                file.seek(position)
                head = file.read(16)
                length, kind = int.from_bytes(head[:4], "big"), head[4:8]
                if length == 1 and len(head) == 16:
                    length = int.from_bytes(head[8:16], "big")
                kinds.append(kind)
                if length < 8:
                    break
                position += length
    except OSError:
        return False
    return bool(kinds) and kinds[0] in (b"ftyp", b"mdat", b"wide", b"free") and b"moov" not in kinds
