"""Learned metrics of pyiqa with weights that a card names, in place of those that pyiqa would download unverified."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.scoring.pyiqa_metrics import PyiqaMetric

if TYPE_CHECKING:
    from benchmarks.api.image import Image

OPTIONS: dict[str, dict[str, Any]] = {  # that keep pyiqa from downloading trunks, which the weights include
    "topiq_nr": {"backbone_pretrain": False},
    "topiq_fr": {"backbone_pretrain": False},
}


class CardMetric(PyiqaMetric):
    """A metric of pyiqa, with pyiqa's settings and the weights of the card of its name."""

    def __init__(self, name: str) -> None:
        """Load the metric, on the CPU in float32; torch's random state stays as it was.

        Args:
            name: name of the metric in pyiqa, and of the card.

        Raises:
            WeightsMissing: the weights are neither cached nor obtainable.
            UsageError: the file does not hold the metric's weights.
        """
        import torch

        self.name = name
        path = fetch(load_weight_card(name))["network"]
        with torch.random.fork_rng(devices=[]), redirect_stdout(io.StringIO()):
            self.metric = _clip_metric(name, path) if name == "clipiqa" else _metric(name, path)

    def _score(self, sr: Image, hr: Image) -> float:
        """Score of a pair. Without need of the HR image, random numbers follow from the SR image alone."""
        return super()._score(sr, sr if self.metric.metric_mode == "NR" else hr)


def _metric(name: str, path: Path) -> Any:
    """A metric whose network is filled from a state dict. Raises UsageError if the file holds another."""
    import pyiqa
    import timm
    import torch
    from pyiqa.archs import maniqa_arch
    from pyiqa.archs.arch_util import clean_state_dict

    empty_trunks = SimpleNamespace(create_model=partial(_without_download, timm.create_model))
    with replaced(maniqa_arch, "timm", empty_trunks):
        metric = pyiqa.create_metric(name, device=torch.device("cpu"), pretrained=False, **OPTIONS.get(name, {}))
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        metric.net.load_state_dict(clean_state_dict(state.get("params", state)))
    except Exception as error:  # loaders raise all kinds of errors on broken and foreign files
        raise _unfit(path, name, error) from error
    return metric.requires_grad_(False)


def _clip_metric(name: str, path: Path) -> Any:
    """A metric whose network is OpenAI's CLIP, an archive of TorchScript, of which the weights alone are used."""
    import torch

    with _packaging_for_clip():
        import_module("clip")  # where this fails, pyiqa would say that it has no such metric
        import pyiqa
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of TorchScript, in which the file is written
            return pyiqa.create_metric(name, device=torch.device("cpu"), backbone=str(path)).requires_grad_(False)
    except Exception as error:  # as above
        raise _unfit(path, name, error) from error


@contextmanager
def _packaging_for_clip() -> Iterator[None]:
    """Inside the block ``pkg_resources`` has ``packaging``, the one name that the package ``clip`` takes from it.

    Setuptools had it up to version 80.
    """
    if find_spec("pkg_resources"):
        yield
        return
    module = ModuleType("pkg_resources")
    module.packaging = import_module("packaging")  # type: ignore[attr-defined]
    import_module("packaging.version")
    sys.modules["pkg_resources"] = module
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]


def _unfit(path: Path, name: str, error: Exception) -> UsageError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    return UsageError(f"{path}: holds no weights of {name} ({reason}): delete it to have it fetched again")


def _without_download(create_model: Any, name: str, pretrained: bool) -> Any:
    """A network of timm with random weights, whatever is asked for."""
    return create_model(name, pretrained=False)


@contextmanager
def replaced(module: Any, name: str, value: object) -> Iterator[None]:
    """Inside the block a module's global of this name has another value. Not for several threads at a time."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
