"""LoadIdentity: a saved character."""

from comfy_api.latest import io

from . import files, identities
from .support import CATEGORY, CharacterIdentity, one_image, supported

NO_IDENTITY = "save an identity first"  # the list's only entry while there is none


class LoadIdentity(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="LoadIdentity",
            display_name="Load Identity",
            category=CATEGORY,
            description="Takes a character that SaveIdentity kept. Its images are not needed any more.",
            **supported(io.Schema, search_aliases=["load character", "character library", "element binding"]),
            inputs=[
                io.Combo.Input(
                    "name",
                    options=identities.saved() or [NO_IDENTITY],
                    tooltip="A saved character, or the .safetensors file of one in ComfyUI's input folder. Files from "
                    "others are checked before they are used; reload the page to see new ones.",
                )
            ],
            outputs=[
                CharacterIdentity.Output(display_name="identity", tooltip="The character, as BindIdentity gave it."),
                io.String.Output(display_name="report", tooltip="The checks of each image, with advice."),
                io.Image.Output(display_name="card", tooltip="The character's images, their checks and angles."),
            ],
        )

    @classmethod
    def validate_inputs(cls, name):
        if name is None:  # connected: known when the graph runs
            return True
        if name == NO_IDENTITY:
            return "No identity is chosen: save one with SaveIdentity, or put a file into ComfyUI's input folder."
        try:
            identities.existing(name)
        except ValueError as problem:
            return str(problem)
        return True

    @classmethod
    def fingerprint_inputs(cls, name):
        return "connected" if name is None else files.fingerprint(identities.existing(name))

    @classmethod
    def execute(cls, name) -> io.NodeOutput:
        from ..engine import identity

        bound = identity.load_identity(identities.existing(name))
        return io.NodeOutput(bound, identity.report_text(bound), one_image(identity.draw_card(bound)))
