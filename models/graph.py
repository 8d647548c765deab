"""A small network runner: a list of operations, read from the metadata of a converted file, over torch layers.

Everything is NCHW with the channels innermost in memory (`torch.channels_last`), the layout in which the CPU kernels
are fastest and in which "flatten rows, columns, channels" is free. The batch size is free everywhere.

The meaning of the operations follows the TensorFlow Lite format; the three of the face network
(`landmarks_to_matrix`, `sample_by_matrix`, `transform_landmarks`) follow the definitions in MediaPipe's public sources
(mediapipe/util/tflite/operations, Apache-2.0), where all coordinates are in pixels of the network's maps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

Step = Callable[..., Tensor]
Planned = tuple[Step, tuple[int, ...], int, tuple[int, ...]]  # function, its sources, its target, values to drop


class GraphNetwork(nn.Module):
    """Runs a converted graph.

    Parameters
    ----------
    graph
        `{"input": [C, H, W], "outputs": {name: value}, "operations": [...]}`, see tools/convert_mediapipe.py.
    tensors
        Shapes of the tensors that are not the weights of a layer (slopes, factors, index lists): name -> tensor.
        Their values come from `load_state_dict`.
    operations
        Namespace with `Conv2d`, `ConvTranspose2d` and `Linear`: `torch.nn`, or one that manages weights.
    """

    def __init__(self, graph: dict[str, Any], tensors: dict[str, Tensor], operations: Any = nn):
        super().__init__()
        self.input_size: tuple[int, int, int] = tuple(graph["input"])
        self.outputs: dict[str, int] = dict(graph["outputs"])
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                self.register_parameter(name, nn.Parameter(torch.empty_like(tensor), requires_grad=False))
            else:
                self.register_buffer(name, torch.empty_like(tensor))
        self._steps: list[tuple[Step, tuple[int, ...], int]] = []
        for entry in graph["operations"]:
            step = getattr(self, "_" + entry["op"])(entry, operations)
            self._steps.append((step, tuple(entry["in"]), entry["out"]))
        self._plans: dict[tuple[str, ...], list[Planned]] = {}
        self.requires_grad_(False)

    def forward(self, images: Tensor, wanted: tuple[str, ...] | None = None) -> dict[str, Tensor]:
        """`images` [B, C, H, W] in the range of the network -> outputs by name, maps as [B, C, H, W].

        `wanted` names the outputs to compute; what only others need is skipped.
        """
        wanted = tuple(self.outputs) if wanted is None else wanted
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        values = {0: images.contiguous(memory_format=torch.channels_last)}
        for step, sources, target, drop in self._plans[wanted]:
            result = step(*[values[source] for source in sources])
            for source in drop:
                del values[source]
            values[target] = result
        return {name: values[self.outputs[name]] for name in wanted}

    def _plan(self, wanted: tuple[str, ...]) -> list[Planned]:
        """The steps that lead to the wanted outputs, each with the values that nobody reads after it."""
        needed = {self.outputs[name] for name in wanted}
        plan: list[Planned] = []
        for step, sources, target in reversed(self._steps):
            if target in needed:
                plan.append((step, sources, target, tuple(set(sources) - needed)))
                needed.update(sources)
        return plan[::-1]

    # Each method below returns the function of one operation; layers are registered as submodules on the way.

    def _layer(self, name: str, layer: nn.Module) -> nn.Module:
        self.add_module(name, layer)
        return layer

    def _activation_of(self, entry: dict[str, Any]) -> Callable[[Tensor], Tensor] | None:
        """The activation of an operation as a function that may overwrite its argument."""
        kind = entry.get("activation")
        if kind == "prelu":
            name = entry["slope"]
            return lambda x: torch.prelu(x, getattr(self, name).to(x.dtype))
        return {
            None: None,
            "relu": torch.relu_,
            "relu6": lambda x: x.clamp_(0, 6),
            "hard_swish": lambda x: functional.hardswish(x, inplace=True),
            "sigmoid": torch.sigmoid_,
        }[kind]

    def _conv2d(self, entry: dict[str, Any], operations: Any) -> Step:
        out_channels, per_group, *kernel = entry["kernel"]
        layer = self._layer(
            entry["layer"],
            operations.Conv2d(
                per_group * entry["groups"], out_channels, kernel, stride=entry["stride"],
                padding=entry["padding"], groups=entry["groups"],
            ),
        )  # fmt: skip
        activate = self._activation_of(entry)
        return layer if activate is None else lambda x: activate(layer(x))

    def _conv_transpose2d(self, entry: dict[str, Any], operations: Any) -> Step:
        in_channels, out_channels, *kernel = entry["kernel"]
        layer = operations.ConvTranspose2d(in_channels, out_channels, kernel, stride=entry["stride"])
        return self._layer(entry["layer"], layer)

    def _linear(self, entry: dict[str, Any], operations: Any) -> Step:
        out_features, in_features = entry["kernel"]
        layer = self._layer(entry["layer"], operations.Linear(in_features, out_features))
        return lambda x: layer(x.flatten(1))

    def _activation(self, entry: dict[str, Any], operations: Any) -> Step:
        activate = self._activation_of(entry)
        if activate is None:
            raise ValueError(f"operation without an activation: {entry}")
        return lambda x: activate(x.clone())

    def _add(self, entry: dict[str, Any], operations: Any) -> Step:
        activate = self._activation_of(entry)
        return torch.add if activate is None else lambda x, y: activate(x + y)

    def _add_first(self, entry: dict[str, Any], operations: Any) -> Step:
        """x added to the first channels of y, in place: y is a fresh result that nobody else reads."""
        activate = self._activation_of(entry)

        def run(x: Tensor, y: Tensor) -> Tensor:
            y[:, : x.shape[1]] += x
            return y if activate is None else activate(y)

        return run

    def _multiply(self, entry: dict[str, Any], operations: Any) -> Step:
        return torch.mul

    def _scale(self, entry: dict[str, Any], operations: Any) -> Step:
        name = entry["factor"]
        return lambda x: x * getattr(self, name).to(x.dtype)

    def _affine(self, entry: dict[str, Any], operations: Any) -> Step:
        """x * factor + offset, both [C] or [1]: a batch normalisation at rest."""
        names = entry["factor"], entry["offset"]

        def run(x: Tensor) -> Tensor:
            factor, offset = (getattr(self, name).to(x.dtype).view(1, -1, *[1] * (x.ndim - 2)) for name in names)
            return torch.addcmul(offset, x, factor)

        return run

    def _flatten(self, entry: dict[str, Any], operations: Any) -> Step:
        """[B, C, H, W] -> [B, C * H * W], channels outermost."""
        return lambda x: x.flatten(1)

    def _max_pool(self, entry: dict[str, Any], operations: Any) -> Step:
        kernel, stride = entry["kernel"], entry["stride"]
        return lambda x: functional.max_pool2d(x, kernel, stride)

    def _mean(self, entry: dict[str, Any], operations: Any) -> Step:
        return lambda x: x.mean((2, 3), keepdim=True)

    def _resize(self, entry: dict[str, Any], operations: Any) -> Step:
        height, width = entry["size"]
        if entry["corners"] == "half_pixel":
            return lambda x: functional.interpolate(x, (height, width), mode="bilinear", align_corners=False)
        if entry["corners"] == "align":
            return lambda x: functional.interpolate(x, (height, width), mode="bilinear", align_corners=True)

        def legacy(x: Tensor) -> Tensor:
            # Source coordinate = target coordinate / scale. With the last row and column repeated once this is a
            # resize with aligned corners to one more row and column, which are then dropped.
            x = functional.pad(x, (0, 1, 0, 1), mode="replicate")
            x = functional.interpolate(x, (height + 1, width + 1), mode="bilinear", align_corners=True)
            return x[:, :, :height, :width]

        return legacy

    def _depth_to_space(self, entry: dict[str, Any], operations: Any) -> Step:
        block = entry["block"]

        def run(x: Tensor) -> Tensor:
            batch, channels, height, width = x.shape
            x = x.view(batch, block, block, channels // block**2, height, width)  # row in block, column in block, C
            return x.permute(0, 3, 4, 1, 5, 2).reshape(batch, -1, height * block, width * block)

        return run

    def _reshape(self, entry: dict[str, Any], operations: Any) -> Step:
        shape = entry["shape"]

        def run(x: Tensor) -> Tensor:
            if x.ndim == 4:  # the order of the values is rows, columns, channels
                x = x.permute(0, 2, 3, 1)
            return x.reshape(x.shape[0], *shape)

        return run

    def _concatenate(self, entry: dict[str, Any], operations: Any) -> Step:
        axis = entry["axis"]
        return lambda *parts: torch.cat(parts, axis)

    def _landmarks_to_matrix(self, entry: dict[str, Any], operations: Any) -> Step:
        """[B, N, 3] landmarks -> [B, 4, 4] matrix from the pixels of a crop to the pixels of the map.

        The crop is the box around a subset of the landmarks, turned so that the line left -> right is horizontal
        and enlarged; its pixels are counted from its corner.
        """
        left, right, (height, width), scale, name = (
            entry["left"], entry["right"], entry["size"], entry["scale"], entry["subset"],
        )  # fmt: skip

        def run(landmarks: Tensor) -> Tensor:
            points = landmarks[..., :2].float()
            across = points[:, right] - points[:, left]
            cos, sin = (across / across.norm(dim=1, keepdim=True).clamp_min(1e-12)).unbind(1)
            turn = torch.stack((cos, -sin, sin, cos), 1).view(-1, 2, 2)  # crop axes -> map axes
            upright = points[:, getattr(self, name)] @ turn
            low, high = upright.amin(1), upright.amax(1)
            centre = (turn @ ((low + high) / 2).unsqueeze(2)).squeeze(2)
            size = (high - low) * points.new_tensor([scale[0] / width, scale[1] / height])
            axes = turn * size.unsqueeze(1)
            matrix = torch.zeros(len(points), 4, 4, device=points.device)
            matrix[:, :2, :2] = axes
            matrix[:, :2, 3] = centre - axes @ points.new_tensor([width / 2, height / 2])
            matrix[:, 2, 2] = matrix[:, 3, 3] = 1
            return matrix

        return run

    def _sample_by_matrix(self, entry: dict[str, Any], operations: Any) -> Step:
        """[B, C, H, W] map and [B, 4, 4] matrix -> [B, C, height, width] crop, bilinear.

        Coordinates count from the corner of the first pixel, so pixel i is at i + 0.5. A place outside of the outer
        pixel centres gives zero.
        """
        height, width = entry["size"]

        def run(x: Tensor, matrix: Tensor) -> Tensor:
            rows, columns = x.shape[2:]
            y = torch.arange(height, device=x.device) + 0.5
            x_ = torch.arange(width, device=x.device) + 0.5
            grid = torch.stack((x_.expand(height, width), y.unsqueeze(1).expand(height, width)), 2).view(1, -1, 2)
            places = grid @ matrix[:, :2, :2].transpose(1, 2) + matrix[:, None, :2, 3]
            size = places.new_tensor([columns, rows])
            inside = ((places >= 0.5) & (places <= size - 0.5)).all(2).view(-1, 1, height, width)
            places = (places * (2 / size) - 1).view(-1, height, width, 2)
            crop = functional.grid_sample(x, places.to(x.dtype), padding_mode="border", align_corners=False)
            return crop * inside

        return run

    def _transform_landmarks(self, entry: dict[str, Any], operations: Any) -> Step:
        """[B, N, 2] landmarks of a crop and a [B, 4, 4] matrix -> [B, N, 2] landmarks on the map."""
        return lambda points, matrix: points @ matrix[:, :2, :2].transpose(1, 2) + matrix[:, None, :2, 3]
