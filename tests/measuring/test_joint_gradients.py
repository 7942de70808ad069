"""Gradients of the joint stage's loss terms, compared with autograd on the losses written by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from benchmarks import gradients as command
from benchmarks.measuring.joint_gradients import NetworkGradients, as_text, measure
from reports.figures.drawing import save, style
from reports.figures.gradients import draw_gradients
from tests.helpers.stages import with_all_terms
from tests.helpers.steps import generator_loss

TERMS = {
    "g1": ["lr_adversarial", "lr_cycle", "lr_identity", "lr_tv", "lr_total", "hr_adversarial", "hr_cycle", "hr_tv", "hr_total"],
    "sr": ["hr_adversarial", "hr_cycle", "hr_identity", "hr_tv", "hr_total"],
}


def joint() -> Any:
    """The joint stage of the profile smoke with means as reductions, small batches, and discriminators without noise."""
    stage: Any = with_all_terms("cincgan-joint")
    means = dict.fromkeys(("adversarial_reduction", "cycle_reduction", "identity_reduction", "tv_reduction"), "mean")
    losses = {half: replace(getattr(stage.settings, half), **means) for half in ("lr_losses", "hr_losses")}
    stage.settings = replace(stage.settings, **losses)
    for name in ("d1", "d2"):
        stage.networks[name].instance_noise = 0.0
    return stage


def tv(image: Tensor) -> Tensor:
    return image.diff(dim=-1).square().mean() + image.diff(dim=-2).square().mean()


def by_hand(stage: Any) -> dict[str, Tensor]:
    """Weighted loss terms of the stage's next batch."""
    x, (y, z) = stage.x.draw(), stage.pairs.draw_pairs()
    g1, g2, g3, sr, d1, d2 = (stage.networks[name].train() for name in ("g1", "g2", "g3", "sr", "d1", "d2"))
    lr, hr, clean = stage.settings.lr_losses, stage.settings.hr_losses, g1(x)
    return {
        "lr_adversarial": lr.adversarial * generator_loss(d1, y, clean),
        "lr_cycle": lr.cycle * mse_loss(g2(clean), x),
        "lr_identity": lr.identity * l1_loss(g1(y), y),
        "lr_tv": lr.tv * tv(clean),
        "hr_adversarial": hr.adversarial * generator_loss(d2, z, sr(clean)),
        "hr_cycle": hr.cycle * mse_loss(g3(sr(clean)), x),
        "hr_identity": hr.identity * mse_loss(sr(y), z),
        "hr_tv": hr.tv * tv(sr(clean)),
    }


def flat(loss: Tensor, network: torch.nn.Module) -> Tensor:
    gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True, allow_unused=True)
    parameters = network.parameters()
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(parameters, gradients, strict=True)])


def test_norms_and_cosines_are_those_of_autograd() -> None:
    stage = joint()
    terms = by_hand(stage)
    expected = {name: {term: flat(loss, stage.networks[name]) for term, loss in terms.items()} for name in TERMS}
    for vectors in expected.values():
        for half in ("lr", "hr"):
            vectors[f"{half}_total"] = torch.stack([vectors[term] for term in terms if term.startswith(half)]).sum(dim=0)

    stage = joint()
    before = {name: {key: value.clone() for key, value in net.named_parameters()} for name, net in stage.networks.items()}
    measured = measure(stage, 1)
    assert [own.network for own in measured] == ["g1", "sr"]
    for own in measured:
        assert list(own.norms) == TERMS[own.network]
        for term, norm in own.norms.items():
            assert norm == pytest.approx(float(expected[own.network][term].norm()), rel=1e-3)
            for other, cosine in own.cosines[term].items():
                pair = expected[own.network][term], expected[own.network][other]
                assert cosine == pytest.approx(float(torch.cosine_similarity(*pair, dim=0)), abs=1e-3)
    for name, network in stage.networks.items():
        assert all(torch.equal(value, before[name][key]) for key, value in network.named_parameters()), f"{name} has learned"


def test_batches_are_averaged_and_terms_of_weight_0_left_out() -> None:
    stage = joint()
    stage.settings = replace(stage.settings, hr_losses=replace(stage.settings.hr_losses, cycle=0.0))
    singly = joint()
    singly.settings = stage.settings
    both, first = measure(stage, 2), measure(singly, 1)
    second = measure(singly_next(singly), 1)
    for own, *parts in zip(both, first, second, strict=True):
        assert "hr_cycle" not in own.norms
        for term, norm in own.norms.items():
            assert norm == pytest.approx(sum(part.norms[term] for part in parts) / 2, rel=1e-3)


def singly_next(stage: Any) -> Any:
    """A stage in the same state whose sampler is one batch further."""
    other = joint()
    other.settings = stage.settings
    other.x.draw()
    other.pairs.draw_pairs()
    return other


def test_table_and_figure(tmp_path: Path) -> None:
    own = NetworkGradients("sr", {"hr_cycle": 0.25, "hr_tv": 2.0}, {"hr_cycle": {"hr_cycle": 1.0, "hr_tv": -0.5}, "hr_tv": {}})
    assert as_text([own]).splitlines() == [
        "| sr | norm | hr_cycle | hr_tv |",
        "| --- | ---: | ---: | ---: |",
        "| hr_cycle | 0.25 | +1.00 | -0.50 |",
        "| hr_tv | 2 |  |  |",
    ]
    with style():
        save(draw_gradients([own]), tmp_path / "gradients.svg")
    assert (tmp_path / "gradients.svg").stat().st_size > 1000


def test_the_command_measures_a_finished_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = type("Cell", (), {"id": "0" * 16, "profile": "smoke"})()
    monkeypatch.setattr(command, "_cell", lambda options: (cell, None))
    monkeypatch.setattr(command, "_stage", lambda *arguments: joint())
    assert command.main(["--profile", "smoke", "--batches", "1", "--json", "--figure", str(tmp_path / "g.png")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["batches"] == 1 and shown["at"] == "end" and [own["network"] for own in shown["networks"]] == ["g1", "sr"]
    assert (tmp_path / "g.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--batches", "0"], "--batches 0"),
        (["--seed", "-1"], "--seed -1"),
        (["--method", "edsr"], "it has no stage cincgan-joint"),
        (["--method", "cincgan/no-joint"], "it has no stage cincgan-joint"),
        ([], "is not finished there: run python -m benchmarks.run --methods cincgan --profile smoke --seeds 0"),
        (["--at", "start"], "is not finished there"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str) -> None:
    assert command.main(["--profile", "smoke", "--results", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
