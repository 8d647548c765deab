"""The bind command: a character's images and video as an identity, to be played later under its name."""

from __future__ import annotations

from pathlib import Path

IDENTITIES = Path("output") / "motion_control" / "identities"
"""In the current folder, and the same place that the nodes use when that is ComfyUI's."""


def add_bind(commands) -> None:
    parser = commands.add_parser("bind", help="keep a character under a name that animate plays")
    parser.add_argument(
        "--character", type=Path, action="append", default=[], help="an image of the character; may be repeated"
    )
    parser.add_argument("--video", type=Path, help="a video of the character; its best views are taken")
    goes_to = parser.add_mutually_exclusive_group(required=True)
    goes_to.add_argument("--name", help="the name to keep it under; an older one of this name is replaced")
    goes_to.add_argument("--output", type=Path, help="a .safetensors to write instead of a name")
    add_library(parser)
    parser.add_argument(
        "--recognition", type=Path, metavar="FILE", help="a face recognition network (.onnx) that compares the images"
    )
    add_face_points(parser)
    parser.add_argument("--report", type=Path, help="write the character card (.png, .jpg or .webp)")
    parser.set_defaults(run=_bind)


def add_face_points(parser) -> None:
    parser.add_argument(
        "--face-points",
        default="",
        metavar="POINTS",
        help="where the face of the first image is, for a drawn one that is not found, such as 'right_eye 210,180; "
        "left_eye 300,182; mouth_right 220,270; mouth_left 290,271; chin 255,330'. Eyes, mouth and chin suffice; also "
        "right_eye_outer, _inner, _top, _bottom (and left), nose, mouth, mouth_top, mouth_bottom, right_brow, "
        "left_brow, right_side, left_side, forehead. Right and left are the subject's: right_eye is on the left of the "
        "picture. Px, or parts of width and height (0 to 1)",
    )


def add_library(parser) -> None:
    parser.add_argument(
        "--identities", type=Path, default=IDENTITIES, metavar="FOLDER", help=f"where names lie (default {IDENTITIES})"
    )


def find_identity(given: str, folder: Path) -> Path:
    """The file that `--identity` means: a .safetensors file, or a name in the folder of identities."""
    from ..engine.errors import IdentityError
    from ..engine.identity import identity_file, saved_identities

    if given.lower().endswith(".safetensors"):
        return Path(given)
    path = identity_file(given, folder)
    if not path.is_file():
        known = ", ".join(saved_identities(folder)) or "none"
        raise IdentityError(f"no identity is saved as '{given}' in {folder} (there: {known}); make one with bind.")
    return path


def _bind(options) -> int:
    from ..engine.enrol import enrol
    from ..engine.identity import identity_file, report_text
    from .progress import ProgressBars

    output = options.output
    if output is None:
        output = identity_file(options.name, options.identities)
        if options.identities == IDENTITIES:
            IDENTITIES.mkdir(parents=True, exist_ok=True)
    with ProgressBars() as bars:
        identity = enrol(
            options.character,
            output,
            video=options.video,
            card=options.report,
            recognition=options.recognition,
            face_points=options.face_points,
            progress=bars.update,
        )
    print(report_text(identity))
    print(f"{output}: {len(identity.views)} views, {output.stat().st_size / 1e6:.1f} MB")
    return 0
