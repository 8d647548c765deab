"""RestoreFace: the face's lost detail, back from the bound identity."""

from comfy_api.latest import io

from .support import CATEGORY, CharacterIdentity, NodeProgress, batches, check_images, supported


class RestoreFace(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="RestoreFace",
            display_name="Restore Face",
            category=CATEGORY,
            description="Brings detail back where the face lost it against the bound identity. The rest stays.",
            **supported(io.Schema, search_aliases=["face restore", "face detailer", "sharpen face"]),
            inputs=[
                io.Image.Input("images", tooltip="The frames, for example from MotionSampler."),
                CharacterIdentity.Input("identity", tooltip="Whose face it is, from BindIdentity."),
                io.Float.Input(
                    "strength",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="More brings back more detail and may look sharpened; 0 changes nothing and costs nothing.",
                ),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="The frames, changed in restored pixels only.")],
        )

    @classmethod
    def execute(cls, images, identity, strength) -> io.NodeOutput:
        check_images(images, "images")
        if strength == 0:
            return io.NodeOutput(images)
        return io.NodeOutput(restored(images, identity, strength))


def restored(images, identity, strength: float):
    """IMAGE -> IMAGE. A pixel that the engine leaves alone keeps its float value to the bit."""
    from ..engine import restore

    before = []  # what the engine has taken and not yet given back

    def taken():
        for batch in batches(images):
            before.extend(batch)
            yield batch

    result = images.clone()
    done = 0
    frames = restore.restore_faces(taken(), identity, strength=strength, progress=NodeProgress(), total=len(images))
    for batch in frames:
        for frame in batch.cpu():
            changed = (frame != before.pop(0)).any(-1)
            result[done][..., :3][changed] = frame[changed].to(result.dtype).div(255).to(result.device)
            done += 1
    if done != len(images):
        raise RuntimeError(f"{done} frames came back where {len(images)} were given")
    return result
