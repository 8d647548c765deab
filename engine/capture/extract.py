"""extract_track: Clip -> MotionTrack."""

from __future__ import annotations

from dataclasses import replace

import torch

from .. import runtime
from ..errors import CaptureError
from ..media import iterate
from ..pipeline import prefetch
from ..types import Clip, MotionTrack, Progress
from .assemble import Observations, assemble_track
from .camera_motion import CameraFollower, camera_path
from .checks import check_camera, check_company, check_looks, check_track
from .cuts import by_shot
from .looks import Looks, exposure, read_looks
from .occlusion import skin_colours
from .performer import Performer, Seen
from .relief import read_skin, with_relief
from .subject import Subject
from .tracker import BUILTIN, Tracker

BATCH = 8


def extract_track(
    clip: Clip,
    *,
    smoothing: float = 0.5,
    subject: Subject | None = None,
    body: bool = True,
    hands: bool = True,
    tracker: Tracker = BUILTIN,
    progress: Progress | None = None,
) -> MotionTrack:
    """The performance in a clip. smoothing: 0 none, 0.5 usual, 1 strong. subject: who of several people, the largest
    by default. body, hands: whether they are captured; hands need the body. tracker: whose networks read the landmarks.

    Raises CaptureError when neither a face nor a body is found in any frame, or fewer people than subject.index.
    """
    runtime.place_networks()
    performer = Performer(clip, subject or Subject.largest(), body, hands, tracker)
    camera = CameraFollower(float(clip.frame_rate))
    parts, skin, looks, folds, times, cuts, done = [], [], [], [], [], [], 0
    for part in prefetch(by_shot(iterate(clip, batch=BATCH))):
        runtime.check_interrupted()
        if part.begins:
            cuts.append(part.batch.first)
        parts.append(performer.read(part))
        camera.read(part, parts[-1])
        skin.append(skin_colours(part.batch.frames, parts[-1].face))
        folds.append(read_skin(part.batch.frames, parts[-1].face, parts[-1].face_seen))
        looks.append(read_looks(part.batch.frames, skin[-1], parts[-1]))
        # a copy: what the decoding thread allocated must not stay, or its memory pool cannot be reused
        times.append(part.batch.times.clone())
        done += len(part.batch)
        if progress:
            progress(done, clip.frame_count)
    seen, looks = Seen.joined(parts), Looks.joined(looks)
    known = seen.face_seen > 0.5
    if not bool(known.any()) and not bool(seen.body_read.any()):
        raise CaptureError(
            f"No face and no body was found in {clip.source.name} ({clip.frame_count} frames); "
            "choose a clip in which a person is visible, or another start_time and duration."
        )
    observations = Observations(**vars(seen), skin=torch.cat(skin), cuts=tuple(cuts))
    track = assemble_track(observations, torch.cat(times), clip.frame_rate, clip.width, clip.height, smoothing)
    trail, size = camera.trail(), (clip.width, clip.height)
    track = replace(
        track,
        camera=camera_path(trail, float(clip.frame_rate), track.anchor, track.cuts),
        quality=torch.stack([looks.sharpness, torch.where(known, exposure(looks), 1.0)], 1),
    )
    if track.has_face:
        track = with_relief(track, torch.cat(folds))
    others = performer.others()
    checks = (
        *check_track(track, clip),
        check_camera(track.camera, trail.is_known, *size, track.cuts),
        check_company(others),
        *check_looks(looks, known),
    )
    notes = {"tracker": list(tracker.notes)} if tracker.notes else {}
    if bool(seen.hands_read.any()):
        notes["hand_swaps"] = performer.hand_swaps
    return track.with_report(**notes, others=others, checks=[check.line() for check in checks])
