"""Defaults of settings never change: identities leave out settings that have their default.

A new default is added here: from then on it is held. A default that would have to change becomes a new setting.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

from benchmarks.catalog.degradations import DEGRADATIONS
from benchmarks.catalog.methods import methods, stages
from benchmarks.core.lazy import resolve

DEFAULTS = {
    "baselines.fsrcnn.settings.FSRCNNSettings.global_skip": False,
    "benchmarks.api.settings.TrainingSettings.recompute": False,
    "benchmarks.training.networks.settings.EDSRSettings.published": "",
    "benchmarks.degradations.track2_like.Track2Like.seed": 0,
    "benchmarks.degradations.track2_like_v2.Track2LikeV2.seed": 0,
    **{
        f"benchmarks.degradations.first_order.FirstOrder.{name}": default
        for name, default in {
            "kernel_size": (7, 21),
            "anisotropic_share": 0.5,
            "blur_sigma": (0.2, 3.0),
            "noise_sigma": (1.0, 30.0),
            "seed": 0,
        }.items()
    },
    **{
        f"benchmarks.degradations.real_esrgan.RealESRGAN.{name}": default
        for name, default in {
            "kernel_size": (7, 21),
            "sinc_share": 0.1,
            "blur_sigma": (0.2, 3.0),
            "resize": (0.15, 1.5),
            "noise_sigma": (1.0, 30.0),
            "poisson_scale": (0.05, 3.0),
            "second_blur_share": 0.8,
            "second_blur_sigma": (0.2, 1.5),
            "second_resize": (0.3, 1.2),
            "second_noise_sigma": (1.0, 25.0),
            "second_poisson_scale": (0.05, 2.5),
            "final_sinc_share": 0.8,
            "gaussian_share": 0.5,
            "grey_share": 0.4,
            "jpeg": True,
            "jpeg_quality": (30, 95),
            "seed": 0,
        }.items()
    },
    **{
        f"benchmarks.degradations.bsrgan.BSRGAN.{name}": default
        for name, default in {
            "halve_share": 0.25,
            "kernel_size": (7, 25),
            "anisotropic_share": 0.5,
            "resize_share": 0.75,
            "noise_sigma": (2.0, 25.0),
            "grey_share": 0.4,
            "correlated_share": 0.2,
            "jpeg": True,
            "jpeg_share": 0.9,
            "jpeg_quality": (30, 95),
            "seed": 0,
        }.items()
    },
}


def defaults(cls: Any) -> dict[str, Any]:
    """Defaults of a dataclass's fields, and of the dataclasses within it, by their full names."""
    values: dict[str, Any] = {}
    hints = get_type_hints(cls)
    for field in fields(cls):
        if is_dataclass(hints[field.name]):
            values |= defaults(hints[field.name])
        if field.default is not MISSING:
            values[f"{cls.__module__}.{cls.__qualname__}.{field.name}"] = field.default
        assert field.default_factory is MISSING
    return values


def test_defaults_are_what_they_were() -> None:
    classes = [resolve(stage.settings) for stage in stages().values()]
    classes += [resolve(entry.target) for entry in DEGRADATIONS.values()]
    classes += [resolve(method.inference) for method in methods().values() if method.inference]
    present = {name: value for cls in classes for name, value in defaults(cls).items()}
    assert {name: present.get(name) for name in DEFAULTS} == DEFAULTS
