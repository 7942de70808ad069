"""Fresh stages of the smoke profile on ``demo-photos``, for tests of single steps and of short trainings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from benchmarks.api.entries import StageEntry
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import get_stage
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.lazy import resolve
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.training.stage import Context, Stage, StageImages, make_stage

PROFILE = load_profile("smoke")
DATA = Dataset(load_dataset_card("demo-photos"), PROFILE.degradation).images
STEPS = 8  # of a shortened schedule


def visible(name: str) -> StageImages:
    """The images that a stage may see."""
    return StageImages(DATA, name, get_stage(name).reads)


def needs_published_weights(entry: StageEntry) -> bool:
    """True if a stage of the smoke profile loads published weights, which may have to be downloaded."""
    return bool(entry.weights_of and PROFILE.stages[entry.weights_of].weights)


def shortened(name: str) -> Any:
    """Settings of a stage with a schedule of ``STEPS`` steps, in which the learning rate halves and every phase occurs."""
    settings = PROFILE.stages[name]
    both_phases = {"pixel_steps": STEPS // 2} if hasattr(settings, "pixel_steps") else {}
    return replace(settings, training=replace(settings.training, steps=STEPS, halve_every=3), **both_phases)


def trained(name: str) -> TrainedStage:
    """A stage with its initial weights in place of trained ones, and so the stages that it needs."""
    networks = fresh(name, torch.Generator()).networks
    return TrainedStage(shortened(name), {key: network.state_dict() for key, network in networks.items()}, 4)


def fresh(name: str, generator: torch.Generator) -> Stage:
    """A stage with a shortened schedule, whose weights follow from the generator's seed."""
    needs = {needed: trained(needed) for needed in get_stage(name).needs}
    torch.manual_seed(generator.initial_seed())
    stage: Stage = resolve(get_stage(name).target)(shortened(name), Context(visible(name), generator, needs))
    return stage


def seeded(name: str, seed: int = 5) -> tuple[Stage, torch.Generator]:
    """A fresh stage and its generator, as ``training.loop.train`` takes them."""
    generator = torch.Generator().manual_seed(seed)
    return fresh(name, generator), generator


def with_all_terms(name: str) -> Stage:
    """A fresh stage in float32 whose first step has all loss terms: without a warm-up and a phase of pixel losses.

    The last layers of generators are random. Where they start at zero, no gradient passes through, and reals and fakes are so
    alike that the discriminator's gradients of them cancel but for their rounding.
    """
    settings = PROFILE.stages[name]
    settings = replace(settings, training=replace(settings.training, precision="float32"))
    for phase in ("warmup_steps", "pixel_steps"):
        if hasattr(settings, phase):
            settings = replace(settings, **{phase: 0})
    needs = {needed: trained(needed) for needed in get_stage(name).needs}
    if "srgan" in needs:
        needs["srgan"] = replace(needs["srgan"], settings=replace(needs["srgan"].settings, pixel_steps=0))
    stage: Stage = make_stage(resolve(get_stage(name).target), settings, visible(name), needs, seed=3)[0]
    for network in (network for key, network in stage.networks.items() if key[0] != "d"):
        last = [parameter for parameter in network.parameters() if parameter.ndim == 4][-1]
        nn.init.normal_(last, std=0.05, generator=torch.Generator().manual_seed(1))
    return stage
