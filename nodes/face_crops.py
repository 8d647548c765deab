"""FaceCrops: the performer's face, cut out for models that take it as pictures."""

from comfy_api.latest import io

from .support import CATEGORY, BoundingBox, MotionClip, MotionTrack, NodeProgress, supported, to_image


class FaceCrops(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FaceCrops",
            display_name="Face Crops",
            category=CATEGORY,
            description="Cuts the performer's face out of each frame as a 512 px square, as Wan Animate wants it.",
            **supported(io.Schema, search_aliases=["face video", "face crop", "wan animate face"]),
            inputs=[
                MotionClip.Input("clip", tooltip="The performance, from LoadMotionRef."),
                MotionTrack.Input("track", tooltip="What was captured from this clip, from ExtractPose."),
            ],
            outputs=[
                io.Image.Output(
                    display_name="images",
                    tooltip="One 512x512 picture a frame, stretched to the square; a minute takes 5.7 GB of memory.",
                ),
                BoundingBox.Output(display_name="boxes", tooltip="Where each was cut out, in px of the clip."),
            ],
        )

    @classmethod
    def execute(cls, clip, track) -> io.NodeOutput:
        from ..engine import exchange

        crops = exchange.face_crops(clip, track, progress=NodeProgress())
        images = to_image(crops, len(track), exchange.SIDE, exchange.SIDE)
        return io.NodeOutput(images, exchange.bounding_boxes(exchange.face_boxes(track)))
