"""MotionSampler: the performance, played by the character."""

from comfy_api.latest import io

from .sampler_inputs import LIGHT, amount, side, strength
from .support import (
    CATEGORY,
    CharacterIdentity,
    MotionTrack,
    NodeProgress,
    check_images,
    fixed_seed,
    report_lines,
    supported,
    to_image,
    to_uint8,
)


class MotionSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        part = {"optional": True} | supported(io.Float.Input, advanced=True)
        return io.Schema(
            node_id="MotionSampler",
            display_name="Motion Sampler",
            category=CATEGORY,
            description="Plays the performance on the character, with the character's own pixels in every frame.",
            **supported(io.Schema, search_aliases=["motion transfer", "animate portrait", "retarget"]),
            inputs=[
                MotionTrack.Input("track", tooltip="The performance, from ExtractPose."),
                CharacterIdentity.Input("identity", tooltip="The character, from BindIdentity or LoadIdentity."),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    tooltip="Words for the shot, such as 'slow zoom in, handheld'. They move a virtual camera; the "
                    "report lists the words that had no use. Empty = the camera stays.",
                ),
                io.Combo.Input(
                    "character_orientation",
                    options=["video", "image"],
                    default="image",
                    tooltip="image: the character keeps the facing of its image and moves relative to it, which looks "
                    "best. video: it turns to where the performer faces, exact but harder on the image.",
                ),
                side("width"),
                side("height"),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    control_after_generate=fixed_seed(),
                    tooltip="Varies what is random, such as handheld camera shake. The same seed gives the same video; "
                    "a new one renders again.",
                ),
                strength("expression_strength", "facial expression"),
                strength("head_strength", "head movement"),
                amount("light", 0.0, 1.0, LIGHT),
                io.Image.Input(
                    "background",
                    optional=True,
                    tooltip="Put behind a clean cut-out of the character: a picture, or the first one of a batch.",
                ),
                strength("mouth_strength", "mouth, cheeks and chin", **part),
                strength("eyes_strength", "lids and gaze", **part),
                strength("brows_strength", "brows and forehead", **part),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="One frame for each frame of the reference."),
                io.String.Output(display_name="report", tooltip="How it was made, and how far it can be trusted."),
            ],
        )

    @classmethod
    def execute(cls, track, identity, character_orientation, width, height, background=None, **words_and_strengths):
        from ..engine import render
        from ..engine.types import RenderSettings

        if background is not None:
            check_images(background, "background")
            background = to_uint8(background[0])
        settings = RenderSettings(
            orientation=character_orientation, width=width or None, height=height or None, **words_and_strengths
        )
        plan = render.plan(track, identity, settings)
        progress = NodeProgress()
        frames = previewed(render.render_frames(plan, background=background, progress=progress), progress)
        images = to_image(frames, plan.frame_count, plan.height, plan.width)
        return io.NodeOutput(images, report_lines(plan.report))


def previewed(frames, progress):
    for batch in frames:
        progress.show(batch[0])
        yield batch
