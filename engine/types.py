"""The data that travels between the rooms: Clip, MotionTrack, Identity.

Conventions, everywhere in the pack:

* image coordinates in pixels, x to the right, y down; the centre of the first pixel is (0.5, 0.5);
* z of a face point has the same unit as x; smaller is nearer to the camera (weak perspective);
* left and right are the *subject's* left and right (MediaPipe's convention);
* pictures are uint8 [H, W, 3] RGB, batches uint8 [B, H, W, 3]; float pictures are 0..1;
* times are seconds from the start of the clip's window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import torch

FACE_POINTS = 478
BODY_JOINTS = 33
HAND_JOINTS = 21
RELIEF_SIDE = 96
"""Texels of a relief map: about 6 per cm of a face."""
RELIEF_MAPS = 16
FACE_PARTS = ("forehead", "right_eye", "left_eye", "nose", "right_cheek", "left_cheek", "mouth", "chin")
"""Regions of a face whose visibility is known one by one; an eye includes its brow. Sides are the subject's."""

Progress = Callable[[int, int], None]
"""Called as progress(done, total) inside every long loop; may raise to interrupt."""


@dataclass(frozen=True)
class FrameBatch:
    """Consecutive decoded frames with their times.

    frames: uint8 [B, H, W, 3]. times: float64 [B], seconds from the start of the window.
    first: index of the first frame within the window.
    """

    frames: torch.Tensor
    times: torch.Tensor
    first: int

    def __post_init__(self):
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or len(self.frames) != len(self.times):
            raise ValueError(f"FrameBatch wants [B,H,W,3] and B times, got {tuple(self.frames.shape)}")

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class AudioSource:
    """Where a clip's sound comes from; it is decoded only when it is written or asked for."""

    sample_rate: int
    channels: int


@dataclass(frozen=True)
class Clip:
    """A video that is not decoded yet.

    source: file. start/duration: the window in seconds of the video's own time line (0 = its first frame).
    frame_rate: exact rate of the frames that `engine.media` yields. frame_count: how many it yields (exact).
    width/height: after rotation metadata is applied. audio: None when there is no sound.
    Frames come from `engine.media.iterate(clip)`; nothing holds a whole clip in memory.

    start is the time of the first frame that is yielded (the first one at or after the wished start) and
    duration is frame_count / frame_rate, so that frame i stands for start + i / frame_rate.

    The rest is for `engine.media`: rotation, degrees clockwise (0, 90, 180, 270) after an optional left-right
    mirroring of the stored picture; source_rate, the file's own rate; time_base, seconds per tick of the file's
    clock; origin, seconds on that clock of the video's first frame; source_times: int64 [frame_count], ticks,
    the presentation time of the stored frame that is shown at each yielded frame (the frame's number when
    `by_count`, for files without presentation times); entry: presentation ticks of the key frame to decode from,
    None = from the beginning.
    """

    source: Path
    start: Fraction
    duration: Fraction
    frame_rate: Fraction
    frame_count: int
    width: int
    height: int
    rotation: int = 0
    mirrored: bool = False
    audio: AudioSource | None = None
    force_rate: Fraction | None = None
    source_rate: Fraction | None = None
    time_base: Fraction = Fraction(1)
    origin: Fraction = Fraction(0)
    source_times: torch.Tensor | None = field(default=None, repr=False, compare=False)
    by_count: bool = False
    entry: int | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MotionTrack:
    """What a performer does, frame by frame. T frames, times relative to the window.

    frame_rate, width, height: of the reference. times: float64 [T].
    face_points: float32 [T, 478, 3] px (z in px). face_confidence: float32 [T] 0..1
    (0 = not seen; points are filled in).
    neutral: float32 [478, 3], the performer's neutral face in head space (see `engine.geometry.pose`).
    rotation: float32 [T, 3, 3], scale: float32 [T], translation: float32 [T, 2]: points ~ scale * R @ neutral + t.
    gaze: float32 [T, 2, 2], iris offset (x right, y down) of the right and the left eye in eye widths, relative
    to neutral.
    expression: float32 [T, E] with names in `expression_names`, 0..1 (see capture.expression).
    body: float32 [T, 33, 5] px x, y, z, visibility 0..1, presence; body_world: float32 [T, 33, 3] metres, hip origin.
    hands: float32 [T, 2, 21, 3] px, right hand first; hand_confidence: float32 [T, 2].
    camera: float32 [T, 4] the reference's own camera: zoom factor, roll (radians, clockwise), pan x, pan y px. A point
    of the still background that is at p in the anchor frame is at zoom * R(roll) @ (p - c) + c + pan, c the middle of
    the picture.
    face_visibility: float32 [T, 8] how much of each of FACE_PARTS is seen, 0 = hidden (its points are filled in).
    quality: float32 [T, 2] how well the pictures show the performer, 0..1: sharpness, and exposure of the face
    (1 where nothing is known).
    cuts: indices of the first frame of every shot but the first.
    anchor: index of the most neutral frame. subject_box: float32 [T, 4] x0, y0, x1, y1.
    relief: float32 [T, 16], relief_basis: float32 [16, 96, 96]: how the skin's brightness changes as it folds; their
    product is the logarithm of the gain against the resting face, over the face mesh's uv (see capture.relief).
    report: facts and verdicts for people.
    """

    frame_rate: Fraction
    width: int
    height: int
    times: torch.Tensor
    face_points: torch.Tensor
    face_confidence: torch.Tensor
    neutral: torch.Tensor
    rotation: torch.Tensor
    scale: torch.Tensor
    translation: torch.Tensor
    gaze: torch.Tensor
    expression: torch.Tensor
    expression_names: tuple[str, ...]
    body: torch.Tensor
    body_world: torch.Tensor
    hands: torch.Tensor
    hand_confidence: torch.Tensor
    camera: torch.Tensor
    anchor: int
    subject_box: torch.Tensor
    face_visibility: torch.Tensor
    quality: torch.Tensor
    relief: torch.Tensor
    relief_basis: torch.Tensor
    cuts: tuple[int, ...] = ()
    report: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def has_face(self) -> bool:
        return bool((self.face_confidence > 0).any())

    def with_report(self, **facts) -> MotionTrack:
        return replace(self, report={**self.report, **facts})


@dataclass(frozen=True)
class Check:
    """One verdict a person understands. verdict: 'pass' | 'warn' | 'fail'."""

    name: str
    verdict: str
    measured: str
    wanted: str
    advice: str = ""

    def line(self) -> str:
        tail = f" - {self.advice}" if self.advice and self.verdict != "pass" else ""
        return f"{self.verdict.upper():4} {self.name}: {self.measured} (wanted {self.wanted}){tail}"


@dataclass(frozen=True)
class View:
    """One character image with what was found in it.

    name: for reports. image: uint8 [H, W, 3]. points: float32 [478, 3] px. matte: float32 [H, W] 0..1.
    body: float32 [33, 5] px x, y, z, visibility, presence, or None. checks: verdicts.
    covered: a hand or an arm is at the head, which would move with it.
    """

    name: str
    image: torch.Tensor
    points: torch.Tensor
    matte: torch.Tensor
    body: torch.Tensor | None
    checks: tuple[Check, ...] = ()
    covered: bool = False


@dataclass(frozen=True)
class Identity:
    """A character, bound once and used anywhere. views[primary] is the image that gives body and background.

    neutral: float32 [478, 3], the face of the primary view in head space, cm of the canonical face; its depth comes
    from all views. resting: float32 [478, 3], the same without the expression that the view shows.
    atlas: uint8 [1024, 1024, 3], the skin of all views over the face mesh's texture positions; atlas_confidence: uint8
    [1024, 1024] (see identity.atlas). None in files of earlier versions.
    """

    views: tuple[View, ...]
    primary: int
    neutral: torch.Tensor
    resting: torch.Tensor
    report: dict = field(default_factory=dict)
    atlas: torch.Tensor | None = None
    atlas_confidence: torch.Tensor | None = None

    @property
    def view(self) -> View:
        return self.views[self.primary]


@dataclass(frozen=True)
class RenderSettings:
    """How the geometric engine plays a track on an identity.

    prompt: shot words drive the virtual camera, the rest is reported as not used by this engine.
    orientation: 'image' keeps the character's facing (motion is relative), 'video' follows the performer's.
    width/height: output size in px (even), None = the character image's own. max_side limits the longer side.
    expression_strength: 1 = as performed. mouth_strength, eyes_strength, brows_strength: factors on it for a part of
    the face (mouth with cheeks and chin; lids and gaze; brows with the forehead); a product counts up to 2. Lips that
    touch and lids that close do so at every strength above 0. head_strength: the same for head rotation.
    light: how much of the light in the picture stays in the room while the head turns, 0..1.
    seed: for handheld camera noise.
    """

    prompt: str = ""
    orientation: str = "image"
    width: int | None = None
    height: int | None = None
    max_side: int | None = None
    expression_strength: float = 1.0
    head_strength: float = 1.0
    light: float = 0.0
    seed: int = 0
    mouth_strength: float = 1.0
    eyes_strength: float = 1.0
    brows_strength: float = 1.0
