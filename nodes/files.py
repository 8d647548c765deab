"""Files at the node border: confined paths, VIDEO sockets, sound, frame rates and metadata."""

from __future__ import annotations

import json
import ntpath
import os
import tempfile
from fractions import Fraction
from pathlib import Path

from ..engine.errors import MediaError, SettingError

NTSC_RATES = tuple(Fraction(n * 1000, 1001) for n in (15, 24, 30, 48, 60, 120))
SILENCE_RATE = 8000  # Hz, low because silence needs memory too


def confined(name: str, folder: str) -> Path:
    """The path of `name` inside `folder`. Raises MediaError for a name that leads out of it.

    Refused are absolute paths, drives, network shares, ".." and links whose target lies elsewhere.
    """
    parts = name.replace("\\", "/").split("/")
    leads_out = not name.strip() or "\0" in name or ".." in parts
    # ntpath knows drives and shares on every system: a graph made on Windows may be run on Linux.
    if not leads_out and not os.path.isabs(name) and not ntpath.isabs(name) and not ntpath.splitdrive(name)[0]:
        root = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(root, name))
        if os.path.commonpath([root, path]) == root:
            return Path(path)
    raise MediaError(f"'{name}' is not a name inside the folder {os.path.basename(folder)}: give a plain file name.")


def input_videos() -> list[str]:
    """Videos in ComfyUI's input folder, for the upload list."""
    import folder_paths

    folder = folder_paths.get_input_directory()
    names = [entry.name for entry in os.scandir(folder) if entry.is_file()] if os.path.isdir(folder) else []
    return sorted(folder_paths.filter_files_content_types(names, ["video"]))


def input_file(name: str) -> Path:
    """The existing file of an upload list's entry, which may end in ComfyUI's "[input]", "[output]" or "[temp]"."""
    import folder_paths

    plain, folder = folder_paths.annotated_filepath(name)
    folder = folder or folder_paths.get_input_directory()
    path, kind = confined(plain.strip(), folder), os.path.basename(folder)
    if not path.is_file():
        raise MediaError(f"'{name}' is not in ComfyUI's {kind} folder: upload it or choose another file.")
    return path


def saved_tracks() -> list[str]:
    """The .safetensors files in ComfyUI's input folder and, marked "[output]", in its output folder and one below."""
    import folder_paths

    names = []
    for folder, mark in ((folder_paths.get_input_directory(), ""), (folder_paths.get_output_directory(), " [output]")):
        found = [*Path(folder).glob("*.safetensors"), *Path(folder).glob("*/*.safetensors")]
        names += sorted(path.relative_to(folder).as_posix() + mark for path in found if path.name[0] != ".")
    return names


def video_source(video) -> tuple[Path, float, float]:
    """A VIDEO as (file, start, duration) in seconds; duration 0 = to the end.

    A VIDEO that exists only in memory is written to ComfyUI's temp folder: clips are read from files.
    """
    import folder_paths

    source = video.get_stream_source()
    # Cores without this method have no trimmed videos.
    start, duration = getattr(video, "get_active_trim_window", lambda: (0.0, 0.0))()
    if isinstance(source, (str, os.PathLike)):
        return Path(source), start, duration
    os.makedirs(folder_paths.get_temp_directory(), exist_ok=True)
    handle, path = tempfile.mkstemp(".mp4", "motion_reference_", folder_paths.get_temp_directory())
    with os.fdopen(handle, "wb") as file:
        source.seek(0)
        file.write(source.read())
    return Path(path), start, duration


def fingerprint(path: Path) -> str:
    status = path.stat()
    return f"{status.st_mtime_ns}:{status.st_size}"


def sound(clip) -> dict:
    """The clip's sound as AUDIO.

    A clip without sound gives silence of its length, marked `silent`: any audio node can take it, and VideoCombine
    leaves the sound track out.
    """
    import torch

    from ..engine import media

    found = media.read_audio(clip) if clip.audio is not None else None
    if found is not None and found[0].shape[-1]:
        return {"waveform": found[0].unsqueeze(0), "sample_rate": found[1]}
    length = max(1, round(clip.duration * SILENCE_RATE))
    return {"waveform": torch.zeros(1, 1, length), "sample_rate": SILENCE_RATE, "silent": True}


def sound_for(audio: dict | None):
    """AUDIO as the writer wants it, (float32 [C, N], rate), or None for no sound track."""
    if audio is None or audio.get("silent") or audio["waveform"].numel() == 0:
        return None
    waveform = audio["waveform"]
    return (waveform[0] if waveform.ndim == 3 else waveform).float().cpu(), int(audio["sample_rate"])


def exact_rate(rate: float) -> Fraction:
    """The frame rate that a FLOAT means: 29.97 and 29.97003 are 30000/1001."""
    if not 0 < rate <= 1000:
        raise SettingError(f"frame_rate is {rate:g}, and it must be above 0 and at most 1000 frames a second.")
    for exact in NTSC_RATES:
        if abs(rate - exact) < 0.004:
            return exact
    return Fraction(rate).limit_denominator(100_000)


def metadata(hidden) -> dict[str, str]:
    """The graph as JSON tags for the file, unless ComfyUI was told to save none."""
    from comfy.cli_args import args

    if args.disable_metadata or hidden is None:
        return {}
    tags = {"prompt": hidden.prompt, **(hidden.extra_pnginfo or {})}
    return {name: json.dumps(value) for name, value in tags.items() if value is not None}


def new_file(prefix: str, temporary: bool, width: int, height: int, suffix: str = ".mp4") -> tuple[Path, str]:
    """A free name with this ending in ComfyUI's output (or temp) folder, and its subfolder there."""
    import folder_paths

    folder = folder_paths.get_temp_directory() if temporary else folder_paths.get_output_directory()
    confined(prefix, folder)
    full, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, folder, width, height)
    os.makedirs(full, exist_ok=True)
    return Path(full) / f"{name}_{counter:05}_{suffix}", subfolder
