"""Metrics: those of this project, and pyiqa's by their names there."""

from __future__ import annotations

from benchmarks.api.entries import MetricEntry
from benchmarks.catalog.plugins import added_metrics
from benchmarks.core.errors import unknown
from benchmarks.core.lazy import resolve
from benchmarks.core.registry import Registry

PYIQA = "benchmarks.scoring.pyiqa_metrics"


def _learned(name: str, label: str, *, digits: int = 3, no_reference: bool = True) -> MetricEntry:
    """A metric of pyiqa whose weights have a card of its name; larger is better."""
    target, options = "benchmarks.scoring.from_cards.card_metrics:CardMetric", {"name": name}
    return MetricEntry(name, label, True, digits, target, options, (name,), smallest=32, no_reference=no_reference)


METRICS = Registry(
    "metric",
    (
        MetricEntry("psnr", "PSNR", digits=2, unit="dB"),
        MetricEntry("ssim", "SSIM"),
        MetricEntry("lpips", "LPIPS", False, 3, "benchmarks.scoring.lpips:LPIPS", {"net": "alex"}, ("lpips-alex",), smallest=31),
        MetricEntry(
            "lpips-vgg", "LPIPS-VGG", False, 3, "benchmarks.scoring.lpips:LPIPS", {"net": "vgg"}, ("lpips-vgg",), smallest=16
        ),
        MetricEntry("dists", "DISTS", False, 3, "benchmarks.scoring.from_cards.dists:DISTS", weights=("dists",), smallest=16),
        MetricEntry(
            "niqe", "NIQE", False, 3, "benchmarks.scoring.from_cards.niqe:NIQE", weights=("niqe",), smallest=96, no_reference=True
        ),
        _learned("musiq", "MUSIQ", digits=2),
        _learned("maniqa", "MANIQA"),
        _learned("maniqa-pipal", "MANIQA-PIPAL"),
        _learned("clipiqa", "CLIP-IQA"),
        _learned("topiq_nr", "TOPIQ-NR"),
        _learned("topiq_fr", "TOPIQ-FR", no_reference=False),
    ),
    added_metrics,
)


def get_metric(name: str) -> MetricEntry:
    """The metric of a name, pyiqa's included. Raises UsageError, with the nearest name, where there is none."""
    if name in METRICS:
        return METRICS[name]
    names = resolve(f"{PYIQA}:metric_names")()
    if name not in names:
        raise unknown("metric", name, {*METRICS, *names}, METRICS, ", which pyiqa.list_models() lists")
    higher_is_better = resolve(f"{PYIQA}:higher_is_better")(name)
    target, options = f"{PYIQA}:PyiqaMetric", {"name": name}
    return MetricEntry(name, name.upper(), higher_is_better, 3, target, options, no_reference=_is_no_reference(name))


def _is_no_reference(name: str) -> bool:
    """True if a metric of pyiqa sees SR images alone, as pyiqa declares it."""
    from pyiqa.default_model_configs import DEFAULT_CONFIGS

    return bool(DEFAULT_CONFIGS[name]["metric_mode"] == "NR")
