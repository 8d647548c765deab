"""BindIdentity: the character, from one or more still images."""

from comfy_api.latest import io

from .support import CATEGORY, CharacterIdentity, NodeProgress, check_images, supported, to_uint8

MORE_IMAGES = ("image_2", "image_3", "image_4")


class BindIdentity(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="BindIdentity",
            display_name="Bind Identity",
            category=CATEGORY,
            description="Checks the character's images and binds them to an identity that any number of takes can use.",
            **supported(io.Schema, search_aliases=["character", "reference image", "portrait", "face identity"]),
            inputs=[
                io.Image.Input(
                    "images",
                    tooltip="The character. One sharp, evenly lit, frontal image with a calm face is best; 512 px or "
                    "more. A batch counts as several images of the same character.",
                ),
                *[
                    io.Image.Input(
                        name,
                        optional=True,
                        tooltip="Another image of the same character, of any size, for example from another angle. "
                        "It takes a little longer to bind; the best image is used and the report says which.",
                    )
                    for name in MORE_IMAGES
                ],
            ],
            outputs=[
                CharacterIdentity.Output(display_name="identity", tooltip="The bound character."),
                io.String.Output(display_name="report", tooltip="The checks of each image, with advice."),
            ],
        )

    @classmethod
    def execute(cls, images, image_2=None, image_3=None, image_4=None) -> io.NodeOutput:
        from ..engine import identity

        pictures, names = [], []
        for socket, batch in zip(("images", *MORE_IMAGES), (images, image_2, image_3, image_4)):
            if batch is None:
                continue
            check_images(batch, socket)
            pictures += list(to_uint8(batch))
            names += [socket if len(batch) == 1 else f"{socket} {index + 1}" for index in range(len(batch))]
        bound = identity.bind_identity(pictures, names=names, progress=NodeProgress())
        return io.NodeOutput(bound, identity.report_text(bound))
