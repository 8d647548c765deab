"""The number inputs of MotionSampler: sizes and strengths."""

from comfy_api.latest import io

LIGHT = """How much the light of the character's image stays in the room while the head turns: 0 = it turns with the \
head, 1 = up to 15 % brighter or darker, which suits faces lit from one side."""


def amount(name: str, default: float, most: float, tooltip: str):
    # what does nothing by default is optional: graphs from before it still run
    return io.Float.Input(name, default=default, min=0.0, max=most, step=0.05, tooltip=tooltip, optional=not default)


def strength(name: str, what: str, **options):
    """options: later inputs are optional and stand last, so that graphs saved without them still load."""
    return io.Float.Input(
        name,
        default=1.0,
        min=0.0,
        max=2.0,
        step=0.05,
        tooltip=f"How much of the performer's {what} is played: 1 = as performed, less is calmer and safer, "
        "more exaggerates and shows artefacts sooner.",
        **options,
    )


def side(name: str):
    return io.Int.Input(
        name,
        default=0,
        min=0,
        max=4096,
        step=2,
        tooltip=f"Output {name} in px, 0 = the character image's. Larger is slower; 1920x1080 takes 24 MB a frame.",
    )
