"""LoadMotionRef: the video whose performance is taken."""

from comfy_api.latest import io

from . import files
from .support import CATEGORY, MotionClip, supported

NO_VIDEO = "upload a video"  # the list's only entry while the input folder holds no video
NOT_CONNECTED = object()


class LoadMotionRef(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="LoadMotionRef",
            display_name="Load Motion Reference",
            category=CATEGORY,
            description="Opens the video whose performance is taken. Nothing is decoded yet, so length is free here.",
            **supported(io.Schema, search_aliases=["load video", "driving video", "motion reference"]),
            inputs=[
                io.Combo.Input(
                    "file",
                    options=files.input_videos() or [NO_VIDEO],
                    upload=io.UploadType.video,
                    tooltip="The performance. A steady camera, good light and a face of 150 px or more capture best.",
                ),
                io.Float.Input(
                    "start_time",
                    default=0.0,
                    min=0.0,
                    max=86400.0,
                    step=0.01,
                    tooltip="Seconds to skip. Sound is cut at the same place.",
                ),
                io.Float.Input(
                    "duration",
                    default=0.0,
                    min=0.0,
                    max=86400.0,
                    step=0.01,
                    tooltip="Seconds to take, 0 = to the end. Shorter is faster and needs less memory downstream.",
                ),
                io.Float.Input(
                    "force_rate",
                    default=0.0,
                    min=0.0,
                    max=240.0,
                    step=0.01,
                    tooltip="Frames a second to resample to, 0 = as recorded. Fewer is faster and less smooth; "
                    "speed and sound stay the same.",
                ),
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="A VIDEO from another node, used instead of the file. One that exists only in memory is "
                    "written to the temp folder first.",
                ),
            ],
            outputs=[
                MotionClip.Output(display_name="clip", tooltip="The opened video, for ExtractPose."),
                io.Audio.Output(
                    display_name="audio",
                    tooltip="Its sound, cut to the same window. Without sound: silence, which VideoCombine leaves out.",
                ),
                io.Float.Output(display_name="frame_rate", tooltip="Frames a second of the clip."),
            ],
        )

    @classmethod
    def validate_inputs(cls, file, video=NOT_CONNECTED):
        # ComfyUI hands over None for what is connected: its value is known only when the graph runs.
        if file is None or video is not NOT_CONNECTED:
            return True
        if file == NO_VIDEO:
            return "No video is chosen: upload one, or connect a VIDEO."
        try:
            files.input_file(file)
        except ValueError as problem:
            return str(problem)
        return True

    @classmethod
    def fingerprint_inputs(cls, file, video=NOT_CONNECTED, **_):
        connected = file is None or video is not NOT_CONNECTED
        return "connected" if connected else files.fingerprint(files.input_file(file))

    @classmethod
    def execute(cls, file, start_time, duration, force_rate, video=None) -> io.NodeOutput:
        from ..engine import media

        path, offset, length = (files.input_file(file), 0.0, 0.0) if video is None else files.video_source(video)
        if length:
            if start_time >= length:
                raise files.SettingError(
                    f"start_time is {start_time:g} s, and the connected VIDEO lasts {length:g} s: start earlier."
                )
            duration = min(duration or length, length - start_time)
        clip = media.open_clip(
            path, start=offset + start_time, duration=duration or None, force_rate=force_rate or None
        )
        return io.NodeOutput(clip, files.sound(clip), float(clip.frame_rate))
