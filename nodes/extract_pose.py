"""ExtractPose: what the performer does, frame by frame."""

from comfy_api.latest import io

from .skeletons import SIMPLE, SKELETON_SIDES, draw
from .support import (
    CATEGORY,
    FaceLandmarks,
    MotionClip,
    MotionTrack,
    NodeProgress,
    PoseKeypoint,
    report_lines,
    supported,
)
from .trackers import TRACKERS, open_chosen


class ExtractPose(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ExtractPose",
            display_name="Extract Pose",
            category=CATEGORY,
            description="Tracks the performer's face, gaze, expression and body through the clip.",
            **supported(io.Schema, search_aliases=["motion capture", "face landmarks", "pose estimation", "openpose"]),
            inputs=[
                MotionClip.Input("clip", tooltip="The performance, from LoadMotionRef."),
                io.Float.Input(
                    "smoothing",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="More is calmer, less keeps fast blinks and shakes but also the tracker's jitter. 0 = raw.",
                ),
                io.Combo.Input(
                    "skeleton_style",
                    options=list(SKELETON_SIDES),
                    default=SIMPLE,
                    optional=True,
                    tooltip="How the skeleton is drawn. simple is for looking at; openpose and wan animate are what "
                    "video models of these families were trained on, larger and heavier in memory.",
                ),
                io.String.Input(
                    "subject",
                    default="largest",
                    optional=True,
                    tooltip="Who performs, when there are several: largest, a number from the left (0 is the first), "
                    "or a point such as 0.4,0.6 (shares of the picture's width and height).",
                ),
                io.Boolean.Input(
                    "body",
                    default=True,
                    optional=True,
                    tooltip="Capture the body's joints. Off is faster; shoulders then follow the head.",
                ),
                io.Boolean.Input(
                    "hands",
                    default=True,
                    optional=True,
                    tooltip="Capture both hands where the wrists are in view. Off is faster. Needs body.",
                ),
                io.Combo.Input(
                    "tracker",
                    options=TRACKERS,
                    default=TRACKERS[0],
                    optional=True,
                    tooltip="Whose networks read the landmarks. mediapipe is slower, and needs its package and files.",
                ),
                PoseKeypoint.Input(
                    "pose_keypoints",
                    optional=True,
                    tooltip="Body, hands and face that another node (DWPose, SDPose) found on the clip's frames, used "
                    "instead of the built-in detection. The face is less exact than the built-in one.",
                ),
                FaceLandmarks.Input(
                    "face_landmarks",
                    optional=True,
                    tooltip="The face that ComfyUI's landmark node found on the clip's frames, used instead of the "
                    "built-in detection. Alone it gives no body; connect pose_keypoints too for one.",
                ),
            ],
            outputs=[
                MotionTrack.Output(display_name="track", tooltip="The captured motion; a minute takes a few MB."),
                io.Image.Output(
                    display_name="skeleton",
                    tooltip="The track drawn on black, 512 px at most (1280 in the styles of models) and smaller for "
                    "long clips: to look at, or as a pose input of other nodes.",
                ),
                io.String.Output(display_name="report", tooltip="What was found, and which parts are weak."),
                PoseKeypoint.Output(
                    display_name="pose_keypoints", tooltip="OpenPose key points in px, for nodes that take them."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, clip, smoothing, skeleton_style=SIMPLE, subject="largest", body=True, hands=True,
        tracker=TRACKERS[0], pose_keypoints=None, face_landmarks=None,
    ) -> io.NodeOutput:  # fmt: skip
        from ..engine import capture, exchange

        progress = NodeProgress()
        if pose_keypoints is None and face_landmarks is None:
            who = capture.parse_subject(subject)
            parts = {"body": body, "hands": hands}
            with open_chosen(tracker) as reader:
                track = capture.extract_track(
                    clip, smoothing=smoothing, subject=who, **parts, tracker=reader, progress=progress
                )
        else:
            track = exchange.import_for_clip(clip, pose_keypoints, face_landmarks, smoothing)
        skeleton = draw(track, skeleton_style, progress)
        return io.NodeOutput(track, skeleton, report_lines(track.report), exchange.keypoint_frames(track))
