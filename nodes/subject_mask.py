"""SubjectMask: where the tracked performer is in each frame."""

from comfy_api.latest import io

from .support import CATEGORY, MotionClip, MotionTrack, NodeProgress, allocate, supported


class SubjectMask(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SubjectMask",
            display_name="Subject Mask",
            category=CATEGORY,
            description="Masks the tracked performer in each frame of the clip and leaves other people out.",
            **supported(io.Schema, search_aliases=["person mask", "matte", "segmentation", "character mask"]),
            inputs=[
                MotionClip.Input("clip", tooltip="The performance, from LoadMotionRef."),
                MotionTrack.Input("track", tooltip="Who is masked: what was captured from this clip."),
                io.Boolean.Input(
                    "refine",
                    default=True,
                    tooltip="On: edges follow hair and clothes in the picture. Off: several times faster and softer.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    display_name="mask", tooltip="One mask a frame in the clip's size; empty where nobody is tracked."
                )
            ],
        )

    @classmethod
    def execute(cls, clip, track, refine) -> io.NodeOutput:
        from ..engine import exchange

        parts = exchange.subject_masks(clip, track, progress=NodeProgress(), refine=refine)
        masks, done = allocate(clip.frame_count, clip.height, clip.width, channels=1)[..., 0], 0
        for part in parts:
            masks[done : done + len(part)] = part
            done += len(part)
        return io.NodeOutput(masks)
