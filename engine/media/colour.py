"""YUV to RGB and back with the matrix and range that the tags say.

Untagged video is taken as bt709 from 720 stored lines up and as bt601 below, limited range: what players do.
HDR transfer curves (PQ, HLG) are not tone-mapped; such clips look flat but keep their geometry.
"""

from __future__ import annotations

import av
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

_BT709, _BT601, _BT2020 = int(Colorspace.ITU709), int(Colorspace.ITU601), 9
"""swscale's numbers of the matrices (older PyAV has no name for the last)."""

# The matrix tag of a stream (numbers of ITU-T H.273) -> swscale's number.
_MATRIX = {1: _BT709, 4: 4, 5: _BT601, 6: _BT601, 7: 7, 9: _BT2020, 10: _BT2020}

# Flags of swscale, some of which older PyAV does not name. Both ways are exact to +-1 level without bias;
# the fast packed path to RGB darkens green by 1.5 levels, the default way to YUV blue by 0.3.
_TO_RGB = 0x2 | 0x40000  # SWS_BILINEAR | SWS_ACCURATE_RND, with planar output
_TO_YUV = 0x20  # SWS_AREA: chroma is the mean of its four pixels


def matrix_and_range(frame: av.VideoFrame) -> tuple[int, ColorRange]:
    """The matrix and range a decoded frame is stored in."""
    name = frame.format.name
    full = frame.format.is_rgb or name.startswith(("yuvj", "pal")) or frame.color_range == int(ColorRange.JPEG)
    if name.startswith("gray") and frame.color_range != int(ColorRange.MPEG):
        full = True
    untagged = _BT709 if frame.height >= 720 else _BT601
    return _MATRIX.get(int(frame.colorspace), untagged), ColorRange.JPEG if full else ColorRange.MPEG


class ToRGB:
    """Converts decoded frames to RGB planes of one size; keeps swscale's tables between frames."""

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self._scaler = VideoReformatter()

    def planes(self, frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """R, G, B as uint8 [H, W] views of the converted frame's memory."""
        matrix, colour_range = matrix_and_range(frame)
        # The target has no matrix; naming another one than the source's makes every PyAV apply the source's.
        other = _BT601 if matrix == _BT709 else _BT709
        rgb = self._scaler.reformat(
            frame,
            self.width,
            self.height,
            "gbrp",
            src_colorspace=matrix,
            dst_colorspace=other,
            src_color_range=colour_range,
            dst_color_range=ColorRange.JPEG,
            interpolation=_TO_RGB,
        )
        green, blue, red = (
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: self.height, : self.width]
            for plane in rgb.planes
        )
        return red, green, blue


class ToYUV:
    """Converts RGB pictures to limited-range bt709 yuv420p frames, tagged so."""

    def __init__(self):
        self._scaler = VideoReformatter()

    def frame(self, picture: torch.Tensor) -> av.VideoFrame:
        """picture: uint8 [H, W, 3], contiguous, even sizes."""
        frame = self._scaler.reformat(
            av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24"),
            format="yuv420p",
            src_colorspace=_BT601,
            dst_colorspace=_BT709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=_TO_YUV,
        )
        frame.colorspace, frame.color_range = 1, int(ColorRange.MPEG)
        return frame
