"""SaveMotionTrack: a captured performance as a file."""

from comfy_api.latest import io

from . import files
from .support import CATEGORY, MotionTrack, supported


class SaveMotionTrack(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SaveMotionTrack",
            display_name="Save Motion Track",
            category=CATEGORY,
            description="Writes the captured performance to a small file that plays again without the video.",
            **supported(io.Schema, search_aliases=["save motion", "export motion capture", "save track"]),
            inputs=[
                MotionTrack.Input("track", tooltip="The performance; a minute becomes about 8 MB."),
                io.String.Input(
                    "filename_prefix",
                    default="motion_control/track",
                    tooltip="Name, and folders before it, inside ComfyUI's output folder; a number is added so that "
                    "nothing is overwritten. LoadMotionTrack lists the output folder and the folders in it.",
                ),
            ],
            outputs=[io.String.Output(display_name="filename", tooltip="The full path of the written file.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, track, filename_prefix) -> io.NodeOutput:
        from ..engine import exchange

        path, _ = files.new_file(filename_prefix, False, track.width, track.height, exchange.SUFFIX)
        exchange.save_track(track, path)
        return io.NodeOutput(str(path))
