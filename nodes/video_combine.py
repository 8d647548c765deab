"""VideoCombine: frames and sound to a file, with a preview in the node."""

from fractions import Fraction

from comfy_api.latest import InputImpl, io, ui

from . import files
from .support import CATEGORY, MotionTrack, NodeProgress, batches, check_images, supported

NOT_CONNECTED = object()
NO_RATE = "frame_rate is 0 and no track is connected: connect the track, or set the frames a second."


class VideoCombine(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="VideoCombine",
            display_name="Video Combine",
            category=CATEGORY,
            description="Writes the frames and the sound to an .mp4 that plays everywhere, as long as the reference.",
            **supported(io.Schema, search_aliases=["save video", "export mp4", "images to video"]),
            inputs=[
                io.Image.Input("images", tooltip="The frames. An odd last row or column is left out."),
                io.String.Input(
                    "filename_prefix",
                    default="motion_control/video",
                    tooltip="Name, and folders before it, inside ComfyUI's output folder; a number is added so that "
                    "nothing is overwritten. %date% parts such as %year% and %month% are filled in.",
                ),
                io.Int.Input(
                    "crf",
                    default=17,
                    min=0,
                    max=51,
                    tooltip="Quality: lower is better and larger. 17 looks like the original, 23 is a third of its "
                    "size, above 28 artefacts show.",
                    **supported(io.Int.Input, advanced=True),
                ),
                io.Boolean.Input(
                    "save_output",
                    default=True,
                    tooltip="Off: the file goes to the temp folder, which ComfyUI empties when it starts.",
                ),
                io.Float.Input(
                    "frame_rate",
                    default=0.0,
                    min=0.0,
                    max=240.0,
                    step=0.01,
                    optional=True,
                    tooltip="Frames a second, 0 = the track's exact rate. Another rate than the track's changes speed "
                    "and takes the lips out of step with the sound.",
                ),
                MotionTrack.Input(
                    "track", optional=True, tooltip="Gives the exact frame rate, so that sound stays in step."
                ),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="The sound, from LoadMotionRef or any node; cut to the length of the video.",
                ),
            ],
            outputs=[
                io.Video.Output(display_name="video", tooltip="The written file."),
                io.String.Output(display_name="filename", tooltip="The full path of the written file."),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, frame_rate=0.0, track=NOT_CONNECTED):
        if frame_rate is None:  # connected: known when the graph runs
            return True
        if not 0 <= frame_rate <= 240:
            return f"frame_rate is {frame_rate:g}, and it must be between 0 (the track's) and 240."
        return NO_RATE if frame_rate == 0 and track is NOT_CONNECTED else True

    @classmethod
    def execute(
        cls, images, filename_prefix, crf, save_output, frame_rate=0.0, track=None, audio=None
    ) -> io.NodeOutput:
        check_images(images, "images")
        rate = output_rate(frame_rate, track)
        # H.264 with 4:2:0 colour has even sides: an odd last row or column is left out.
        images = images[:, : images.shape[1] // 2 * 2, : images.shape[2] // 2 * 2]
        height, width = images.shape[1:3]
        path, subfolder = files.new_file(filename_prefix, not save_output, width, height)
        write(path, images, rate, files.sound_for(audio), crf, files.metadata(cls.hidden))
        folder = io.FolderType.output if save_output else io.FolderType.temp
        preview = ui.PreviewVideo([ui.SavedResult(path.name, subfolder, folder)])
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), str(path), ui=preview)


def output_rate(frame_rate: float, track) -> Fraction:
    if frame_rate:
        return files.exact_rate(frame_rate)
    if track is None:
        raise files.SettingError(NO_RATE)
    return track.frame_rate


def write(path, images, rate, sound, crf, metadata) -> None:
    from ..engine import media

    progress, done = NodeProgress(), 0
    height, width = images.shape[1:3]
    with media.VideoWriter(path, width, height, rate, audio=sound, crf=crf, metadata=metadata) as writer:
        for batch in batches(images):
            writer.write(batch)
            done += len(batch)
            progress(done, len(images))
