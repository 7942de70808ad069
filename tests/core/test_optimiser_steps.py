"""Steps of torch's optimisers are counted inside a call, and only there."""

from __future__ import annotations

import pytest
import torch

from benchmarks.core.progress import optimiser_steps
from benchmarks.core.progress.optimiser_steps import OptimiserSteps


def test_steps_of_any_optimiser_are_reported_until_the_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimiser_steps, "EVERY", 0.0)
    weight = torch.nn.Parameter(torch.ones(1))
    weight.grad = torch.ones(1)
    first, second = torch.optim.SGD([weight], 0.1), torch.optim.SGD([weight], 0.2)
    reports: list[int] = []
    with OptimiserSteps(reports.append) as steps:
        first.step()
        second.step()
        steps.restart()
        first.step()
    first.step()
    assert reports == [1, 2, 1]
