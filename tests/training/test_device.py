"""Stages and methods name no device: with all tensors on another device, a step meets no tensor that was left on the CPU."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.srgan import stage as srgan
from benchmarks.api.method import Descriptor
from benchmarks.api.settings import TrainingSettings
from benchmarks.catalog.methods import get_method, stages
from benchmarks.core import device as core_device
from benchmarks.core.device import device, rounds_to_tf32
from benchmarks.core.lazy import resolve
from benchmarks.scoring.building import built_method
from benchmarks.scoring.evaluation import super_resolve
from benchmarks.training import loop, pair_source, stage
from benchmarks.training.stage import effective_precision
from tests.helpers.stages import PROFILE, needs_published_weights, trained, with_all_terms

META = torch.device("meta")  # computes shapes only, and refuses to meet tensors of the CPU


@pytest.fixture(autouse=True)
def no_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meta tensors have none."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **options: nullcontext())


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stage, loop, pair_source, srgan):
        monkeypatch.setattr(module, "device", lambda: META)


@pytest.mark.train
@pytest.mark.parametrize("name", [name for name, entry in stages().items() if not needs_published_weights(entry)])
@pytest.mark.usefixtures("elsewhere")
def test_a_step_stays_on_its_device(name: str) -> None:
    on_meta = with_all_terms(name)
    loop.prepare(on_meta)
    losses = on_meta.step(0)
    assert {loss.device for loss in losses.values()} == {META}
    assert {image.device for image in on_meta.probe()} == {META}
    for network, module in on_meta.networks.items():
        for key, parameter in module.named_parameters():
            assert parameter.grad is not None and parameter.grad.device == META, f"{network}: {key}"


@pytest.mark.train
@pytest.mark.filterwarnings("ignore:.*from a non-meta parameter")
@pytest.mark.parametrize("name", ["fsrcnn", "edsr", "srgan", "cincgan", "pseudo-supervision"])
def test_a_method_made_on_a_device_enlarges_there(name: str) -> None:
    entry = get_method(name)
    needs = {needed: trained(needed) for needed in entry.stages}
    with META:
        method = resolve(entry.target).from_stages(needs, 4)
    sr = method(torch.empty(1, 3, 20, 24, device=META))
    assert (sr.device, sr.shape) == (META, (1, 3, 80, 96))


def test_sr_images_are_fetched_from_the_methods_device() -> None:
    """The input of the method is on its device, as far as a CPU can show it."""
    seen = []

    def method(lr: torch.Tensor) -> torch.Tensor:
        seen.append(lr.device)
        return torch.zeros(1, 3, 80, 96)

    method.descriptor = Descriptor(4, 1)  # type: ignore[attr-defined]
    assert super_resolve(method, np.zeros((20, 24, 3), np.uint8), device=META).shape == (80, 96, 3)  # type: ignore[arg-type]
    assert seen == [META]


def test_a_gpu_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert device() == torch.device("cuda", 1)
    assert effective_precision(settings("bfloat16")) == "bfloat16"
    assert effective_precision(settings("float32")) == "float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert effective_precision(settings("bfloat16")) == "float32"


@pytest.mark.parametrize(
    ("capability", "onednn_limit", "precision"),
    [
        ("AVX512", None, "bfloat16"),
        ("AVX512", "ALL", "bfloat16"),
        ("AVX512", "AVX512_CORE_BF16", "bfloat16"),
        ("AVX512", "avx512_core_amx", "bfloat16"),
        ("AVX512", "AVX512_CORE", "float32"),
        ("AVX512", "avx2", "float32"),
        ("AVX2", None, "float32"),
        ("DEFAULT", "ALL", "float32"),
    ],
)
def test_bfloat16_is_left_out_where_a_library_is_limited_to_kernels_without_it(
    monkeypatch: pytest.MonkeyPatch, capability: str, onednn_limit: str | None, precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if onednn_limit:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", onednn_limit)
    assert effective_precision(settings("bfloat16")) == precision
    assert effective_precision(settings("float32")) == "float32"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    assert effective_precision(settings("bfloat16")) == "float32"


@pytest.mark.parametrize("value", ["1", "7", "-1", "text", ""])
def test_a_left_over_local_rank_chooses_no_gpu(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setenv("LOCAL_RANK", value)
    assert device() == torch.device("cuda", 0)


@pytest.mark.parametrize("hidden", [None, "", "-1"])
def test_a_gpu_that_torch_cannot_use_is_not_told_as_none(
    hidden: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise RuntimeError("The NVIDIA driver is too old.\nPlease update")

    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(core_device, "DEVICES", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", fails)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    core_device._say_unusable_gpu.cache_clear()
    assert device() == device() == torch.device("cpu")
    line = "the GPU of this machine cannot be used, so the CPU computes: The NVIDIA driver is too old.\n"
    assert capsys.readouterr().err == ("" if hidden is not None else line), "once, and only where GPUs are not hidden on purpose"


def settings(precision: str) -> TrainingSettings:
    return replace(PROFILE.stages["edsr"].training, precision=precision)


def test_tf32_is_recorded_where_convolutions_use_it_and_evaluations_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not rounds_to_tf32(), "on a CPU"
    monkeypatch.setattr(core_device, "device", lambda: torch.device("cuda", 0))
    for capability, expected in (((8, 0), True), ((7, 5), False)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda capability=capability: capability)
        assert rounds_to_tf32() == expected
    before = torch.backends.cudnn.allow_tf32
    monkeypatch.undo()
    with pytest.raises(ValueError, match="planted"), built_method(resolve(get_method("bicubic").target), {}, 4, threads=1):
        assert not torch.backends.cudnn.allow_tf32
        raise ValueError("planted")
    assert torch.backends.cudnn.allow_tf32 == before
