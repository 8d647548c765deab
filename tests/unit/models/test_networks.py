"""The converted networks compute what MediaPipe's own runtime computes."""

import numpy as np
import pytest
import torch

from motion_control.models import graph, loading

NETWORKS = (
    "face_detection_short", "face_detection_full", "face_landmarks", "pose_detection", "pose_landmarks",
    "palm_detection", "hand_landmarks", "person_matte",
)  # fmt: skip


def compute(oracle, network: str, image: np.ndarray) -> dict[str, np.ndarray]:
    module, _, _ = loading.load(network)
    low = oracle.NETWORKS[network][2]
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None] / 255 * (1 - low) + low
    with torch.no_grad():
        outputs = module(tensor)
    return {
        name: (value.permute(0, 2, 3, 1) if value.ndim == 4 else value).reshape(-1).numpy()
        for name, value in outputs.items()
    }


def assert_close(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    assert ours.shape == theirs.shape, what
    difference = np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-3)
    assert difference < 2e-3, f"{what}: relative difference {difference:.1e}"


@pytest.mark.parametrize("network", NETWORKS)
def test_outputs_are_those_of_mediapipe(oracle, record, network):
    for name, image in oracle.network_inputs(oracle.NETWORKS[network][1]).items():
        for output, values in compute(oracle, network, image).items():
            assert_close(oracle.thinned(values), record[f"{network}/{name}/{output}"], f"{network} {name} {output}")


@pytest.mark.parametrize("network", NETWORKS)
def test_outputs_are_those_of_mediapipe_live(oracle, network):
    pytest.importorskip("mediapipe")
    for name, image in oracle.network_inputs(oracle.NETWORKS[network][1]).items():
        theirs = oracle.raw_outputs(network, image)
        for output, values in compute(oracle, network, image).items():
            assert_close(values, theirs[output], f"{network} {name} {output}")


@pytest.mark.parametrize("network", NETWORKS)
def test_a_batch_is_its_pictures_one_by_one(network):
    module, _, _ = loading.load(network)
    images = torch.rand(3, *module.input_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together, alone = module(images), [module(images[i : i + 1]) for i in range(3)]
    for name, value in together.items():
        one_by_one = torch.cat([outputs[name] for outputs in alone])
        torch.testing.assert_close(value, one_by_one, rtol=1e-3, atol=1e-3 * float(value.abs().max()))


def test_only_the_wanted_outputs_are_computed():
    module, _, _ = loading.load("pose_landmarks")
    images = torch.rand(1, *module.input_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        everything, some = module(images), module(images, ("landmarks", "world"))
    assert set(some) == {"landmarks", "world"}
    for name, value in some.items():
        torch.testing.assert_close(value, everything[name])
    assert len(module._plan(("landmarks",))) < len(module._plan(tuple(everything)))


def test_layers_come_from_the_given_namespace():
    made = []

    class Operations:
        class Conv2d(torch.nn.Conv2d):
            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **options)
                made.append(self)

        ConvTranspose2d = torch.nn.ConvTranspose2d
        Linear = torch.nn.Linear

    network = loading.build(loading.WEIGHTS / "person_matte.safetensors", Operations)
    assert sum(isinstance(module, Operations.Conv2d) for module in network.modules()) == len(made) > 20


def test_placement_is_asked_at_every_load_with_the_same_module():
    asked = []

    def place(module, name):
        asked.append((module, name))
        return module, torch.device("cpu"), torch.float32

    loading.set_placement(place)
    try:
        first, second = loading.load("person_matte"), loading.load("person_matte")
    finally:
        loading.set_placement(None)
    assert [name for _, name in asked] == ["person_matte"] * 2
    assert first[0] is second[0]


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"no_such_network\.safetensors"):
        loading.load("no_such_network")


@pytest.mark.parametrize("size", [(6, 10), (9, 15)])
def test_legacy_resize(size):
    """Source coordinate = target coordinate times the ratio of the sizes, the border repeated."""
    x = torch.rand(1, 2, 3, 5, generator=torch.Generator().manual_seed(0))
    entry = {"op": "resize", "in": [0], "out": 1, "size": list(size), "corners": "legacy"}
    network = graph.GraphNetwork({"input": [2, 3, 5], "outputs": {"y": 1}, "operations": [entry]}, {})
    rows, columns = (np.arange(n) * m / n for n, m in zip(size, (3, 5)))
    padded = np.pad(x.numpy()[0], ((0, 0), (0, 1), (0, 1)), mode="edge")
    r, c = rows.astype(int), columns.astype(int)
    fr, fc = (rows - r)[:, None], columns - c
    want = (padded[:, r][:, :, c] * (1 - fc) + padded[:, r][:, :, c + 1] * fc) * (1 - fr)
    want += (padded[:, r + 1][:, :, c] * (1 - fc) + padded[:, r + 1][:, :, c + 1] * fc) * fr
    np.testing.assert_allclose(network(x)["y"][0].numpy(), want, atol=1e-5)
