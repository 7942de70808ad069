"""The training loop: bit-exact repetition and resumption, moving averages, schedule, and checks for collapse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks.catalog.methods import stages
from benchmarks.core.errors import TrainingCollapsed, UsageError
from benchmarks.training import loop
from benchmarks.training.checkpoints import Progress
from benchmarks.training.loop import advance, prepare, residual_blocks, train
from benchmarks.training.stage import Stage, descend
from benchmarks.training.watch import Watch
from tests.helpers.stages import PROFILE, STEPS, fresh, needs_published_weights, seeded

WITH_BLOCKS = ("edsr", "edsr-paired", "srgan", "srgan-paired", "pseudo-supervision", "cincgan-inner", "cincgan-joint")


def equal(a: dict[str, dict[str, Tensor]], b: dict[str, dict[str, Tensor]]) -> bool:
    return all(torch.equal(tensor, b[name][key]) for name, tensors in a.items() for key, tensor in tensors.items())


class Stopped(Exception):
    pass


@pytest.mark.train
@pytest.mark.parametrize("stage", stages())
def test_same_seed_same_bits_and_resuming_changes_nothing(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    monkeypatch.setattr("baselines.srgan.stage.SRGANStage.features", nn.Identity())  # in place of VGG16, which needs weights
    whole = train(*seeded(stage), tmp_path / "none")
    again = train(*seeded(stage), tmp_path / "none")
    assert equal(whole.weights, again.weights)
    other = train(*seeded(stage, seed=6), tmp_path / "none")
    assert not equal(whole.weights, other.weights)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)

    def stop(step: int, losses: dict[str, float]) -> None:
        if step == 6:  # after the checkpoint of step 5
            raise Stopped

    with pytest.raises(Stopped):
        train(*seeded(stage), tmp_path / "checkpoint.pt", stop)
    seen: list[int] = []
    resumed = train(*seeded(stage), tmp_path / "checkpoint.pt", lambda step, losses: seen.append(step))
    assert seen == [6, 7, 8]
    assert equal(whole.weights, resumed.weights)
    assert whole.history == resumed.history
    assert [point["step"] for point in whole.history] == list(range(1, STEPS + 1))


def test_a_corrupt_checkpoint_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(UsageError, match="corrupt checkpoint"):
        train(*seeded("edsr"), tmp_path / "checkpoint.pt")


class Toy(Stage):
    """A stage with a single linear layer, whose losses and output a test chooses."""

    averaged = ("net",)
    discriminators = ("d",)

    def __init__(self, loss: Callable[[int], float], output: float = 1.0, steps: int = 2000, ema: float = 0.0) -> None:
        settings = replace(PROFILE.stages["edsr"].training, steps=steps, learning_rate=0.1, halve_every=10, ema_decay=ema)
        super().__init__(settings)
        self.networks = {"net": nn.Linear(1, 1)}
        self.learning_rates = {"net": 0.1}
        self.optimizers = {"net": torch.optim.SGD(self.networks["net"].parameters(), 0.1)}
        self.loss, self.output = loss, output
        self.rates: list[float] = []
        self.path: list[Tensor] = []

    def step(self, index: int) -> dict[str, Tensor]:
        self.rates.append(self.optimizers["net"].param_groups[0]["lr"])
        descend(self.optimizers["net"], self.networks["net"](torch.ones(1, 1)).sum())
        self.path.append(self.networks["net"].weight.detach().clone())
        return {"d": torch.tensor(self.loss(index))}

    def probe(self) -> tuple[Tensor, Tensor]:
        image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        return image, image * self.output


@pytest.mark.parametrize(
    ("loss", "output", "message"),
    [
        (lambda step: math.nan if step == 3 else 0.2, 1.0, r"step 4: loss 'd' is nan: lower the learning rate"),
        (lambda step: math.inf, 1.0, "loss 'd' is inf"),
        (lambda step: 0.5 + 0.001 * (-1) ** step, 1.0, r"step 200: d has only guessed for 200 steps: raise its learning rate"),
        (lambda step: 0.001, 1.0, r"step 200: d has won 200 steps in a row: lower its learning rate"),
        (lambda step: 0.2, 0.0, "the output is constant"),
    ],
)
def test_collapse_stops_training_with_advice(loss: Callable[[int], float], output: float, message: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingCollapsed, match=message):
        train(Toy(loss, output), torch.Generator(), tmp_path / "c")


class Exploding(Toy):
    """A toy stage whose gradient a test chooses."""

    def __init__(self, gradient: Callable[[int], float], steps: int = 400) -> None:
        super().__init__(lambda step: 0.2, steps=steps)
        self.gradient = gradient

    def step(self, index: int) -> dict[str, Tensor]:
        losses = super().step(index)
        for parameter in self.networks["net"].parameters():
            parameter.grad = torch.full_like(parameter, self.gradient(index))
        return losses


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (lambda step: math.nan if step == 6 else 1.0, "step 7: the gradient of 'net' is nan: lower the learning rate"),
        (lambda step: math.inf, "step 1: the gradient of 'net' is inf"),
        (lambda step: 1.0 if step < 200 else 1e4, r"step 210: the gradient of 'net' has exploded \(norm 1.41e\+04, 1.41 at most"),
    ],
)
def test_a_gradient_that_explodes_is_noticed(gradient: Callable[[int], float], message: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingCollapsed, match=message) as collapsed:
        train(Exploding(gradient), torch.Generator(), tmp_path / "c")
    assert len(collapsed.value.history) == {6: 3, 0: 0, 209: 104}[int(message.split()[1].strip(":")) - 1]


@pytest.mark.parametrize(
    "gradient",
    [lambda step: 1e4 if step < 50 else 1.0, lambda step: 1e4 if step % 10 else 1.0, lambda step: 0.0 if step < 5 else 1.0],
)
def test_a_gradient_that_calms_down_or_only_spikes_is_left_alone(gradient: Callable[[int], float], tmp_path: Path) -> None:
    train(Exploding(gradient), torch.Generator(), tmp_path / "c")


def test_the_watch_goes_on_where_a_checkpoint_left_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)

    def stop(step: int, losses: dict[str, float]) -> None:
        if step == 206:  # five steps into the explosion
            raise Stopped

    exploding = lambda step: 1.0 if step < 200 else 1e4  # noqa: E731
    with pytest.raises(Stopped):
        train(Exploding(exploding), torch.Generator(), tmp_path / "c", stop)
    with pytest.raises(TrainingCollapsed, match="step 210"):
        train(Exploding(exploding), torch.Generator(), tmp_path / "c")
    kept = torch.load(tmp_path / "c", weights_only=True)["progress"]
    assert kept["step"] == 209, "the last checkpoint is of before the training was given up"


def test_a_stage_says_what_a_guessing_discriminator_loses(tmp_path: Path) -> None:
    blind, judging = Toy(lambda step: 1.386), Toy(lambda step: 0.5, steps=400)
    blind.guessing_loss = judging.guessing_loss = 2 * math.log(2)
    with pytest.raises(TrainingCollapsed, match="d has only guessed for 200 steps"):
        train(blind, torch.Generator(), tmp_path / "c")
    train(judging, torch.Generator(), tmp_path / "c")


def test_healthy_training_is_left_alone_and_the_rate_halves(tmp_path: Path) -> None:
    toy = Toy(lambda step: 0.2 + 0.2 * (step % 2), steps=400)
    history = train(toy, torch.Generator(), tmp_path / "c").history
    assert toy.rates[:21] == [0.1] * 10 + [0.05] * 10 + [0.025]
    assert len(history) == 200
    assert all(point["d"] == pytest.approx(0.3) for point in history)


@pytest.mark.train
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.network] * needs_published_weights(entry)) for name, entry in stages().items()]
)
def test_residual_blocks_computed_twice_give_the_same_bits(name: str) -> None:
    """Fewer numbers are kept for the backward pass, if the stage trains residual blocks at all."""
    runs = []
    for recompute in (False, True):
        stage = fresh(name, torch.Generator().manual_seed(1))
        stage.training = replace(stage.training, recompute=recompute)
        prepare(stage)
        kept: list[int] = []

        def keep(tensor: Tensor, kept: list[int] = kept) -> Tensor:
            kept.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            watches = [Watch(stage, Progress(step=step)) for step in range(2)]
            for watch in watches:
                advance(stage, {}, watch)
        losses = [watch.latest for watch in watches]
        runs.append((losses, {key: network.state_dict() for key, network in stage.networks.items()}, sum(kept)))
    (losses, weights, most), (same_losses, same_weights, less) = runs
    assert losses == same_losses
    for network, tensors in weights.items():
        for key, tensor in tensors.items():
            assert torch.equal(tensor, same_weights[network][key]), f"{network}: {key}"
    has_blocks = any(residual_blocks(network) for network in stage.networks.values())
    assert less < most if has_blocks else less == most
    assert has_blocks or name not in WITH_BLOCKS


def test_steps_that_are_checked_together_leave_the_same_records_and_name_the_same_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU checks wait for several steps."""

    def outcome(interval: int, loss: Callable[[int], float]) -> tuple[str, list[dict[str, float]]]:
        class Patient(Watch):
            def __init__(self, stage: Stage, progress: Progress) -> None:
                super().__init__(stage, progress)
                self._interval = interval

        monkeypatch.setattr("benchmarks.training.loop.Watch", Patient)
        toy = Toy(loss, steps=2000)
        try:
            return "", train(toy, torch.Generator(), tmp_path / f"{interval}").history
        except TrainingCollapsed as error:
            return str(error), error.history

    healthy, broken = (lambda step: 0.2 + 0.2 * (step % 2)), (lambda step: 0.3 if step != 1234 else math.nan)
    assert outcome(1, healthy) == outcome(7, healthy) == outcome(10, healthy)
    assert outcome(1, broken) == outcome(7, broken)
    message, history = outcome(10, broken)
    assert "step 1235: loss" in message and history[-1]["step"] == 1230


def test_moving_averages_are_what_is_saved(tmp_path: Path) -> None:
    toy = Toy(lambda step: 0.2, steps=30, ema=0.9)
    weights = train(toy, torch.Generator(), tmp_path / "c").weights
    expected = toy.path[0]
    for weight in toy.path[1:]:
        expected = 0.9 * expected + 0.1 * weight
    assert torch.allclose(weights["net"]["weight"], expected, atol=1e-6)
    assert not torch.allclose(weights["net"]["weight"], toy.path[-1], atol=1e-3)
