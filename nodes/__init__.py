"""The nodes: one file per node, each a schema and one call into the engine."""

from comfy_api.latest import ComfyExtension, io

from .bind_identity import BindIdentity
from .extract_pose import ExtractPose
from .load_motion_ref import LoadMotionRef
from .motion_sampler import MotionSampler
from .restore_face import RestoreFace
from .video_combine import VideoCombine


class MotionControlExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [LoadMotionRef, ExtractPose, BindIdentity, MotionSampler, RestoreFace, VideoCombine]
