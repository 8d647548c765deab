"""LoadMotionTrack: a saved performance."""

from comfy_api.latest import io

from . import files
from .support import CATEGORY, MotionTrack, report_lines, supported

NO_TRACK = "save a track first"  # the list's only entry while there is no file


class LoadMotionTrack(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="LoadMotionTrack",
            display_name="Load Motion Track",
            category=CATEGORY,
            description="Reads a performance that SaveMotionTrack wrote. The video is not needed.",
            **supported(io.Schema, search_aliases=["load motion", "import motion capture", "load track"]),
            inputs=[
                io.Combo.Input(
                    "file",
                    options=files.saved_tracks() or [NO_TRACK],
                    tooltip="A file in ComfyUI's output or input folder. Files from others are checked before they "
                    "are used; reload the page to see new ones.",
                )
            ],
            outputs=[
                MotionTrack.Output(display_name="track", tooltip="The performance, as ExtractPose gave it."),
                io.Float.Output(display_name="frame_rate", tooltip="Frames a second of the track."),
                io.String.Output(display_name="report", tooltip="What was found when it was captured."),
            ],
        )

    @classmethod
    def validate_inputs(cls, file):
        if file is None:  # connected: known when the graph runs
            return True
        if file == NO_TRACK:
            return "No track is chosen: save one with SaveMotionTrack, or put a file into ComfyUI's input folder."
        try:
            files.input_file(file)
        except ValueError as problem:
            return str(problem)
        return True

    @classmethod
    def fingerprint_inputs(cls, file):
        return "connected" if file is None else files.fingerprint(files.input_file(file))

    @classmethod
    def execute(cls, file) -> io.NodeOutput:
        from ..engine import exchange

        track = exchange.load_track(files.input_file(file))
        return io.NodeOutput(track, float(track.frame_rate), report_lines(track.report))
