"""ExtractPose: what the performer does, frame by frame."""

from comfy_api.latest import io

from .support import CATEGORY, MotionClip, MotionTrack, NodeProgress, report_lines, supported, to_image

SKELETON_SIDE = 512  # px
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
            ],
            outputs=[
                MotionTrack.Output(display_name="track", tooltip="The captured motion; a minute takes a few MB."),
                io.Image.Output(
                    display_name="skeleton",
                    tooltip="The track drawn on black, 512 px at most and smaller for long clips: to look at, or as a "
                    "pose input of other nodes.",
                ),
                io.String.Output(display_name="report", tooltip="What was found, and which parts are weak."),
            ],
        )

    @classmethod
    def execute(cls, clip, smoothing) -> io.NodeOutput:
        from ..engine import capture

        progress = NodeProgress()
        track = capture.extract_track(clip, smoothing=smoothing, progress=progress)
        return io.NodeOutput(track, draw(track, progress), report_lines(track.report))


def draw(track, progress):
    """The whole track as one IMAGE."""
    from ..engine import capture

    side = skeleton_side(len(track), track.width, track.height)

    def pictures(step=32):
        for start in range(0, len(track), step):
            progress(len(track), len(track))
            yield capture.draw_skeleton(track, start, min(start + step, len(track)), max_side=side)

    height, width = capture.draw_skeleton(track, 0, 1, max_side=side).shape[1:3]
    return to_image(pictures(), len(track), height, width)


def skeleton_side(count: int, width: int, height: int) -> int:
    """The longer side in px at which `count` float pictures of this shape stay within SKELETON_BYTES."""
    aspect = min(width, height) / max(width, height)
    affordable = int((SKELETON_BYTES / (count * aspect * 12)) ** 0.5)
    return max(64, min(SKELETON_SIDE, affordable))
