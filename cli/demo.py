"""The demo: the built-in sample, or the user's own files, through the whole pipeline into output/."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..engine.errors import MediaError
from .progress import ProgressBars


def run_demo(options, animate: Callable, seconds: float | None = None) -> int:
    """options: of the command line. animate(options): runs the pipeline and returns an exit status. seconds: of the
    sample, None = all of it.
    """
    began = time.perf_counter()
    if options.sample_only:
        sample = make_sample(options.sample_only, seconds)
        print("\n".join(str(path) for path in sample.files))
        return 0
    _make_folder(options.output.parent)
    if not (options.motion and options.character):
        sample = make_sample(options.output.parent / "sample", seconds)
        options.motion = options.motion or sample.performance
        options.character = options.character or [sample.hopper]
    options.sheet = options.sheet or options.output.with_suffix(".png")
    status = animate(options)
    if status == 0:
        print(f"video:         {options.output.resolve()}")
        print(f"contact sheet: {options.sheet.resolve()}")
        print(f"total time:    {time.perf_counter() - began:.0f} s")
    return status


def make_sample(folder: Path, seconds: float | None = None):
    """The sample in a folder, made if it is not there yet."""
    from ..engine.performance import SECONDS, find_sample, write_sample

    _make_folder(folder)
    seconds = seconds or SECONDS
    sample = find_sample(folder, seconds)
    if sample is None:
        with ProgressBars() as bars:
            sample = write_sample(folder, seconds, lambda done, total: bars.update("sample", done, total))
    return sample


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"the folder {folder} cannot be made ({error.strerror}); choose another.") from error
