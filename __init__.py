"""Motion Control: a node pack for ComfyUI. This file is its entry point and nothing else."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    from .nodes import MotionControlExtension

    return MotionControlExtension()
