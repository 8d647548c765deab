"""Recognition networks of the user: .onnx files written byte by byte here, and the state dict of an iresnet."""

import struct

import pytest
import torch
from torch import nn

from motion_control.models.onnx_file import OnnxError, read_onnx
from motion_control.models.recognition import RecognitionError, aligned_face, five_points, load_recogniser

# A protocol buffer by hand: fields of (number, value), value an int, bytes, a text or a list of fields.


def varint(value: int) -> bytes:
    value %= 2**64
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def message(*fields) -> bytes:
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            data = value.encode() if isinstance(value, str) else bytes(value)
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def tensor(name: str, value: torch.Tensor, raw=True) -> bytes:
    kind = {torch.float32: 1, torch.int64: 7, torch.float16: 10}[value.dtype]
    head = [*((1, side) for side in value.shape), (2, kind), (8, name)]
    if raw:
        return message(*head, (9, value.numpy().tobytes()))
    if kind == 7:
        return message(*head, (7, b"".join(varint(one) for one in value.tolist())))
    return message(*head, (4, value.numpy().tobytes()))


def attribute(name: str, value) -> bytes:
    if isinstance(value, int):
        return message((1, name), (3, value), (20, 2))
    if isinstance(value, float):
        return message((1, name), (2, value), (20, 1))
    if isinstance(value, torch.Tensor):
        return message((1, name), (5, tensor("", value)), (20, 4))
    return message((1, name), *((8, one) for one in value), (20, 7))  # one by one, not packed


def node(kind: str, inputs, output: str, **attributes) -> bytes:
    return message(
        *((1, one) for one in inputs), (2, output), (4, kind), *((5, attribute(*one)) for one in attributes.items())
    )


def value_info(name: str, *shape) -> bytes:
    dims = [(1, message((1, side)) if isinstance(side, int) else message((2, side))) for side in shape]
    return message((1, name), (2, message((1, message((1, 1), (2, message(*dims)))))))


def model(nodes, weights, output: str, raw=True) -> bytes:
    graph = message(
        *((1, one) for one in nodes), (2, "net"), *((5, tensor(name, value, raw)) for name, value in weights.items()),
        (11, value_info("input", "batch", 3, 112, 112)), (12, value_info(output, 1, 64)),
    )  # fmt: skip
    return message((1, 8), (2, "test"), (7, graph), (8, message((2, 12))))


class Small(nn.Module):
    """The operations of an ArcFace iresnet and of MobileFaceNets in a few layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.before, self.after = nn.BatchNorm2d(8), nn.BatchNorm1d(64)
        self.slope = nn.PReLU(8)
        self.depth = nn.Conv2d(8, 8, 3, 2, 1, groups=8)
        self.beside = nn.Conv2d(8, 8, 1, 2)
        self.fc = nn.Linear(8 * 7 * 7, 64)
        for norm in (self.before, self.after):
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 2)
            norm.weight.data.uniform_(0.5, 2)
            norm.bias.data.normal_(0, 0.3)
        self.slope.weight.data.uniform_(-0.3, 0.3)

    def forward(self, x):
        x = self.slope(self.before(self.stem(x)))
        x = self.depth(x) + self.beside(x)
        x = torch.relu(x)
        x = self.depth(x).clamp(0, 6)
        x = self.depth(x)
        return self.after(self.fc(x.flatten(1)))

    def onnx(self, raw=True) -> bytes:
        weights = {name: value.detach() for name, value in self.state_dict().items() if value.ndim}
        weights["slope.weight"] = weights["slope.weight"].view(8, 1, 1)
        norm = [f"{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        depth = {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 8, "kernel_shape": [3, 3], "dilations": [1, 1]}
        depth_in = ["depth.weight", "depth.bias"]
        nodes = [
            node("Conv", ["input", "stem.weight"], "a", strides=[2, 2], pads=[1, 1, 1, 1]),
            node("BatchNormalization", ["a", *(f"before.{one}" for one in norm)], "b", epsilon=1e-5),
            node("PRelu", ["b", "slope.weight"], "c"),
            node("Conv", ["c", *depth_in], "d", **depth),
            node("Conv", ["c", "beside.weight", "beside.bias"], "e", strides=[2, 2]),
            node("Add", ["d", "e"], "f"),
            node("Relu", ["f"], "g"),
            node("Conv", ["g", *depth_in], "h", **depth),
            node("Constant", [], "low", value=torch.tensor(0.0)),
            node("Constant", [], "high", value=torch.tensor(6.0)),
            node("Clip", ["h", "low", "high"], "i"),
            node("Conv", ["i", *depth_in], "j", **depth),
            node("Dropout", ["j"], "k"),
            node("Constant", [], "shape", value=torch.tensor([1, -1])),
            node("Reshape", ["k", "shape"], "l"),
            node("Gemm", ["l", "fc.weight", "fc.bias"], "m", alpha=1.0, beta=1.0, transB=1),
            node("BatchNormalization", ["m", *(f"after.{one}" for one in norm)], "out"),
        ]
        return model(nodes, weights, "out", raw)


@pytest.fixture(scope="module")
def small():
    return Small().eval()


@pytest.mark.parametrize("raw", [True, False])
def test_an_onnx_network_gives_what_torch_gives(small, tmp_path, raw):
    (tmp_path / "small.onnx").write_bytes(small.onnx(raw))
    loaded = load_recogniser(tmp_path / "small.onnx")
    pictures = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        wanted = small(pictures)
        assert torch.allclose(loaded.network(pictures)["embedding"], wanted, atol=1e-4)
    assert wanted.std() > 0.1 and not loaded.raw and loaded.name == "small.onnx"


def test_the_reader_reads_every_part(small, tmp_path):
    (tmp_path / "small.onnx").write_bytes(small.onnx())
    graph = read_onnx(tmp_path / "small.onnx")
    assert (graph.input, graph.input_shape, graph.output) == ("input", (0, 3, 112, 112), "out")
    assert [one.kind for one in graph.nodes][:3] == ["Conv", "BatchNormalization", "PRelu"]
    assert graph.nodes[0].attributes == {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    assert graph.nodes[1].attributes["epsilon"] == pytest.approx(1e-5)
    assert torch.equal(graph.constants["stem.weight"], small.stem.weight)


def test_a_network_with_its_own_normalisation_gets_0_to_255(small, tmp_path):
    """insightface's MXNet exports begin with Sub and Mul."""
    weights = {"w": torch.randn(64, 3, 112, 112) / 200, "s": torch.tensor([127.5]), "m": torch.tensor([0.0078125])}
    nodes = [
        node("Sub", ["input", "s"], "a"), node("Mul", ["a", "m"], "b"), node("Conv", ["b", "w"], "c"),
        node("Flatten", ["c"], "out", axis=1),
    ]  # fmt: skip
    (tmp_path / "a.onnx").write_bytes(model(nodes, weights, "out"))
    loaded = load_recogniser(tmp_path / "a.onnx")
    picture = torch.rand(1, 3, 112, 112) * 255
    wanted = nn.functional.conv2d((picture - 127.5) * 0.0078125, weights["w"]).flatten(1)
    assert loaded.raw and torch.allclose(loaded.network(picture)["embedding"], wanted, atol=1e-3)


def broken(small, **kind) -> bytes:
    """A network of one operation that is right but for what `kind` says."""
    weights = {"w": torch.randn(64, 3, 112, 112), "five": torch.randn(64, 5, 112, 112)}
    only = node(kind.get("op", "Conv"), ["input", kind.get("weight", "w")], "out", **kind.get("more", {}))
    return model([only], weights, kind.get("output", "out"))


BROKEN = {
    "empty": (lambda small: b"", "no .onnx file"),
    "text": (lambda small: b"hello, this is no network at all" * 9, "onnx"),
    "cut": (lambda small: small.onnx()[:-200], "cut short"),
    "zeros": (lambda small: bytes(500), "onnx"),
    "unknown operation": (lambda small: broken(small, op="LSTM"), "'LSTM'"),
    "lost weights": (lambda small: broken(small, weight="gone"), "'gone'"),
    "lost output": (lambda small: broken(small, output="gone"), "no path"),
    "dilated": (lambda small: broken(small, more={"dilations": [2, 2]}), "convolution"),
    "a map as result": (lambda small: broken(small, more={"pads": [9, 9, 9, 9]}), "values"),
    "few pads": (lambda small: broken(small, more={"pads": [1]}), "convolution"),
    "five channels": (lambda small: broken(small, weight="five"), "112"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_is_no_recognition_network_is_one_sentence(small, tmp_path, kind):
    make, words = BROKEN[kind]
    (tmp_path / "bad.onnx").write_bytes(make(small))
    with pytest.raises(RecognitionError, match=words) as problem:
        load_recogniser(tmp_path / "bad.onnx")
    text = str(problem.value)
    assert text.startswith("The recognition network bad.onnx") and text.endswith(".") and len(text) < 250


def test_weights_in_another_file_and_wrong_sizes_are_told(tmp_path):
    outside = message((1, 4), (2, 1), (8, "w"), (14, 1))
    short = message((1, 4), (2, 1), (8, "w"), (9, bytes(8)))
    for data, words in ((outside, "another file"), (short, "2 values where 4 belong")):
        (tmp_path / "a.onnx").write_bytes(message((7, message((1, node("Relu", ["input"], "out")), (5, data)))))
        with pytest.raises(OnnxError, match=words):
            read_onnx(tmp_path / "a.onnx")


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm2d(inside), nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)
        self.conv1 = nn.Conv2d(inside, outside, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, stride, 1, bias=False)
        self.prelu = nn.PReLU(outside)
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (self.downsample(x) if hasattr(self, "downsample") else x)


class Iresnet(nn.Module):
    """Layers named as in InsightFace's iresnet, few channels."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv1, self.bn1, self.prelu = nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.PReLU(8)
        for number, blocks in enumerate((2, 1, 3, 1), 1):
            layer = [Block(8, 8, 2), *(Block(8, 8, 1) for _ in range(blocks - 1))]
            setattr(self, f"layer{number}", nn.Sequential(*layer))
        self.bn2, self.fc, self.features = nn.BatchNorm2d(8), nn.Linear(8 * 7 * 7, 512), nn.BatchNorm1d(512)
        for module in self.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)

    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.bn2(x).flatten(1)))


def test_the_state_dict_of_an_iresnet(tmp_path):
    from safetensors.torch import save_file

    network = Iresnet().eval()
    save_file(network.state_dict(), tmp_path / "arcface.safetensors")
    loaded = load_recogniser(tmp_path / "arcface.safetensors")
    picture = torch.rand(1, 3, 112, 112) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(loaded.network(picture)["embedding"], network(picture), atol=1e-3)
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"1")
    for name, words in (("other", "no iresnet"), ("broken", "cannot be read")):
        with pytest.raises(RecognitionError, match=words):
            load_recogniser(tmp_path / f"{name}.safetensors")


def test_faces_are_aligned_wherever_they_are(hopper, acting):
    """The crop of a turned, shifted, smaller picture is the crop of the picture itself."""
    from motion_control.models.recognition import TEMPLATE

    view = hopper.view
    crop = aligned_face(view.image, view.points)
    assert crop.shape == (1, 3, 112, 112)
    matrix, offset = acting.similarity(400, 20, (15, -10), 0.8)
    points = view.points.clone()
    points[:, :2] = view.points[:, :2] @ matrix.T + offset
    again = aligned_face(acting.moved(view.image, 20, (15, -10), 0.8), points)
    inner = (slice(None), slice(None), slice(20, 100), slice(20, 92))
    assert (crop - again)[inner].abs().mean() < 6 and crop[inner].std() > 30
    eyes = acting.find_face(crop[0].permute(1, 2, 0).round().byte().contiguous())
    assert (five_points(eyes) - torch.tensor(TEMPLATE)).norm(dim=1).max() < 6


def test_an_embedding_is_a_unit_vector_that_knows_no_left_and_right(small, hopper, tmp_path):
    (tmp_path / "small.onnx").write_bytes(small.onnx())
    loaded = load_recogniser(tmp_path / "small.onnx")
    vector = loaded.embed(hopper.view.image, hopper.view.points)
    assert vector.shape == (64,) and float(vector.norm()) == pytest.approx(1, abs=1e-5)
    flipped = hopper.view.points.clone()
    flipped[:, 0] = 400 - flipped[:, 0]
    order = torch.arange(478)
    right = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 61)
    left = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 291)
    for a, b in ((right, left), (left, right)):
        order[list(a)] = torch.tensor(b)
    mirrored = loaded.embed(hopper.view.image.flip(1).contiguous(), flipped[order])
    assert float(vector @ mirrored) > 0.995
