"""What exists: methods, the training stages they are made of, and metrics, as lazy strings resolved when used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.errors import unknown
from benchmarks.strict import build, read_toml

if TYPE_CHECKING:
    from benchmarks.data.folders import Split

ROOT = Path(__file__).resolve().parents[1]

Group = Literal["rival", "supervised", "released"]


@dataclass(frozen=True)
class StageEntry:
    """A training stage: one cell of training that methods and later stages build on.

    Attributes:
        name: also the profile's section ``[stages.<name>]``.
        target: ``module:Class``, a ``benchmarks.training.Stage``.
        settings: ``module:Class``, the frozen dataclass of its profile section.
        reads: training splits that it sees, so that its identity depends on nothing else.
        needs: stages whose weights it starts from.
        weights_of: the stage whose settings say, as ``weights``, which cards of published weights its losses use.
        textbook: ``module:Class``, a ``benchmarks.textbook.Textbook``: the same step written plainly, for comparison.
    """

    name: str
    target: str
    settings: str
    reads: tuple[Split, ...]
    needs: tuple[str, ...] = ()
    weights_of: str = ""
    textbook: str = ""


@dataclass(frozen=True)
class MethodEntry:
    """Something that turns an LR image into an HR image.

    Attributes:
        name: on the command line and in tables; ``<method>/<variant>`` is a variant.
        title: how a table introduces it.
        target: ``module:Class``, a ``benchmarks.method.Method``.
        trains: its own training stages.
        uses: stages of other methods that it is built from.
        weights: cards of published weights that it is made of.
        group: ``rival``; ``supervised`` saw degraded LR and HR *pairs*: an upper reference, no fair rival;
            ``released`` was trained elsewhere on other data.
        variants: file under the project's root that declares its variants.
        changes: settings that a variant changes, as for ``--set``.
        without: stages that a variant leaves out.
    """

    name: str
    title: str
    target: str
    trains: tuple[StageEntry, ...] = ()
    uses: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    group: Group = "rival"
    variants: str = ""
    changes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the trained stages that it is built from; none for an untrained method."""
        return tuple(name for name in (*self.uses, *(stage.name for stage in self.trains)) if name not in self.without)


PAIRS = "baselines.textbook:PairTextbook"

METHODS = {
    method.name: method
    for method in (
        MethodEntry("bicubic", "bicubic interpolation, untrained", "baselines.bicubic:Bicubic"),
        MethodEntry(
            "fsrcnn",
            "FSRCNN, trained on clean bicubic pairs",
            "baselines.fsrcnn:FSRCNN",
            trains=(
                StageEntry(
                    "fsrcnn",
                    "baselines.fsrcnn:FSRCNNStage",
                    "baselines.settings:FSRCNNSettings",
                    reads=("z",),
                    textbook=PAIRS,
                ),
            ),
        ),
        MethodEntry(
            "edsr",
            "EDSR, trained on clean bicubic pairs",
            "baselines.edsr:EDSR",
            trains=(
                StageEntry(
                    "edsr",
                    "baselines.edsr:EDSRStage",
                    "baselines.settings:EDSRSettings",
                    reads=("z",),
                    textbook=PAIRS,
                ),
            ),
        ),
        MethodEntry("bm3d-edsr", "BM3D on the LR image, then EDSR", "baselines.bm3d_edsr:BM3DEDSR", uses=("edsr",)),
        MethodEntry(
            "srgan",
            "SRGAN, trained on clean bicubic pairs",
            "baselines.srgan:SRGAN",
            trains=(
                StageEntry(
                    "srgan",
                    "baselines.srgan:SRGANStage",
                    "baselines.settings:SRGANSettings",
                    reads=("z",),
                    weights_of="srgan",
                    textbook="baselines.textbook:SRGANTextbook",
                ),
            ),
        ),
        MethodEntry(
            "pseudo-supervision",
            "pseudo-supervision (Maeda 2020), trained without pairs",
            "baselines.pseudo:PseudoSupervision",
            trains=(
                StageEntry(
                    "pseudo-supervision",
                    "baselines.pseudo:PseudoStage",
                    "baselines.settings:PseudoSettings",
                    reads=("x", "z"),
                    needs=("edsr",),
                    textbook="baselines.textbook:PseudoTextbook",
                ),
            ),
            uses=("edsr",),
        ),
        MethodEntry(
            "cincgan",
            "CinCGAN, trained without pairs",
            "cincgan.method:CinCGAN",
            trains=(
                StageEntry(
                    "cincgan-inner",
                    "cincgan.inner:InnerStage",
                    "cincgan.settings:InnerSettings",
                    reads=("x", "z"),
                    textbook="cincgan.textbook:InnerTextbook",
                ),
                StageEntry(
                    "cincgan-joint",
                    "cincgan.joint:JointStage",
                    "cincgan.settings:JointSettings",
                    reads=("x", "z"),
                    needs=("edsr", "cincgan-inner"),
                    textbook="cincgan.textbook:JointTextbook",
                ),
            ),
            uses=("edsr",),
            variants="cincgan/ablation.toml",
        ),
        MethodEntry(
            "edsr-paired",
            "EDSR fine-tuned on degraded pairs (EDSR+)",
            "baselines.edsr:EDSR",
            trains=(
                StageEntry(
                    "edsr-paired",
                    "baselines.edsr:PairedEDSRStage",
                    "benchmarks.settings:PlainSettings",
                    reads=("pairs",),
                    needs=("edsr",),
                    textbook=PAIRS,
                ),
            ),
            uses=("edsr",),
            group="supervised",
        ),
        MethodEntry(
            "srgan-paired",
            "SRGAN fine-tuned on degraded pairs (SRGAN+)",
            "baselines.srgan:SRGAN",
            trains=(
                StageEntry(
                    "srgan-paired",
                    "baselines.srgan:PairedSRGANStage",
                    "baselines.settings:PairedSRGANSettings",
                    reads=("pairs",),
                    needs=("srgan",),
                    weights_of="srgan",
                    textbook="baselines.textbook:SRGANTextbook",
                ),
            ),
            uses=("srgan",),
            group="supervised",
        ),
        MethodEntry(
            "realsr",
            "RealSR DF2K, released weights",
            "baselines.rrdbnet:RealSR",
            weights=("realsr-df2k",),
            group="released",
        ),
        MethodEntry(
            "realesrgan",
            "Real-ESRGAN x4plus, released weights",
            "baselines.rrdbnet:RealESRGAN",
            weights=("realesrgan-x4plus",),
            group="released",
        ),
    )
}

STAGES = {stage.name: stage for method in METHODS.values() for stage in method.trains}


def get_stage(name: str) -> StageEntry:
    """Look a stage up. Raises UsageError, with the nearest name, where there is none."""
    if name not in STAGES:
        raise unknown("training stage", name, STAGES)
    return STAGES[name]


def get_method(name: str) -> MethodEntry:
    """Look a method or a variant up. Raises UsageError, with the nearest name, where there is none."""
    base, slash, _ = name.partition("/")
    if base not in METHODS:
        raise unknown("method", name, METHODS)
    if not slash:
        return METHODS[base]
    variants = {variant.name: variant for variant in variants_of(base)}
    if name not in variants:
        raise unknown("variant", name, variants)
    return variants[name]


@dataclass(frozen=True)
class Variant:
    """What a method's variant changes, as its file declares it."""

    title: str
    changes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@cache
def variants_of(name: str) -> tuple[MethodEntry, ...]:
    """The declared variants of a method, in their file's order. Raises UsageError where the file is invalid."""
    method = METHODS[name]
    if not method.variants:
        return ()
    path = ROOT / method.variants
    declared = {key: build(Variant, data, f"{path}: {key}") for key, data in read_toml(path).items()}
    return tuple(
        replace(method, name=f"{name}/{key}", title=found.title, changes=found.changes, without=found.without, variants="")
        for key, found in declared.items()
    )


@dataclass(frozen=True)
class MetricEntry:
    """A number that says how near a result is to its ground truth.

    Attributes:
        name: on the command line, in profiles and in result files.
        label: what tables print.
        higher_is_better: which way is better.
        digits: after the point, in tables.
        target: ``module:Class`` that makes a ``benchmarks.scoring.Scorer``; empty for PSNR and SSIM, which a protocol computes.
        options: what the class is given.
        weights: cards of published weights that it uses.
    """

    name: str
    label: str
    higher_is_better: bool = True
    digits: int = 3
    target: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    weights: tuple[str, ...] = ()


METRICS = {
    metric.name: metric
    for metric in (
        MetricEntry("psnr", "PSNR", digits=2),
        MetricEntry("ssim", "SSIM"),
        MetricEntry("lpips", "LPIPS", False, 3, "benchmarks.perceptual:LPIPS", {"net": "alex"}, ("lpips-alex",)),
        MetricEntry("lpips-vgg", "LPIPS-VGG", False, 3, "benchmarks.perceptual:LPIPS", {"net": "vgg"}, ("lpips-vgg",)),
    )
}


def get_metric(name: str) -> MetricEntry:
    """Look a metric up, among pyiqa's too. Raises UsageError, with the nearest name, where there is none."""
    if name in METRICS:
        return METRICS[name]
    from benchmarks.pyiqa_metrics import higher_is_better, metric_names

    if name not in metric_names():
        raise unknown("metric", name, {*METRICS, *metric_names()})
    return MetricEntry(name, name.upper(), higher_is_better(name), 3, "benchmarks.pyiqa_metrics:PyiqaMetric", {"name": name})


def resolve(target: str) -> Any:
    """Import what a lazy string ``module:Name`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
