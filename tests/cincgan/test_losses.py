"""Loss terms against direct NumPy sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.training.losses import absolute, least_squares_discriminator_loss, least_squares_generator_loss, squared
from cincgan.losses import total_variation

IMAGES = torch.rand(3, 2, 5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
ARRAY = IMAGES.numpy()


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("mean", (ARRAY**2).mean()),
        ("sum", np.mean([(image**2).sum() for image in ARRAY])),
        ("norm", np.mean([np.linalg.norm(image) for image in ARRAY])),
    ],
)
def test_squared(reduction: str, expected: float) -> None:
    assert squared(IMAGES, reduction).item() == pytest.approx(expected, rel=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize(("reduction", "expected"), [("mean", np.abs(ARRAY).mean()), ("sum", np.abs(ARRAY).sum() / 3)])
def test_absolute(reduction: str, expected: float) -> None:
    assert absolute(-IMAGES, reduction).item() == pytest.approx(expected, rel=1e-12)  # type: ignore[arg-type]


def test_the_norm_of_an_l1_term_is_its_sum() -> None:
    assert absolute(IMAGES, "norm") == absolute(IMAGES, "sum")


def test_total_variation_sums_both_directions() -> None:
    across, down = np.diff(ARRAY, axis=3), np.diff(ARRAY, axis=2)
    assert total_variation(IMAGES, "mean").item() == pytest.approx((across**2).mean() + (down**2).mean(), rel=1e-12)
    assert total_variation(IMAGES, "sum").item() == pytest.approx(((across**2).sum() + (down**2).sum()) / 3, rel=1e-12)
    assert total_variation(torch.full_like(IMAGES, 0.3), "mean").item() == 0


def test_least_squares_adversarial_losses_square_every_patch_score_before_the_mean() -> None:
    real, fake = torch.tensor([[1.0, 3.0]]), torch.tensor([[-1.0, 1.0]])
    assert least_squares_discriminator_loss(real, fake).item() == (0 + 4) / 2 + (1 + 1) / 2
    assert least_squares_generator_loss(fake, "mean").item() == (4 + 0) / 2


def test_the_norm_has_a_gradient_at_zero() -> None:
    image = torch.zeros(1, 3, 4, 4, requires_grad=True)
    squared(image, "norm").backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()
