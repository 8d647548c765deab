"""BindIdentity: the character, from one or more still images or a video of it."""

from comfy_api.latest import io

from ..engine.errors import SettingError
from . import files
from . import recognition as networks
from .support import CATEGORY, CharacterIdentity, NodeProgress, check_images, one_image, supported, to_uint8

MORE_IMAGES = ("image_2", "image_3", "image_4", "image_5")


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
                    optional=True,
                    tooltip="The character. One sharp, evenly lit, frontal image with a calm face is best; 512 px or "
                    "more. A batch counts as several images of the same character.",
                ),
                *[
                    io.Image.Input(
                        name,
                        optional=True,
                        tooltip="Another image of the same character, of any size, for example from another angle. "
                        "It takes a little longer to bind; one that shows somebody else is left out.",
                    )
                    for name in MORE_IMAGES
                ],
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="A video of the character, of any length. Up to five frames are taken: a frontal, calm, "
                    "sharp one and those that add angles. Images of higher resolution look better.",
                ),
                io.Combo.Input(
                    "recognition",
                    options=networks.choices(),
                    default=networks.AUTO,
                    optional=True,
                    tooltip="The network that compares the faces of several images, from models/insightface (such as "
                    "w600k_r50.onnx). auto takes the best one there; without one only proportions are compared, a weak "
                    "check. off keeps images of drawn characters that a network of photographs would leave out.",
                ),
                io.String.Input(
                    "face_points",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="Only for a drawn face that is not found: places in the first image, such as 'right_eye "
                    "210,180; left_eye 300,182; mouth_right 220,270; mouth_left 290,271; chin 255,330', in px or parts "
                    "of the size (0 to 1). right_eye is the character's: on the left of the picture. More names: help.",
                ),
            ],
            outputs=[
                CharacterIdentity.Output(display_name="identity", tooltip="The bound character."),
                io.String.Output(display_name="report", tooltip="The checks of each image, with advice."),
                io.Image.Output(
                    display_name="card", tooltip="The same as a picture, with a map of the covered angles."
                ),
            ],
        )

    @classmethod
    def execute(cls, images=None, video=None, recognition=networks.AUTO, face_points="", **more) -> io.NodeOutput:
        from ..engine import identity, media

        progress = NodeProgress()
        pictures, names = [], []
        for socket, batch in (("images", images), *((name, more.get(name)) for name in MORE_IMAGES)):
            if batch is None:
                continue
            check_images(batch, socket)
            pictures += list(to_uint8(batch))
            names += [socket if len(batch) == 1 else f"{socket} {index + 1}" for index in range(len(batch))]
        if face_points.strip() and not pictures:
            raise SettingError("face_points belong to an image and none is connected: connect one or clear them.")
        if video is not None:
            path, start, duration = files.video_source(video)
            clip = media.open_clip(path, start=start, duration=duration or None)
            views, places = identity.pictures_of_video(clip, progress=progress)
            pictures, names = pictures + views, names + places
        network = networks.load(recognition) if len(pictures) > 1 else None
        bound = identity.bind_identity(
            pictures, names=names, progress=progress, recogniser=network, face_points=face_points
        )
        return io.NodeOutput(bound, identity.report_text(bound), one_image(identity.draw_card(bound)))
