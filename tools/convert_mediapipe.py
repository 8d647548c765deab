"""Convert the networks of a mediapipe wheel (0.10.21) to .safetensors for `models/graph.py`.

    python tools/convert_mediapipe.py mediapipe-0.10.21-<platform>.whl models/weights
    python tools/convert_mediapipe.py <same wheel> models/weights --only --canonical canonical_face_model.obj

The first argument is a wheel or the folder of an installed `mediapipe` package. Needs numpy, safetensors, flatbuffers
and `tflite` (the generated reader of the .tflite schema); it needs neither mediapipe nor torch.

`--canonical` writes models/data/face_topology.safetensors from the canonical face mesh of the mediapipe sources
(mediapipe/modules/face_geometry/data/canonical_face_model.obj, Apache-2.0) and the index lists in the face network.

A file holds the weights in torch's layout (float16 where the source has float16) and, in its metadata, the graph:

    {"input": [3, H, W], "outputs": {name: value}, "operations": [{"op": ..., "in": [...], "out": ..., ...}, ...]}

Values are numbered; value 0 is the input. Folded during conversion: constants (dequantize, densify), zero padding in
front of a convolution, activations behind a convolution or an addition.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import tflite
from flatbuffers import flexbuffers
from safetensors.numpy import save

VERSION = "0.10.21"
LICENCE = "Apache-2.0"

# Our name -> (file inside the package, names of the outputs in the order of the file).
NETWORKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "face_detection_short": ("face_detection/face_detection_short_range", ("boxes", "scores")),
    "face_detection_full": ("face_detection/face_detection_full_range_sparse", ("boxes", "scores")),
    "face_landmarks": (
        "face_landmark/face_landmark_with_attention",
        ("mesh", "lips", "right_eye", "right_iris", "left_eye", "left_iris", "presence"),
    ),
    "pose_detection": ("pose_detection/pose_detection", ("boxes", "scores")),
    "pose_landmarks": (
        "pose_landmark/pose_landmark_full",
        ("landmarks", "presence", "mask", "heatmaps", "world"),
    ),
    "palm_detection": ("palm_detection/palm_detection_full", ("boxes", "scores")),
    "hand_landmarks": ("hand_landmark/hand_landmark_full", ("landmarks", "presence", "handedness", "world")),
    "person_matte": ("selfie_segmentation/selfie_segmentation", ("mask",)),
}

# Names of the outputs inside the attention network. Its "left" is the left of the picture; ours is the subject's left.
OUTPUT_NAMES = {
    "output_mesh_identity": "mesh",
    "output_lips": "lips",
    "output_left_eye": "right_eye",
    "output_right_eye": "left_eye",
    "output_left_iris": "right_iris",
    "output_right_iris": "left_iris",
    "conv_faceflag": "presence",
}

OPERATORS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
ACTIVATIONS = {0: None, 1: "relu", 3: "relu6"}
DTYPES = {0: np.float32, 1: np.float16, 2: np.int32}


def read_source(source: Path, inner: str) -> bytes:
    path = f"mediapipe/modules/{inner}.tflite"
    if source.is_dir():
        return (source / path.removeprefix("mediapipe/")).read_bytes()
    with zipfile.ZipFile(source) as wheel:
        return wheel.read(path)


def densify(stored: np.ndarray, shape: tuple[int, ...], sparsity: tflite.SparsityParameters) -> np.ndarray:
    """Dense array of a tensor stored by the .tflite sparsity scheme: levels of dense or compressed dimensions, in
    traversal order, where the last ones may be blocks of earlier ones."""
    order = sparsity.TraversalOrderAsNumpy()
    block_map = sparsity.BlockMapAsNumpy() if sparsity.BlockMapLength() else np.zeros(0, int)
    rank = len(shape)
    places = np.zeros((1, len(order)), int)  # coordinate of every stored element, one column per level
    rows = np.zeros(1, int)  # position of that element in its level
    for level in range(len(order)):
        meta = sparsity.DimMetadata(level)
        if meta.Format() == tflite.DimensionType.DENSE:
            size = meta.DenseSize()
            places = np.repeat(places, size, axis=0)
            index = np.tile(np.arange(size), len(rows))
            rows = np.repeat(rows * size, size) + index
        else:
            segments, indices = _vector(meta, "ArraySegments"), _vector(meta, "ArrayIndices")
            counts = segments[rows + 1] - segments[rows]
            places = np.repeat(places, counts, axis=0)
            rows = np.concatenate([np.arange(segments[r], segments[r + 1]) for r in rows])
            index = indices[rows]
        places[:, level] = index
    coordinates = np.zeros((len(places), rank), int)
    blocks = {level: sparsity.DimMetadata(level).DenseSize() for level in range(rank, len(order))}
    for level, dimension in enumerate(order):
        if dimension < rank:
            factor = 1
            for inner, inner_dimension in enumerate(order):
                if inner_dimension >= rank and block_map[inner_dimension - rank] == dimension:
                    factor = blocks[inner]
            coordinates[:, dimension] += places[:, level] * factor
        else:
            coordinates[:, block_map[dimension - rank]] += places[:, level]
    dense = np.zeros(shape, stored.dtype)
    dense[tuple(coordinates.T)] = stored
    return dense


def _vector(meta: tflite.DimensionMetadata, name: str) -> np.ndarray:
    kind = getattr(meta, name + "Type")()
    reader = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}[kind]()
    table = getattr(meta, name)()
    reader.Init(table.Bytes, table.Pos)
    return reader.ValuesAsNumpy().astype(int)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows of zeros before and after, as TensorFlow's SAME: the odd one goes behind."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Converter:
    """Walks the operators of one file in order and writes our list of operations."""

    def __init__(self, content: bytes):
        self.model = tflite.Model.GetRootAs(content, 0)
        self.graph = self.model.Subgraphs(0)
        self.constants: dict[int, np.ndarray] = {}
        self.paddings: dict[int, tuple[int, tuple[int, int, int, int]]] = {}  # value -> (source, left right top bottom)
        self.widened: dict[int, int] = {}  # value with channels of zeros behind -> the same without
        self.values: dict[int, int] = {}
        self.weights: dict[str, np.ndarray] = {}
        self.operations: list[dict] = []
        self.uses: Counter[int] = Counter()
        for index in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(index)
            self.uses.update(operator.Inputs(i) for i in range(operator.InputsLength()))
        self.uses.update(self.graph.OutputsAsNumpy().tolist())

    # -- reading ------------------------------------------------------------------------------------------------

    def shape(self, tensor: int) -> tuple[int, ...]:
        shape = self.graph.Tensors(tensor).ShapeAsNumpy()
        return tuple(shape.tolist()) if isinstance(shape, np.ndarray) else ()

    def constant(self, tensor: int) -> np.ndarray | None:
        if tensor in self.constants:
            return self.constants[tensor]
        table = self.graph.Tensors(tensor)
        buffer = self.model.Buffers(table.Buffer())
        if not buffer.DataLength():
            return None
        stored = buffer.DataAsNumpy().view(DTYPES[table.Type()])
        if table.Sparsity() is not None:
            array = densify(stored, self.shape(tensor), table.Sparsity())
        else:
            array = stored.reshape(self.shape(tensor))
        self.constants[tensor] = array
        return array

    def options(self, operator, kind):
        table = operator.BuiltinOptions()
        options = kind()
        options.Init(table.Bytes, table.Pos)
        return options

    # -- writing ------------------------------------------------------------------------------------------------

    def value(self, tensor: int) -> int:
        return self.values.setdefault(tensor, len(self.values))

    def store(self, name: str, array: np.ndarray) -> None:
        self.weights[name] = np.ascontiguousarray(array)

    def emit(self, op: str, sources: list[int], target: int, **details) -> dict:
        entry = {"op": op, "in": [self.value(source) for source in sources], "out": self.value(target)}
        entry.update({key: value for key, value in details.items() if value is not None})
        self.operations.append(entry)
        return entry

    def producer(self, tensor: int) -> dict | None:
        """The last operation if it computes `tensor` and nobody else reads it: an activation can be fused into it."""
        if self.uses[tensor] != 1 or tensor not in self.values:
            return None
        return next((e for e in self.operations if e["out"] == self.values[tensor]), None)

    def activation(self, sources: list[int], target: int, kind: str, weight: np.ndarray | None = None) -> None:
        entry = self.producer(sources[0])
        if entry is None or entry["op"] not in ("conv2d", "add", "add_first") or "activation" in entry:
            entry = self.emit("activation", sources, target)
        else:
            self.values[target] = self.values[sources[0]]
        entry["activation"] = kind
        if weight is not None:
            entry["slope"] = f"prelu_{entry['out']}"
            self.store(entry["slope"], weight.reshape(-1))

    def convolution(self, sources: list[int], target: int, options, depthwise: bool) -> None:
        """Padding becomes the same on both sides, as torch wants it without a copy of the input: where the format has
        one more row or column of zeros behind, the kernel gets one of zeros in front."""
        source, kernel, bias = sources[0], self.constant(sources[1]), self.constant(sources[2])
        kernel = kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)  # -> OIHW
        stride = (options.StrideH(), options.StrideW())
        source, (left, right, top, bottom) = self.paddings.get(source, (source, (0, 0, 0, 0)))
        if options.Padding() == tflite.Padding.SAME:
            _, height, width, _ = self.shape(sources[0])
            top, bottom = np.add((top, bottom), same_padding(height, kernel.shape[2], stride[0])).tolist()
            left, right = np.add((left, right), same_padding(width, kernel.shape[3], stride[1])).tolist()
        kernel = np.pad(kernel, ((0, 0), (0, 0), (bottom - top, 0), (right - left, 0)))
        entry = self.emit(
            "conv2d", [source], target, kernel=list(kernel.shape), stride=list(stride), padding=[bottom, right],
            groups=self.shape(source)[3] if depthwise else 1,
        )  # fmt: skip
        entry["layer"] = f"conv_{entry['out']}"
        self.store(entry["layer"] + ".weight", kernel)
        self.store(entry["layer"] + ".bias", bias)
        if activation := ACTIVATIONS[options.FusedActivationFunction()]:
            entry["activation"] = activation

    def operator(self, operator) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = code.CustomCode().decode() if number == tflite.BuiltinOperator.CUSTOM else OPERATORS[number]
        sources = [operator.Inputs(i) for i in range(operator.InputsLength())]
        target = operator.Outputs(0)
        handler = getattr(self, "op_" + name.lower(), None)
        if handler is None:
            raise ValueError(f"operator {name} is not handled")
        handler(operator, sources, target)

    # -- one method per operator of the format --------------------------------------------------------------------

    def op_dequantize(self, operator, sources, target):
        self.constants[target] = self.constant(sources[0])

    op_densify = op_dequantize

    def op_conv_2d(self, operator, sources, target):
        self.convolution(sources, target, self.options(operator, tflite.Conv2DOptions), depthwise=False)

    def op_depthwise_conv_2d(self, operator, sources, target):
        self.convolution(sources, target, self.options(operator, tflite.DepthwiseConv2DOptions), depthwise=True)

    def op_convolution2dtransposebias(self, operator, sources, target):
        padding, stride_width, stride_height = operator.CustomOptionsAsNumpy().view(np.int32).tolist()
        kernel, bias = self.constant(sources[1]).transpose(3, 0, 1, 2), self.constant(sources[2])  # OHWI -> IOHW
        if kernel.shape[2:] != (stride_height, stride_width):
            raise ValueError(f"transposed convolution {kernel.shape} with stride {stride_height} is not handled")
        entry = self.emit("conv_transpose2d", sources[:1], target, kernel=list(kernel.shape), stride=stride_height)
        entry["layer"] = f"conv_{entry['out']}"
        self.store(entry["layer"] + ".weight", kernel)
        self.store(entry["layer"] + ".bias", bias)

    def op_fully_connected(self, operator, sources, target):
        kernel, bias = self.constant(sources[1]), self.constant(sources[2])
        entry = self.emit("linear", sources[:1], target, kernel=list(kernel.shape))
        entry["layer"] = f"linear_{entry['out']}"
        self.store(entry["layer"] + ".weight", kernel)
        self.store(entry["layer"] + ".bias", bias)

    def op_relu(self, operator, sources, target):
        self.activation(sources, target, "relu")

    def op_hard_swish(self, operator, sources, target):
        self.activation(sources, target, "hard_swish")

    def op_logistic(self, operator, sources, target):
        self.activation(sources, target, "sigmoid")

    def op_prelu(self, operator, sources, target):
        self.activation(sources[:1], target, "prelu", self.constant(sources[1]))

    def op_add(self, operator, sources, target):
        activation = ACTIVATIONS[self.options(operator, tflite.AddOptions).FusedActivationFunction()]
        narrow, wide = sources
        if narrow in self.widened and self.uses[narrow] == self.uses[wide] == 1:
            self.emit("add_first", [self.widened[narrow], wide], target, activation=activation)
        else:
            self.emit("add", sources, target, activation=activation)

    def op_mul(self, operator, sources, target):
        factor = self.constant(sources[1])
        if factor is None:
            self.emit("multiply", sources, target)
        else:
            entry = self.emit("scale", sources[:1], target)
            entry["factor"] = f"factor_{entry['out']}"
            self.store(entry["factor"], factor.squeeze())

    def op_pad(self, operator, sources, target):
        batch, rows, columns, channels = self.constant(sources[1]).tolist()
        if rows == columns == [0, 0]:
            if channels[0] or self.uses[target] != 1:
                raise ValueError("zero channels are handled behind, and only where they are added to something")
            self.widened[target] = sources[0]
        else:
            self.paddings[target] = (sources[0], (*columns, *rows))

    def op_max_pool_2d(self, operator, sources, target):
        options = self.options(operator, tflite.Pool2DOptions)
        kernel, stride = (options.FilterHeight(), options.FilterWidth()), (options.StrideH(), options.StrideW())
        _, height, width, _ = self.shape(sources[0])
        if options.Padding() == tflite.Padding.SAME and (height % stride[0] or width % stride[1] or kernel != stride):
            raise ValueError("max pooling with padding is not handled")
        self.emit("max_pool", sources, target, kernel=list(kernel), stride=list(stride))

    def op_average_pool_2d(self, operator, sources, target):
        if self.shape(target)[1:3] != (1, 1):
            raise ValueError("only global average pooling is handled")
        self.emit("mean", sources[:1], target)

    def op_mean(self, operator, sources, target):
        if sorted(self.constant(sources[1]).ravel().tolist()) != [1, 2]:
            raise ValueError("only the mean over rows and columns is handled")
        self.emit("mean", sources[:1], target)

    def op_resize_bilinear(self, operator, sources, target):
        options = self.options(operator, tflite.ResizeBilinearOptions)
        corners = "align" if options.AlignCorners() else "half_pixel" if options.HalfPixelCenters() else "legacy"
        self.emit("resize", sources[:1], target, size=list(self.shape(target)[1:3]), corners=corners)

    def op_depth_to_space(self, operator, sources, target):
        block = self.options(operator, tflite.DepthToSpaceOptions).BlockSize()
        self.emit("depth_to_space", sources, target, block=block)

    def op_reshape(self, operator, sources, target):
        self.emit("reshape", sources[:1], target, shape=list(self.shape(target)[1:]))

    def op_concatenation(self, operator, sources, target):
        self.emit("concatenate", sources, target, axis=self.options(operator, tflite.ConcatenationOptions).Axis())

    def op_strided_slice(self, operator, sources, target):
        if self.shape(sources[0]) != self.shape(target):
            raise ValueError("a slice that drops values is not handled")
        self.values[target] = self.values[sources[0]]

    def op_landmarks2transformmatrix(self, operator, sources, target):
        options = flexbuffers.Loads(operator.CustomOptionsAsNumpy().tobytes())
        entry = self.emit(
            "landmarks_to_matrix", sources, target, left=options["left_rotation_idx"],
            right=options["right_rotation_idx"], size=[options["output_height"], options["output_width"]],
            scale=[options["scale_x"], options["scale_y"]],
        )  # fmt: skip
        if options["target_rotation_radians"] != 0:
            raise ValueError("a target rotation is not handled")
        entry["subset"] = f"subset_{entry['out']}"
        self.store(entry["subset"], np.array(options["subset_idxs"], np.int64))

    def op_transformtensorbilinear(self, operator, sources, target):
        self.emit("sample_by_matrix", sources, target, size=list(self.shape(target)[1:3]))

    def op_transformlandmarks(self, operator, sources, target):
        self.emit("transform_landmarks", sources, target)

    # -- the whole ------------------------------------------------------------------------------------------------

    def run(self, names: tuple[str, ...]) -> dict:
        source = self.graph.Inputs(0)
        self.value(source)
        for index in range(self.graph.OperatorsLength()):
            self.operator(self.graph.Operators(index))
        tensors = self.graph.OutputsAsNumpy().tolist()
        stored_names = [self.graph.Tensors(tensor).Name().decode() for tensor in tensors]
        names = tuple(OUTPUT_NAMES.get(stored, name) for stored, name in zip(stored_names, names, strict=True))
        _, height, width, channels = self.shape(source)
        outputs = {name: self.values[tensor] for name, tensor in zip(names, tensors, strict=True)}
        return {"input": [channels, height, width], "outputs": outputs, "operations": self.operations}


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """A .safetensors file whose bytes depend on its content only: the library writes its header in any order."""
    content = save(tensors, metadata)
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + size :])


def convert(source: Path, name: str, folder: Path) -> Path:
    inner, names = NETWORKS[name]
    content = read_source(source, inner)
    converter = Converter(content)
    graph = converter.run(names)
    metadata = {
        "graph": json.dumps(graph, separators=(",", ":")),
        "source": f"mediapipe {VERSION} wheel: mediapipe/modules/{inner}.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": LICENCE,
    }
    path = folder / f"{name}.safetensors"
    write(path, converter.weights, metadata)
    return path


def convert_topology(obj: bytes, source: Path, path: Path) -> None:
    """Vertices, texture coordinates, triangles and left-right pairs of the canonical face; see face_topology.py."""
    lines = [line.split() for line in obj.decode().splitlines()]
    vertices = np.array([line[1:4] for line in lines if line[:1] == ["v"]], np.float32)
    texture = np.array([line[1:3] for line in lines if line[:1] == ["vt"]], np.float32)
    faces = np.array([[part.split("/")[:2] for part in line[1:4]] for line in lines if line[:1] == ["f"]], int) - 1
    uv = np.zeros((len(vertices), 2), np.float32)
    uv[faces[..., 0]] = texture[faces[..., 1]]
    uv[:, 1] = 1 - uv[:, 1]  # a texture is an image: v down
    if not np.allclose(uv[faces[..., 0]], texture[faces[..., 1]] * (1, -1) + (0, 1)):
        raise ValueError("a vertex has two texture coordinates")
    distance = np.linalg.norm(vertices[:, None] * (-1, 1, 1) - vertices[None], axis=2)
    mirror = distance.argmin(1)
    if not np.array_equal(mirror[mirror], np.arange(len(mirror))):
        raise ValueError("the mesh is not symmetric")
    irises = [473, 476, 475, 474, 477, 468, 471, 470, 469, 472]  # centre, image right, top, image left, bottom
    converter = Converter(read_source(source, NETWORKS["face_landmarks"][0]))
    converter.run(NETWORKS["face_landmarks"][1])
    subsets = [entry["subset"] for entry in converter.operations if entry["op"] == "landmarks_to_matrix"]
    names = ("refined_lips", "refined_right_eye", "refined_left_eye")
    tensors = {name: converter.weights[subset].astype(np.int32) for name, subset in zip(names, subsets, strict=True)}
    tensors["canonical"] = vertices
    tensors["uv"] = uv
    tensors["triangles"] = np.ascontiguousarray(faces[..., 0]).astype(np.int32)
    tensors["mirror"] = np.concatenate((mirror, irises)).astype(np.int32)
    source_name = "mediapipe sources: mediapipe/modules/face_geometry/data/canonical_face_model.obj"
    write(path, tensors, {"source": source_name, "sha256": hashlib.sha256(obj).hexdigest(), "licence": LICENCE})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="mediapipe wheel, or the folder of the installed package")
    parser.add_argument("folder", type=Path, help="where the .safetensors files go")
    parser.add_argument("--only", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--canonical", type=Path, help="canonical_face_model.obj; writes ../data/face_topology")
    arguments = parser.parse_args()
    for name in arguments.only:
        path = convert(arguments.source, name, arguments.folder)
        print(f"{path} {path.stat().st_size // 1024} KB")
    if arguments.canonical:
        path = arguments.folder.parent / "data" / "face_topology.safetensors"
        convert_topology(arguments.canonical.read_bytes(), arguments.source, path)


if __name__ == "__main__":
    main()
