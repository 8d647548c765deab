"""Skeleton pictures of a track as one IMAGE."""

from .support import to_image

SIMPLE = "simple"
SKELETON_SIDES = {SIMPLE: 512, "openpose": 1280, "wan animate": 1280}  # px, of the longer side
SKELETON_BYTES = 2**30  # a long clip gets smaller pictures rather than more memory


def draw(track, style, progress):
    """The whole track as one IMAGE."""
    from ..engine import capture, exchange

    side = skeleton_side(len(track), track.width, track.height, SKELETON_SIDES[style])

    def part(start, stop):
        if style == SIMPLE:
            return capture.draw_skeleton(track, start, stop, max_side=side)
        return exchange.draw_styled(track, style, start, stop, max_side=side)

    def pictures(step=32):
        for start in range(0, len(track), step):
            progress(len(track), len(track))
            yield part(start, min(start + step, len(track)))

    height, width = part(0, 1).shape[1:3]
    return to_image(pictures(), len(track), height, width)


def skeleton_side(count: int, width: int, height: int, largest: int) -> int:
    """The longer side in px, `largest` at most, at which `count` float pictures of this shape stay within
    SKELETON_BYTES."""
    aspect = min(width, height) / max(width, height)
    affordable = int((SKELETON_BYTES / (count * aspect * 12)) ** 0.5)
    return max(64, min(largest, affordable))
