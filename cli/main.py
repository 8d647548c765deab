"""Parses the command line and turns every expected error into one sentence and an exit status of 2."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..engine.errors import MediaError, MotionControlError
from .bind import add_bind, add_face_points, add_library, find_identity
from .capture import add_capture
from .tracker import add_tracker, open_chosen


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 unexpected, 2 bad input, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except MotionControlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="motion_control", description="A character performs the motion of a video.")
    commands = parser.add_subparsers(required=True, metavar="animate | bind | capture | inspect | demo | bench")
    animate = commands.add_parser("animate", help="play a motion reference on a character")
    _add_sources(animate)
    animate.add_argument("--identity", help="instead of --character: the name of a bound one, or its .safetensors file")
    add_library(animate)
    animate.add_argument("--track", type=Path, help="a captured track to play; --motion then only gives the sound")
    animate.add_argument("--output", type=Path, required=True, help="the .mp4 to write")
    _add_settings(animate)
    animate.set_defaults(run=_animate)
    add_bind(commands)
    add_capture(commands)
    inspect = commands.add_parser("inspect", help="check a motion reference or a character image")
    chosen = inspect.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--motion", type=Path, help="a video")
    chosen.add_argument("--character", type=Path, help="an image")
    add_face_points(inspect)
    _add_subject(inspect)
    inspect.add_argument("--duration", type=float, default=5.0, help="seconds of the best segment to look for")
    inspect.set_defaults(run=_inspect)
    demo = commands.add_parser("demo", help="a built-in sample, or your own files, into output/")
    _add_sources(demo)
    demo.add_argument("--output", type=Path, default=Path("output/demo.mp4"))
    demo.add_argument("--sample-only", type=Path, metavar="FOLDER", help="only write the sample's files into FOLDER")
    _add_settings(demo)
    demo.set_defaults(run=_demo, track=None, identity=None)
    bench = commands.add_parser("bench", help="how long the stages take on this machine")
    measured = bench.add_subparsers(required=True, metavar="capture")
    capture = measured.add_parser("capture", help="decoding and every network, per frame")
    capture.add_argument("--motion", type=Path, help="a video instead of the built-in sample")
    capture.set_defaults(run=_bench_capture)
    return parser


def _add_sources(parser) -> None:
    parser.add_argument("--motion", type=Path, help="the motion reference video")
    parser.add_argument("--character", type=Path, action="append", help="an image of the character; may be repeated")
    add_face_points(parser)


def _add_settings(parser) -> None:
    parser.add_argument("--prompt", default="", help="shot words: slow zoom in, pan left, close-up, handheld, static")
    parser.add_argument("--background", type=Path, help="a picture behind the character")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the reference")
    parser.add_argument("--duration", type=float, help="seconds of the reference to use")
    _add_subject(parser)
    add_tracker(parser)
    parser.add_argument(
        "--segment", choices=("first", "auto"), default="first", help="auto: the best --duration seconds"
    )
    parser.add_argument("--orientation", choices=("video", "image"), default="image", help="whose facing is kept")
    parser.add_argument("--max-side", type=int, help="limit of the longer output side, px")
    parser.add_argument("--expression-strength", type=float, default=1.0, help="0 to 2, 1 = as performed")
    for part, what in (("mouth", "mouth, cheeks and chin"), ("eyes", "lids and gaze"), ("brows", "brows and forehead")):
        parser.add_argument(f"--{part}-strength", type=float, default=1.0, help=f"factor on it for {what}, 0 to 2")
    parser.add_argument("--head-strength", type=float, default=1.0, help="0 to 2, 1 = as performed")
    parser.add_argument("--light", type=float, default=0.0, help="light that stays while the head turns, 0 to 1")
    parser.add_argument("--restore", type=float, default=0.0, help="RestoreFace strength, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet (.png)")
    parser.add_argument("--report", type=Path, help="write a report (.json)")


def _add_subject(parser) -> None:
    parser.add_argument(
        "--subject", default="largest", help="who performs: largest, a number from the left, or a point such as 0.4,0.6"
    )


def _subject(options):
    from ..engine.capture import parse_subject

    return parse_subject(options.subject)


def _animate(options) -> int:
    from ..engine.animate import animate
    from ..engine.types import RenderSettings
    from .progress import ProgressBars

    if options.report and not options.report.parent.is_dir():
        raise MediaError(
            f"The folder {options.report.parent} of the report does not exist; create it or choose another."
        )
    settings = RenderSettings(
        prompt=options.prompt,
        orientation=options.orientation,
        max_side=options.max_side,
        expression_strength=options.expression_strength,
        head_strength=options.head_strength,
        light=options.light,
        seed=options.seed,
        mouth_strength=options.mouth_strength,
        eyes_strength=options.eyes_strength,
        brows_strength=options.brows_strength,
    )
    with open_chosen(options) as tracker, ProgressBars() as bars:
        report = animate(
            options.motion,
            options.character or [],
            options.output,
            settings,
            track=options.track,
            identity=find_identity(options.identity, options.identities) if options.identity else None,
            face_points=options.face_points,
            background=options.background,
            start=options.start,
            duration=options.duration,
            segment=options.segment,
            restore=options.restore,
            subject=_subject(options),
            tracker=tracker,
            sheet=options.sheet,
            progress=bars.update,
        )
    if options.report:
        options.report.write_text(json.dumps(report, indent=1))
    print(f"{report['output']}: {report['frames']} frames in {report['seconds']} s")
    return 0


def _inspect(options) -> int:
    from ..engine import media

    if options.motion:
        from ..engine.capture import best_segment, extract_track, measure_track
        from .progress import ProgressBars

        subject = _subject(options)
        clip = media.open_clip(options.motion)
        with ProgressBars() as bars:
            track = extract_track(
                clip, subject=subject, progress=lambda done, total: bars.update("capture", done, total)
            )
        print("\n".join(track.report["checks"]))
        for other in track.report["others"]:
            x, y = other["where"]
            print(f"somebody else at {x:.2f},{y:.2f} from frame {other['first_frame']}, in {other['frames']} frames")
        found = best_segment(measure_track(track), float(track.frame_rate), options.duration, track.cuts)
        print(f"best segment: {found.reason}")
        return 0
    from ..engine.identity import bind_identity, report_text

    images, names = [media.read_image(options.character)], [options.character.name]
    print(report_text(bind_identity(images, names, face_points=options.face_points)))
    return 0


def _demo(options) -> int:
    from .demo import run_demo

    return run_demo(options, _animate)


def _bench_capture(options) -> int:
    from .bench import run_capture

    return run_capture(options)
