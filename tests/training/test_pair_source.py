"""Pairs that a source makes: what the source is given, whose random numbers it has, and how processes share them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from benchmarks.training import distributed
from benchmarks.training.pair_source import BatchDraws, SourcedPairStage
from benchmarks.training.pairs import PairStage, clean_pairs
from benchmarks.training.stage import Context
from tests.helpers.stages import PROFILE, visible

TRAINING = PROFILE.stages["edsr"].training


class Enlarge(nn.Module):
    """A network that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, lr: Tensor) -> Tensor:
        return self.gain * interpolate(lr, scale_factor=4)


def darken(lr: Tensor, hr: Tensor, draws: BatchDraws) -> tuple[Tensor, Tensor]:
    """Pairs of other brightness, different for every patch."""
    factors = draws.uniform(1).float().view(-1, 1, 1, 1)
    return factors * lr, factors * hr


def context(seed: int = 1) -> Context:
    return Context(visible("edsr"), torch.Generator().manual_seed(seed), {})


def test_a_source_makes_pairs_of_the_samplers_patches() -> None:
    own = context()
    sourced = SourcedPairStage(TRAINING, Enlarge(), clean_pairs(own.data), darken, own)
    other = context()
    plain = PairStage(TRAINING, Enlarge(), clean_pairs(other.data), other)
    for _ in range(2):
        lr, hr = plain.sampler.draw_pairs()
        factors = torch.rand((TRAINING.batch_size, 1), generator=other.generator, dtype=torch.float64).float().view(-1, 1, 1, 1)
        sr, target = sourced.enlarge_batch()
        assert torch.equal(target, factors * hr) and not target.requires_grad
        assert torch.equal(sourced.probe()[0], factors * lr) and sr.requires_grad
    assert len(set(factors.flatten().tolist())) == TRAINING.batch_size


def test_random_numbers_go_on_where_the_random_state_was_kept() -> None:
    generator = torch.Generator().manual_seed(3)
    draws = BatchDraws(generator, 4)
    draws.normal(3, 5, 6)
    state = generator.get_state()
    expected = draws.normal(3, 5, 6), draws.uniform(2)
    again = torch.Generator()
    again.set_state(state)
    resumed = BatchDraws(again, 4)
    assert torch.equal(resumed.normal(3, 5, 6), expected[0]) and torch.equal(resumed.uniform(2), expected[1])
    assert expected[0].shape == (4, 3, 5, 6) and expected[1].shape == (4, 2) and expected[1].dtype == torch.float64


def test_processes_draw_the_numbers_of_the_whole_batch_and_keep_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> tuple[Tensor, Tensor]:
        draws = BatchDraws(torch.Generator().manual_seed(3), 4)
        return draws.uniform(2), draws.normal(1, 2, 2)

    whole, shares = drawn(), []
    monkeypatch.setattr(distributed, "size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        shares.append(drawn())
    for number in (0, 1):
        assert torch.equal(torch.cat([share[number] for share in shares]), whole[number])
