"""Measures: how long each stage of capture takes per frame, here and now, and mediapipe's own next to it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
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

    runtime.place_networks()
    clip = media.open_clip(path)
    took, frames = _timed(lambda: _frames(clip))
    device, threads = runtime.device(), torch.get_num_threads()
    print(f"{path.name}: {len(frames)} frames of {clip.width}x{clip.height}; {device}, {threads} threads of torch")
    _show("decode", "", took / len(frames))
    print("\nOne network, on crops:")
    for name, batch, seconds in _networks(clip, frames):
        _show(name, f"batch {batch}", seconds)
    print("\nWith finding and following the performer:")
    own = {}
    for name, how, seconds in _followers(clip, frames):
        _show(name, how, seconds)
        own[name] = seconds
    print(f"peak memory              {_peak_memory()}, decoded frames ({frames.numel() / 1e6:.0f} MB) included")
    print("\nThe mediapipe package on the same frames:")
    for name, seconds in _package(frames):
        _show(name, "batch 1", seconds)
        for stage in COMPARED[name]:
            print(f"    builtin {stage}: {own[stage] / seconds:.2f} times its time")
    print(f"peak memory              {_peak_memory()}, all of the above included")
    return 0


def _show(name: str, how: str, seconds: float) -> None:
    rate = f"{1 / seconds:8.1f} frames a second" if seconds else ""
    print(f"{name:24} {how:9} {1000 * seconds:8.2f} ms a frame {rate}", flush=True)


def _networks(clip, frames) -> Iterator[tuple[str, int, float]]:
    """Name, batch size and seconds a frame of every network."""
    import torch

    from ..models import bodies, faces, hands

    boxes = faces.detect_faces(frames[len(frames) // 2][None])[0]
    square = torch.tensor([clip.width / 2, clip.height / 2, *(float(min(clip.width, clip.height)),) * 2, 0.0])
    region = faces.roi_from_detection(boxes[0]) if boxes else square
    stages = {
        "face detection": faces.detect_faces,
        "face landmarks": lambda part: faces.face_landmarks(part, region.expand(len(part), -1)),
        "body detection": bodies.detect_bodies,
        "body landmarks": lambda part: bodies.body_landmarks(part, square.expand(len(part), -1)),
        "palm detection": hands.detect_palms,
        "hand landmarks": lambda part: hands.hand_landmarks(part, square.expand(len(part), -1)),
    }
    some = frames[:32]
    for name, stage in stages.items():
        for batch in BATCHES:
            stage(frames[:batch])  # the first call loads the network
            took, _ = _timed(lambda: [stage(part) for part in some.split(batch)])  # noqa: B023
            yield name, batch, took / len(some)


FACE, FACES, BODY, HANDS = "face, one by one", "face", "body, every frame", "hands, every frame"
EVERYTHING, CAPTURE = "all, every frame", "capture as it is"
COMPARED = {"face mesh": (FACES, FACE), "holistic": (EVERYTHING, CAPTURE)}


def _followers(clip, frames) -> Iterator[tuple[str, str, float]]:
    """Name, how and seconds a frame of the three followers, of their sum, and of the capture that uses them."""
    from ..engine.capture.follow_body import BodyFollower
    from ..engine.capture.follow_face import FaceFollower
    from ..engine.capture.follow_hands import HandFollower

    rate, count, joints = float(clip.frame_rate), len(frames), []
    seconds = {}
    for name, batch in ((FACE, 1), (FACES, 8)):
        face = FaceFollower(rate)
        took, _ = _timed(lambda: [face.read(part) for part in frames.split(batch)])  # noqa: B023
        yield name, f"batch {batch}", took / count
        seconds[name] = took / count
    body, hands = BodyFollower(), HandFollower()
    took, found = _timed(lambda: [body.read(frame) for frame in frames])
    yield BODY, "batch 1", took / count
    joints = [one[0] if one else None for one in found]
    apart, read = _timed(lambda: [hands.read(frame, one) for frame, one in zip(frames, joints, strict=True)])
    yield HANDS, "batch 2", apart / count
    yield EVERYTHING, "", seconds[FACES] + (took + apart) / count
    took, _ = _timed(lambda: _captured(clip, frames))
    yield CAPTURE, "", took / count
    shares = (sum(float(seen[side]) >= 0.5 for _, seen in read) / count for side in (0, 1))
    said = ", ".join(f"{name} hand in {share:.0%}" for name, share in zip(("right", "left"), shares, strict=True))
    print(f"(body found in {sum(one is not None for one in joints) / count:.0%} of the frames, {said})")


def _captured(clip, frames) -> None:
    """What capture does between decoding and smoothing: cuts, subject, face in every frame, body and hands in some."""
    import torch

    from ..engine.capture.cuts import by_shot
    from ..engine.capture.performer import Performer
    from ..engine.capture.subject import Subject
    from ..engine.types import FrameBatch

    performer = Performer(clip, Subject.largest())
    times = torch.arange(len(frames), dtype=torch.float64) / float(clip.frame_rate)
    starts = range(0, len(frames), BATCHES[-1])
    parts = (FrameBatch(frames[at : at + BATCHES[-1]], times[at : at + BATCHES[-1]], at) for at in starts)
    for part in by_shot(parts):
        performer.read(part)


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


def _peak_memory() -> str:
    """The most memory that this process had so far."""
    try:
        import resource
    except ImportError:
        return "unknown on this system"
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6:.0f} MB"


FOUND = ("multi_face_landmarks", "face_landmarks")
"""Where the package's results have the face."""


def _package(frames) -> Iterator[tuple[str, float]]:
    """The package's own face mesh and holistic, when it is installed and has them."""
    try:
        from mediapipe import solutions
    except ImportError:
        print(
            "mediapipe is not installed, or has no solutions (0.10.21 is the last that has): nothing to compare with."
        )
        return
    pictures = [frame.numpy() for frame in frames]
    for name, made in (
        ("face mesh", lambda: solutions.face_mesh.FaceMesh(refine_landmarks=True)),
        ("holistic", lambda: solutions.holistic.Holistic(refine_face_landmarks=True)),
    ):
        with made() as tracker:
            tracker.process(pictures[0])
            took, found = _timed(lambda: [tracker.process(picture) for picture in pictures])
        yield name, took / len(pictures)
        share = sum(any(getattr(one, name, None) for name in FOUND) for one in found) / len(found)
        print(f"    it found a face in {share:.0%} of the frames; where it finds none it only detects")
