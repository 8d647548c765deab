"""extract_track: Clip -> MotionTrack."""

from __future__ import annotations

import torch

from .. import runtime
from ..errors import CaptureError
from ..geometry.series import fill_gaps
from ..media import iterate
from ..pipeline import prefetch
from ..types import BODY_JOINTS, HAND_JOINTS, Clip, MotionTrack, Progress
from .assemble import Observations, assemble_track
from .checks import Looks, check_looks, check_track
from .follow_body import READS_PER_SECOND, BodyFollower, face_region
from .follow_face import FaceFollower
from .occlusion import skin_colours

BATCH = 8
CLOSE_UP = 0.36
"""A face higher than this share of the frame is a close-up: the body networks only look for the shoulders."""
CLOSE_UP_STRIDE = 2
"""In a close-up the body is read this many times more rarely."""


def extract_track(clip: Clip, *, smoothing: float = 0.5, progress: Progress | None = None) -> MotionTrack:
    """The performance in a clip. smoothing: 0 none, 0.5 usual, 1 strong.

    Raises CaptureError when neither a face nor a body is found in any frame.
    """
    runtime.place_networks()
    rate = float(clip.frame_rate)
    follower, body = FaceFollower(rate), BodyFollower()
    stride = max(1, round(rate / READS_PER_SECOND))
    faces, presence, joints, world, read, times, skin = [], [], [], [], [], [], []
    joint_now, done = None, 0
    for batch in prefetch(iterate(clip, batch=BATCH)):
        runtime.check_interrupted()
        count = len(batch)
        batch_joints, batch_world = torch.zeros(count, BODY_JOINTS, 5), torch.zeros(count, BODY_JOINTS, 3)
        batch_read = torch.zeros(count, dtype=torch.bool)
        every = stride * (CLOSE_UP_STRIDE if _is_close_up(faces, presence, clip) else 1)
        for i in range(count):
            if (done + i) % every == 0:
                found = body.read(batch.frames[i])
                joint_now = face_region(found[0]) if found else None
                if found:
                    batch_joints[i], batch_world[i] = found
                    batch_read[i] = True
        points, seen = follower.read(batch.frames, [joint_now] * count)
        colours = skin_colours(batch.frames, points)
        for store, value in zip(
            (faces, presence, joints, world, read, times, skin),
            # a copy: what the decoding thread allocated must not stay, or its memory pool cannot be reused
            (points, seen, batch_joints, batch_world, batch_read, batch.times.clone(), colours),
            strict=True,
        ):
            store.append(value)
        done += count
        if progress:
            progress(done, clip.frame_count)
    read, seen = torch.cat(read), torch.cat(presence)
    if not bool((seen > 0.5).any()) and not bool(read.any()):
        raise CaptureError(
            f"No face and no body was found in {clip.source.name} ({clip.frame_count} frames); "
            "choose a clip in which a person is visible, or another start_time and duration."
        )
    observations = Observations(
        face=torch.cat(faces),
        face_seen=seen,
        body=_between(torch.cat(joints), read),
        body_world=_between(torch.cat(world), read),
        hands=torch.zeros(done, 2, HAND_JOINTS, 3),
        hands_seen=torch.zeros(done, 2),
        skin=torch.cat(skin),
    )
    track = assemble_track(observations, torch.cat(times), clip.frame_rate, clip.width, clip.height, smoothing)
    checks = (*check_track(track, clip), *check_looks(Looks.of_skin(observations.skin), seen > 0.5))
    return track.with_report(checks=[check.line() for check in checks])


def _is_close_up(faces, presence, clip) -> bool:
    """Decided by the last batch, when a face was seen in it."""
    if not faces or not bool((presence[-1] > 0.5).any()):
        return False
    mesh = faces[-1][presence[-1] > 0.5][:, :468, 1]
    return float((mesh.amax(1) - mesh.amin(1)).mean()) > CLOSE_UP * clip.height


def _between(values: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
    return fill_gaps(values, read) if bool(read.any()) else values
