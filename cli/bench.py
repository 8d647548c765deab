"""Measures: how long each stage of capture takes per frame, here and now."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

FRAMES = 96
"""Frames that are measured."""
BATCHES = (1, 8)


def run_capture(options) -> int:
    """options.motion: a video, None = the authored sample. Prints a table; exit status 0."""
    if options.motion:
        return _measure(options.motion)
    from .demo import make_sample

    with tempfile.TemporaryDirectory() as folder:
        return _measure(make_sample(Path(folder)).performance)


def _measure(path: Path) -> int:
    import torch

    from ..engine import media, runtime
    from ..models import bodies, faces, hands

    runtime.place_networks()
    clip = media.open_clip(path)
    took, frames = _timed(lambda: _frames(clip))
    count = len(frames)
    print(
        f"{path.name}: {count} frames of {clip.width}x{clip.height}; {runtime.device()}, "
        f"{torch.get_num_threads()} threads"
    )
    rows = [("decode", "", took / count)]
    boxes = faces.detect_faces(frames[count // 2 : count // 2 + 1])[0]
    region = (
        faces.roi_from_detection(boxes[0]) if boxes else torch.tensor([clip.width / 2, clip.height / 2, 192, 192, 0])
    )
    square = torch.tensor([clip.width / 2, clip.height / 2, *(float(min(clip.width, clip.height)),) * 2, 0.0])
    stages = {
        "face detection": faces.detect_faces,
        "face landmarks": lambda part: faces.face_landmarks(part, region.expand(len(part), -1)),
        "body detection": bodies.detect_bodies,
        "body landmarks": lambda part: bodies.body_landmarks(part, square.expand(len(part), -1)),
        "palm detection": hands.detect_palms,
        "hand landmarks": lambda part: hands.hand_landmarks(part, square.expand(len(part), -1)),
    }
    for name, stage in stages.items():
        for batch in BATCHES:
            stage(frames[:batch])  # the first call loads the network
            some = frames[:32]
            took, _ = _timed(lambda: [stage(part) for part in some.split(batch)])  # noqa: B023
            rows.append((name, f"batch {batch}", took / len(some)))
    rows += _package(frames)
    for name, how, seconds in rows:
        print(f"{name:24} {how:9} {1000 * seconds:8.2f} ms a frame")
    return 0


def _frames(clip):
    import torch

    from ..engine import media

    kept = []
    for batch in media.iterate(clip):
        kept.append(batch.frames.clone())
        if sum(map(len, kept)) >= FRAMES:
            break
    return torch.cat(kept)


def _timed(run: Callable):
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result


def _package(frames) -> list[tuple[str, str, float]]:
    """The mediapipe package's own face mesh and holistic on the same frames, when it is installed."""
    try:
        from mediapipe import solutions
    except ImportError:
        print("mediapipe is not installed (or has no solutions), so there is nothing to compare with.")
        return []
    rows = []
    for name, made in (
        ("mediapipe face mesh", lambda: solutions.face_mesh.FaceMesh(refine_landmarks=True)),
        ("mediapipe holistic", lambda: solutions.holistic.Holistic(refine_face_landmarks=True)),
    ):
        with made() as tracker:
            pictures = [frame.numpy() for frame in frames]
            tracker.process(pictures[0])
            took, _ = _timed(lambda: [tracker.process(picture) for picture in pictures])  # noqa: B023
        rows.append((name, "batch 1", took / len(pictures)))
    return rows
