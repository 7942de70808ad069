"""The patch sampler: the same draws and the same bits as a direct implementation, without copies of whole images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.data.cache import stack
from benchmarks.data.pixels.patches import HostImages, Place, ResidentImages
from benchmarks.data.pixels.sampler import PatchSampler


class DirectSampler:
    """Copies every image into a tensor and lets torch mirror and turn one patch after the other."""

    def __init__(
        self,
        images: Sequence[Image],
        *,
        patch_size: int,
        batch_size: int,
        generator: torch.Generator,
        paired: Sequence[Image] | None = None,
    ) -> None:
        self.images = [to_tensor(image) for image in images]
        self.paired = [to_tensor(image) for image in paired] if paired is not None else None
        self.scale = self.paired[0].shape[1] // self.images[0].shape[1] if self.paired else 1
        self.patch_size, self.batch_size, self.generator = patch_size, batch_size, generator

    def draw(self) -> Tensor:
        return self.cut(self.places(), self.images, 1)

    def draw_pairs(self) -> tuple[Tensor, Tensor]:
        assert self.paired is not None
        places = self.places()
        return self.cut(places, self.images, 1), self.cut(places, self.paired, self.scale)

    def places(self) -> list[tuple[int, int, int, int]]:
        draws = torch.rand((self.batch_size, 4), generator=self.generator, dtype=torch.float64).tolist()
        places = []
        for image, top, left, turn in draws:
            index = int(image * len(self.images))
            height, width = self.images[index].shape[1:]
            span_y, span_x = height - self.patch_size + 1, width - self.patch_size + 1
            places.append((index, int(top * span_y), int(left * span_x), int(turn * 8)))
        return places

    def cut(self, places: list[tuple[int, int, int, int]], images: list[Tensor], scale: int) -> Tensor:
        side = self.patch_size * scale
        patches = []
        for index, top, left, turn in places:
            patch = images[index][:, top * scale : top * scale + side, left * scale : left * scale + side]
            patch = patch.flip(2) if turn >= 4 else patch
            patches.append(torch.rot90(patch, turn % 4, (1, 2)))
        return torch.stack(patches).to(torch.float32, memory_format=torch.channels_last).div_(255)


def to_tensor(image: Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def noise(generator: np.random.Generator, height: int, width: int, layout: int) -> Image:
    """Random pixels; every second layout is a view with negative or swapped strides."""
    if layout == 1:
        return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)[::-1, ::-1]
    if layout == 2:
        return generator.integers(0, 256, (width, height, 3), dtype=np.uint8).transpose(1, 0, 2)
    if layout == 3:
        return generator.integers(0, 256, (3, height, width + 5), dtype=np.uint8)[::-1, :, 2:-3].transpose(1, 2, 0)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_same(actual: Tensor, expected: Tensor) -> None:
    assert torch.equal(actual, expected)
    assert (actual.dtype, actual.shape, actual.stride()) == (expected.dtype, expected.shape, expected.stride())
    assert actual.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("seed", range(60))
def test_every_draw_is_that_of_the_direct_sampler_to_the_bit(seed: int) -> None:
    generator = np.random.default_rng(seed)
    patch_size, batch_size, scale = int(generator.integers(1, 12)), int(generator.integers(1, 20)), int(generator.integers(1, 5))
    sizes = generator.integers(patch_size, patch_size + 14, (4, 2)).tolist()
    images = [noise(generator, height, width, layout) for layout, (height, width) in enumerate(sizes)]
    paired = [noise(generator, scale * height, scale * width, 3 - layout) for layout, (height, width) in enumerate(sizes)]
    states = [torch.Generator().manual_seed(seed) for _ in range(2)]
    ours = PatchSampler(images, paired=paired, patch_size=patch_size, batch_size=batch_size, generator=states[0])
    direct = DirectSampler(images, paired=paired, patch_size=patch_size, batch_size=batch_size, generator=states[1])
    for _ in range(4):
        for actual, expected in zip(ours.draw_pairs(), direct.draw_pairs(), strict=True):
            assert_same(actual, expected)
        assert_same(ours.draw(), direct.draw())
        assert torch.equal(states[0].get_state(), states[1].get_state())


@pytest.mark.parametrize("seed", range(20))
def test_patches_from_a_devices_memory_have_the_bits_of_the_hosts(seed: int) -> None:
    """The path of GPUs, on a CPU: all flips and turns, images of any size and layout."""
    generator = np.random.default_rng(seed)
    side = int(generator.integers(1, 12))
    sizes = generator.integers(side, side + 14, (4, 2)).tolist()
    images = [noise(generator, height, width, layout) for layout, (height, width) in enumerate(sizes)]
    places = [
        Place(index, int(generator.integers(height - side + 1)), int(generator.integers(width - side + 1)), turn)
        for index, (height, width) in enumerate(sizes)
        for turn in range(8)
    ]
    cpu = torch.device("cpu")
    assert_same(ResidentImages(images, cpu).cut(places, side), HostImages(images, cpu).cut(places, side))


def test_patches_as_they_are_trained_on_are_those_of_the_direct_sampler() -> None:
    generator = np.random.default_rng(0)
    hr = [noise(generator, 4 * height, 4 * width, 0) for height, width in ((80, 120), (120, 80), (32, 512))]
    lr = [image[::4, ::4] for image in hr]
    draws = [
        kind(lr, paired=hr, patch_size=32, batch_size=64, generator=torch.Generator().manual_seed(3)).draw_pairs()
        for kind in (PatchSampler, DirectSampler)
    ]
    for actual, expected in zip(*draws, strict=True):
        assert_same(actual, expected)


def test_all_eight_flips_and_turns_are_drawn() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    sampler = PatchSampler([image], patch_size=2, batch_size=200, generator=torch.Generator().manual_seed(0))
    batch = (255 * sampler.draw()).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    turns = [np.rot90(mirrored, quarters) for mirrored in (image, image[:, ::-1]) for quarters in range(4)]
    assert {patch.tobytes() for patch in batch} == {turn.tobytes() for turn in turns}
    assert len({turn.tobytes() for turn in turns}) == 8


def test_images_of_a_mapped_stack_give_the_same_and_are_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path))
    generator = np.random.default_rng(0)
    hr = [noise(generator, 4 * side, 4 * side + 8, 0) for side in (9, 12, 31)]
    lr = [image[::4, ::4] for image in hr]
    mapped = stack("00", lambda: lr), stack("01", lambda: hr)
    draws = [
        PatchSampler(small, paired=large, patch_size=9, batch_size=30, generator=torch.Generator().manual_seed(1)).draw_pairs()
        for small, large in ((lr, hr), mapped)
    ]
    for actual, expected in zip(*draws, strict=True):
        assert_same(actual, expected)
        actual.add_(1)  # a batch is the caller's own
    assert np.array_equal(mapped[1][0], hr[0])


def test_an_image_is_read_when_a_patch_is_cut() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    sampler = PatchSampler([image], patch_size=4, batch_size=2, generator=torch.Generator())
    image[:] = 255
    assert torch.equal(sampler.draw(), torch.ones(2, 3, 4, 4))


def test_a_pair_whose_larger_image_is_too_small_is_an_error() -> None:
    lr = [np.zeros((8, 8, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)]
    hr = [np.zeros((32, 32, 3), np.uint8), np.zeros((33, 32, 3), np.uint8)]
    with pytest.raises(UsageError, match="training pair 1: HR 32x33 is less than 4 times LR 8x9"):
        PatchSampler(lr, paired=hr, patch_size=8, batch_size=1, generator=torch.Generator())


def test_a_sampler_without_pairs_draws_none() -> None:
    sampler = PatchSampler([np.zeros((8, 8, 3), np.uint8)], patch_size=4, batch_size=2, generator=torch.Generator())
    with pytest.raises(ValueError, match="holds no pairs"):
        sampler.draw_pairs()
