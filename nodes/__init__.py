"""The nodes: one file per node, each a schema and one call into the engine."""

from comfy_api.latest import ComfyExtension, io

from .bind_identity import BindIdentity
from .extract_pose import ExtractPose
from .face_crops import FaceCrops
from .load_identity import LoadIdentity
from .load_motion_ref import LoadMotionRef
from .load_motion_track import LoadMotionTrack
from .motion_sampler import MotionSampler
from .restore_face import RestoreFace
from .save_identity import SaveIdentity
from .save_motion_track import SaveMotionTrack
from .subject_mask import SubjectMask
from .trackers import register_folder
from .video_combine import VideoCombine


class MotionControlExtension(ComfyExtension):
    async def on_load(self) -> None:
        register_folder()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        main = [LoadMotionRef, ExtractPose, BindIdentity, MotionSampler, RestoreFace, VideoCombine]
        return [*main, SaveIdentity, LoadIdentity, SaveMotionTrack, LoadMotionTrack, FaceCrops, SubjectMask]
