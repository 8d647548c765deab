"""engine.runtime without a ComfyUI, and with the few functions of one that it asks."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from motion_control.engine import runtime


@pytest.fixture
def management(monkeypatch):
    """A stand-in for comfy.model_management that remembers what it was asked to load."""
    loaded = []
    stand_in = SimpleNamespace(
        get_torch_device=lambda: torch.device("cpu"),
        unet_offload_device=lambda: torch.device("cpu"),
        load_models_gpu=lambda patchers, memory_required=0: loaded.extend(patchers),
        OOM_EXCEPTION=MemoryError,
        soft_empty_cache=lambda: None,
        loaded=loaded,
    )
    patcher = ModuleType("comfy.model_patcher")
    patcher.ModelPatcher = lambda module, load_device, offload_device: SimpleNamespace(module=module)
    ops = ModuleType("comfy.ops")
    ops.disable_weight_init = torch.nn
    comfy = ModuleType("comfy")
    comfy.model_patcher, comfy.ops = patcher, ops
    for name, module in {"comfy": comfy, "comfy.model_patcher": patcher, "comfy.ops": ops}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "comfy.model_management", stand_in)
    return stand_in


def test_without_comfyui_everything_answers_with_plain_torch():
    assert runtime.device().type in ("cpu", "cuda")
    runtime.check_interrupted()
    runtime.free_memory()
    network = runtime.ManagedNetwork(torch.nn.Linear(2, 2))
    assert network.on_device().weight.device.type == runtime.device().type
    assert not network.module.training and not network.module.weight.requires_grad


def test_comfyui_is_asked_before_every_run(management):
    network = runtime.ManagedNetwork(torch.nn.Linear(2, 2))
    network.on_device()
    network.on_device()
    assert len(management.loaded) == 2 and management.loaded[0] is management.loaded[1]


def test_networks_are_placed_by_the_host(management, monkeypatch):
    from motion_control.models import loading

    kept = loading._placement, loading._operations
    try:
        runtime.place_networks()
        module, device, dtype = loading.load("face_detection_short")
        assert [patcher.module for patcher in management.loaded] == [module]
        assert device.type == "cpu" and dtype is torch.float32
    finally:
        loading.set_placement(*kept)


def test_batches_are_halved_until_they_fit(management):
    tried = []

    def run(batch):
        tried.append(batch)
        if batch > 2:
            raise MemoryError
        return batch

    assert runtime.with_smaller_batches(run, 9) == 2
    assert tried == [9, 5, 3, 2]


def test_one_picture_that_does_not_fit_is_an_error(management):
    def run(batch):
        raise MemoryError

    with pytest.raises(MemoryError):
        runtime.with_smaller_batches(run, 2)


def test_other_errors_are_not_taken_for_a_lack_of_memory(management):
    management.OOM_EXCEPTION = Exception  # what ComfyUI says where torch has no such error
    with pytest.raises(ValueError):
        runtime.with_smaller_batches(lambda batch: int("x"), 4)
