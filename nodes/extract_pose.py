"""ExtractPose: what the performer does, frame by frame."""

from comfy_api.latest import io

from .support import (
    CATEGORY,
    FaceLandmarks,
    MotionClip,
    MotionTrack,
    NodeProgress,
    PoseKeypoint,
    report_lines,
    supported,
    to_image,
)

SIMPLE = "simple"
SKELETON_SIDES = {SIMPLE: 512, "openpose": 1280, "wan animate": 1280}  # px, of the longer side
SKELETON_BYTES = 2**30  # a long clip gets smaller pictures rather than more memory


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
    def execute(cls, clip, smoothing, skeleton_style=SIMPLE, pose_keypoints=None, face_landmarks=None) -> io.NodeOutput:
        from ..engine import capture, exchange

        progress = NodeProgress()
        if pose_keypoints is None and face_landmarks is None:
            track = capture.extract_track(clip, smoothing=smoothing, progress=progress)
        else:
            track = exchange.import_for_clip(clip, pose_keypoints, face_landmarks, smoothing)
        skeleton = draw(track, skeleton_style, progress)
        return io.NodeOutput(track, skeleton, report_lines(track.report), exchange.keypoint_frames(track))


def draw(track, style, progress):
    """The whole track as one IMAGE."""
    from ..engine import capture, exchange

    side = skeleton_side(len(track), track.width, track.height, SKELETON_SIDES[style])

    def part(start, stop):
        if style == SIMPLE:
            return capture.draw_skeleton(track, start, stop, max_side=side)
        return exchange.draw_styled(track, style, start, stop, max_side=side)

    def pictures(step=32):
        for start in range(0, len(track), step):
            progress(len(track), len(track))
            yield part(start, min(start + step, len(track)))

    height, width = part(0, 1).shape[1:3]
    return to_image(pictures(), len(track), height, width)


def skeleton_side(count: int, width: int, height: int, largest: int) -> int:
    """The longer side in px, `largest` at most, at which `count` float pictures of this shape stay within
    SKELETON_BYTES."""
    aspect = min(width, height) / max(width, height)
    affordable = int((SKELETON_BYTES / (count * aspect * 12)) ** 0.5)
    return max(64, min(largest, affordable))
