"""SaveIdentity: a bound character as a file, found again by its name."""

from comfy_api.latest import io

from . import identities
from .support import CATEGORY, CharacterIdentity, supported


class SaveIdentity(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SaveIdentity",
            display_name="Save Identity",
            category=CATEGORY,
            description="Keeps a bound character under a name, so that any workflow can use it without its images.",
            **supported(io.Schema, search_aliases=["save character", "character library", "element binding"]),
            inputs=[
                CharacterIdentity.Input("identity", tooltip="The character, from BindIdentity; about 2 MB an image."),
                io.String.Input(
                    "name",
                    default="hero",
                    tooltip="The name in LoadIdentity's list. The file lies in motion_control/identities in ComfyUI's "
                    "output folder, with the character's images in it.",
                ),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    tooltip="On: a character of this name is replaced, so that workflows that load it get the new one. "
                    "Off: it is kept and this one is saved as 'hero 2'.",
                ),
            ],
            outputs=[io.String.Output(display_name="filename", tooltip="The full path of the written file.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, identity, name, overwrite) -> io.NodeOutput:
        from ..engine.identity import save_identity

        path = identities.target(name, overwrite)
        save_identity(identity, path)
        return io.NodeOutput(str(path))
