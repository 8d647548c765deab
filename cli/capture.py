"""The capture command: a video's performance as a file, to be played later and elsewhere."""

from __future__ import annotations

from pathlib import Path

from .tracker import add_tracker, open_chosen

STYLES = ("simple", "openpose", "wan animate")  # engine.record has the same; the parser must not load the engine


def add_capture(commands) -> None:
    parser = commands.add_parser("capture", help="write the motion of a video to a file that animate plays")
    parser.add_argument("--motion", type=Path, required=True, help="the motion reference video")
    parser.add_argument("--output", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--smoothing", type=float, default=0.5, help="0 = raw, 1 = very calm")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the reference")
    parser.add_argument("--duration", type=float, help="seconds of the reference to use")
    parser.add_argument("--skeleton", type=Path, help="write the skeleton as a video (.mp4)")
    parser.add_argument("--skeleton-style", choices=STYLES, default=STYLES[0])
    parser.add_argument("--keypoints", type=Path, help="write OpenPose key points (.json)")
    add_tracker(parser)
    parser.set_defaults(run=_capture)


def _capture(options) -> int:
    from ..engine.record import record
    from .progress import ProgressBars

    with open_chosen(options) as tracker, ProgressBars() as bars:
        track = record(
            options.motion,
            options.output,
            smoothing=options.smoothing,
            start=options.start,
            duration=options.duration,
            skeleton=options.skeleton,
            skeleton_style=options.skeleton_style,
            keypoints=options.keypoints,
            tracker=tracker,
            progress=lambda done, total: bars.update("capture", done, total),
        )
    size = options.output.stat().st_size / 1e6
    print("\n".join([*track.report.get("tracker", []), *track.report.get("checks", [])]))
    print(f"{options.output}: {len(track)} frames, {size:.1f} MB")
    return 0
