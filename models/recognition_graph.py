"""Operations of ONNX recognition networks as operations of `GraphNetwork`, and the iresnet as such a graph.

Known are the operations of the iresnet and MobileFaceNet families; any other one is named in the error.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from .onnx_file import Graph, Node, OnnxError

NOTHING = ("Dropout", "Identity", "Cast")
SHAPES = ("Constant", "Shape", "Gather", "Slice", "Unsqueeze", "Squeeze", "Concat")
"""Operations that only work out how to flatten a map; they disappear with the Reshape that they lead to."""


@dataclass
class Recipe:
    """graph: for `GraphNetwork`. state: its weights. raw: the network itself brings 0..255 to its range."""

    graph: dict
    state: dict[str, Tensor]
    raw: bool = False


@dataclass
class _Maker:
    """Walks the nodes. values: number of each result in the GraphNetwork, 0 is the picture."""

    source: Graph
    constants: dict[str, Tensor]
    values: dict[str, int]
    flat: set[str] = field(default_factory=set)  # results that are vectors
    entries: list[dict] = field(default_factory=list)
    state: dict[str, Tensor] = field(default_factory=dict)

    def emit(self, node: Node, sources: list[str], **entry) -> None:
        target = len(self.entries) + 1
        self.entries.append({**entry, "in": [self.values[name] for name in sources], "out": target})
        self.values[node.outputs[0]] = target

    @property
    def name(self) -> str:
        return f"n{len(self.entries)}"

    def keep(self, suffix: str, value: Tensor) -> str:
        self.state[f"{self.name}_{suffix}"] = value.contiguous()
        return f"{self.name}_{suffix}"


def recipe(source: Graph) -> Recipe:
    """Raises OnnxError for an operation or a setting that `GraphNetwork` does not have."""
    constants = {name: _plain(value) for name, value in source.constants.items()}
    maker = _Maker(source, constants, {source.input: 0})
    raw = False
    for node in source.nodes:
        if node.kind == "Constant":
            if isinstance(node.attributes.get("value"), Tensor):
                constants[node.outputs[0]] = _plain(node.attributes["value"])
            continue
        fed = [name for name in node.inputs if name in maker.values]
        if not fed or (node.kind in SHAPES and node.kind not in ("Squeeze", "Unsqueeze")):
            continue
        if node.kind in ("Sub", "Div", "Mul") and not any(entry["op"] == "conv2d" for entry in maker.entries):
            raw = True
        make = _MAKERS.get(node.kind)
        if make is None:
            raise OnnxError(f"has an operation {node.kind[:40]!r} that this pack cannot run")
        make(maker, node, fed)
    if source.output not in maker.values or not any(entry["op"] == "conv2d" for entry in maker.entries):
        raise OnnxError("has no path from a picture to a vector that this pack can run")
    graph = {
        "input": list(source.input_shape[1:]) or [3, 112, 112],
        "outputs": {"embedding": maker.values[source.output]},
        "operations": maker.entries,
    }
    return Recipe(graph, maker.state, raw)


def _plain(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _constant(maker: _Maker, name: str) -> Tensor:
    if name not in maker.constants:
        raise OnnxError(f"lacks the weights {name[:40]!r}")
    return maker.constants[name]


def _alias(maker: _Maker, node: Node, fed: list[str]) -> None:
    maker.values[node.outputs[0]] = maker.values[fed[0]]
    if fed[0] in maker.flat:
        maker.flat.add(node.outputs[0])


def _conv(maker: _Maker, node: Node, fed: list[str]) -> None:
    weight = _constant(maker, node.inputs[1])
    pads = node.attributes.get("pads") or [0] * 4
    if (
        weight.ndim != 4
        or len(pads) != 4
        or pads[:2] != pads[2:]
        or set(node.attributes.get("dilations") or [1]) != {1}
    ):
        raise OnnxError("has a convolution of a kind that recognition networks do not have")
    layer = maker.name
    maker.state[f"{layer}.weight"] = weight
    bias = len(node.inputs) > 2 and node.inputs[2]
    maker.state[f"{layer}.bias"] = _constant(maker, node.inputs[2]) if bias else torch.zeros(len(weight))
    maker.emit(
        node, fed[:1], op="conv2d", layer=layer, kernel=list(weight.shape), padding=pads[:2],
        stride=node.attributes.get("strides") or [1, 1], groups=node.attributes.get("group") or 1,
    )  # fmt: skip


def _batch_norm(maker: _Maker, node: Node, fed: list[str]) -> None:
    scale, offset, mean, variance = (_constant(maker, name) for name in node.inputs[1:5])
    factor = scale * (variance + (node.attributes.get("epsilon") or 1e-5)).rsqrt()
    _affine(maker, node, fed, factor, offset - mean * factor)


def _affine(maker: _Maker, node: Node, fed: list[str], factor: Tensor, offset: Tensor) -> None:
    names = maker.keep("factor", factor.reshape(-1)), maker.keep("offset", offset.reshape(-1))
    maker.emit(node, fed[:1], op="affine", factor=names[0], offset=names[1])
    if fed[0] in maker.flat:
        maker.flat.add(node.outputs[0])


def _arithmetic(maker: _Maker, node: Node, fed: list[str]) -> None:
    """Add and Mul of two results; or of a result and a constant for each channel."""
    if len(fed) == 2:
        if node.kind not in ("Add", "Mul"):
            raise OnnxError(f"has an operation {node.kind!r} of two maps that this pack cannot run")
        maker.emit(node, fed, op="add" if node.kind == "Add" else "multiply")
        return
    other = next(name for name in node.inputs if name not in fed)
    value = _constant(maker, other).float()
    if node.inputs[0] != fed[0] and node.kind in ("Sub", "Div"):
        raise OnnxError(f"has an operation {node.kind!r} that this pack cannot run")
    if value.numel() != max([1, *value.shape]):
        raise OnnxError(f"has an operation {node.kind!r} with weights {list(value.shape)} that this pack cannot run")
    one, zero = torch.ones_like(value), torch.zeros_like(value)
    factor = {"Mul": value, "Div": 1 / value}.get(node.kind, one)
    _affine(maker, node, fed, factor, {"Add": value, "Sub": -value}.get(node.kind, zero))


def _activation(maker: _Maker, node: Node, fed: list[str]) -> None:
    entry = {"op": "activation", "activation": {"Relu": "relu", "Sigmoid": "sigmoid", "PRelu": "prelu"}.get(node.kind)}
    if node.kind == "PRelu":
        entry["slope"] = maker.keep("slope", _constant(maker, node.inputs[1]).reshape(-1))
    if node.kind == "Clip":
        ends = [node.attributes.get(name) for name in ("min", "max")]
        ends = [float(maker.constants[name]) if name in maker.constants else end
                for name, end in zip([*node.inputs[1:], "", ""], ends)]  # fmt: skip
        if ends != [0.0, 6.0]:
            raise OnnxError(f"clips to {ends} where recognition networks clip to 0 and 6")
        entry["activation"] = "relu6"
    maker.emit(node, fed[:1], **entry)


def _flatten(maker: _Maker, node: Node, fed: list[str]) -> None:
    maker.emit(node, fed[:1], op="flatten")
    maker.flat.add(node.outputs[0])


def _gemm(maker: _Maker, node: Node, fed: list[str]) -> None:
    weight = _constant(maker, node.inputs[1]).float()
    if node.kind == "MatMul" or not node.attributes.get("transB"):
        weight = weight.T
    if weight.ndim != 2 or node.attributes.get("transA"):
        raise OnnxError("has a matrix product of a kind that recognition networks do not have")
    bias = _constant(maker, node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else torch.zeros(len(weight))
    alpha, beta = (1.0 if node.attributes.get(name) is None else node.attributes[name] for name in ("alpha", "beta"))
    layer = maker.name
    maker.state[f"{layer}.weight"], maker.state[f"{layer}.bias"] = (
        (weight * alpha).contiguous(),
        bias.reshape(-1) * beta,
    )
    maker.emit(node, fed[:1], op="linear", layer=layer, kernel=list(weight.shape))
    maker.flat.add(node.outputs[0])


def _mean(maker: _Maker, node: Node, fed: list[str]) -> None:
    maker.emit(node, fed[:1], op="mean")


_MAKERS = {
    "Conv": _conv, "BatchNormalization": _batch_norm, "Add": _arithmetic, "Mul": _arithmetic, "Sub": _arithmetic,
    "Div": _arithmetic, "Relu": _activation, "PRelu": _activation, "Clip": _activation, "Sigmoid": _activation,
    "Flatten": _flatten, "Reshape": _flatten, "Gemm": _gemm, "MatMul": _gemm, "GlobalAveragePool": _mean,
    "Squeeze": _alias, "Unsqueeze": _alias, **dict.fromkeys(NOTHING, _alias),
}  # fmt: skip


def iresnet_graph(state: dict[str, Tensor]) -> Graph:
    """The state dict of an iresnet (InsightFace, MIT: recognition/arcface_torch/backbones/iresnet.py) as a graph.

    conv1 bn1 prelu | layer1..4 of blocks: bn1 conv1 bn2 prelu conv2 bn3 + the input (through downsample) | bn2 fc features
    """  # noqa: E501
    state = {name.removeprefix("module."): value for name, value in state.items()}
    if not {"conv1.weight", "prelu.weight", "layer4.0.conv2.weight", "fc.weight", "features.weight"} <= set(state):
        raise OnnxError("is no iresnet; choose an .onnx file or the weights of an ArcFace iresnet")
    nodes: list[Node] = []

    def put(kind: str, source: str, *weights: str, **attributes) -> str:
        nodes.append(Node(kind, (source, *weights), (f"r{len(nodes)}",), attributes))
        return nodes[-1].outputs[0]

    def conv(source: str, name: str, stride: int, padding: int) -> str:
        return put("Conv", source, f"{name}.weight", strides=[stride] * 2, pads=[padding] * 4)

    def norm(source: str, name: str) -> str:
        parts = (f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))
        return put("BatchNormalization", source, *parts)

    value = put("PRelu", norm(conv("picture", "conv1", 1, 1), "bn1"), "prelu.weight")
    for layer in (f"layer{number}" for number in range(1, 5)):
        block = 0
        while f"{layer}.{block}.conv1.weight" in state:
            name, stride = f"{layer}.{block}", 2 if block == 0 else 1
            beside = value
            if f"{name}.downsample.0.weight" in state:
                beside = norm(conv(value, f"{name}.downsample.0", stride, 0), f"{name}.downsample.1")
            value = norm(conv(norm(value, f"{name}.bn1"), f"{name}.conv1", 1, 1), f"{name}.bn2")
            value = conv(put("PRelu", value, f"{name}.prelu.weight"), f"{name}.conv2", stride, 1)
            value = put("Add", norm(value, f"{name}.bn3"), beside)
            block += 1
    value = put("Flatten", norm(value, "bn2"))
    value = norm(put("Gemm", value, "fc.weight", "fc.bias", transB=1), "features")
    return Graph(tuple(nodes), state, "picture", (0, 3, 112, 112), value)
