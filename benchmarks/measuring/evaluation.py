"""Speed of scoring and of tiled inference, compared with BasicSR, pyiqa and direct loops."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from benchmarks.api.image import Image
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.profiles import Profile
from benchmarks.catalog.protocols import get_protocol
from benchmarks.core.errors import WeightsMissing
from benchmarks.core.text import counted
from benchmarks.measuring.figures import Figure, best_seconds, peak_megabytes
from benchmarks.scoring.protocols.ntire2018 import SMALLEST


def measure_evaluation(truths: Sequence[Image], threads: int, repeat: int) -> Iterator[Figure]:
    """Measure protocols, bicubic interpolation and LPIPS.

    Args:
        truths: HR images ``(H, W, 3)`` uint8 RGB; their SR images are made by bicubic x1/4 and x4.
        threads: pairs that are scored at a time.
        repeat: runs of each measurement; the fastest counts.

    Returns:
        Figures, each as soon as it is measured.
    """
    from benchmarks.measuring.basicsr_oracles import is_installed

    results = [_round_trip(image) for image in truths]
    if is_installed():
        yield _against_basicsr(results, truths, threads, repeat)
        yield _bicubic(truths[0], repeat)
    else:
        print("BasicSR is not installed: two figures that compare with it are left out", file=sys.stderr)
    large = [pair for pair in zip(results, truths, strict=True) if min(pair[1].shape[:2]) >= SMALLEST][:4]
    if large:
        yield from _searches(large, repeat)
    try:
        yield _lpips(results, truths, repeat)
    except WeightsMissing as error:
        print(error, file=sys.stderr)


def measure_tiling(method: str, profile: Profile, size: tuple[int, int], tile: int) -> Figure:
    """Measure seconds and peak memory of an untrained method that enlarges an image.

    Args:
        method: name of the method.
        profile: profile with the sizes of the networks.
        size: width and height of the image in LR pixels.
        tile: side of a tile in LR pixels; 0 for the whole image.
    """
    import torch

    from benchmarks.planning.untrained import untrained_method
    from benchmarks.scoring.tiling import enlarge

    width, height = size
    enlarger = untrained_method(method, profile)
    started = time.perf_counter()
    enlarge(enlarger, torch.rand(1, 3, height, width), tile)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    tiled = f"tiles of {tile}" if tile else "whole"
    return Figure(f"{method} of profile {profile.name}, {width}x{height}, {tiled}", "", seconds, None, peak)


def _round_trip(hr: Image) -> Image:
    """SR image of a HR image: bicubic x1/4 and x4, cut to the size of the HR image."""
    from benchmarks.degradations.bicubic import Bicubic
    from benchmarks.degradations.imresize import imresize
    from benchmarks.degradations.rounding import to_uint8

    height, width = hr.shape[:2]
    lr = to_uint8(Bicubic().apply(hr.astype(np.float64), 4, ""))
    return to_uint8(imresize(lr.astype(np.float64), 4)[:height, :width])


def _against_basicsr(results: Sequence[Image], truths: Sequence[Image], threads: int, repeat: int) -> Figure:
    from benchmarks.measuring.basicsr_oracles import luma_scores
    from benchmarks.scoring.pairs import score_pairs

    pairs = dict(enumerate(zip(results, truths, strict=True)))
    loads = {str(name): (lambda pair=pair: pair) for name, pair in pairs.items()}
    protocol, metrics = get_protocol("y-shave4"), [get_metric("psnr"), get_metric("ssim")]
    scores = score_pairs([protocol], metrics, loads, threads=threads).scores["y-shave4"]
    theirs = [luma_scores(sr, hr, border=4) for sr, hr in pairs.values()]
    for metric, column in zip(("psnr", "ssim"), zip(*theirs, strict=True), strict=True):
        np.testing.assert_allclose(list(scores[metric].values()), column, atol=1e-4)
    return Figure(
        f"PSNR + SSIM, y-shave4, {counted(len(pairs), 'image')} of {truths[0].shape[1]}x{truths[0].shape[0]}",
        "basicsr in a loop",
        best_seconds(repeat, lambda: score_pairs([protocol], metrics, loads, threads=threads)) / len(pairs),
        best_seconds(repeat, lambda: [luma_scores(sr, hr, border=4) for sr, hr in pairs.values()]) / len(pairs),
    )


def _searches(pairs: Sequence[tuple[Image, Image]], repeat: int) -> Iterable[Figure]:
    """Figures of the two searches of the challenge's scorer. The direct loops take seconds, so they run once.

    The search by SSIM is also compared with the same maps at every shift, which are computed together.
    """
    from threadpoolctl import threadpool_limits

    from benchmarks.measuring.direct import ntire2018_psnr, ntire2018_ssim, ssim_at_every_shift
    from benchmarks.scoring.alignment import best_window_psnr, best_window_ssim
    from benchmarks.scoring.protocols.ntire2018 import windows

    def figure(what: str, against: str, ours: Callable[[Image, Image], object], direct: Callable[..., object]) -> Figure:
        peak = peak_megabytes(lambda: ours(*searched[0]))
        seconds = best_seconds(repeat, lambda: [ours(*pair) for pair in searched]) / len(searched)
        started = time.perf_counter()
        direct(*pairs[0])
        return Figure(what, against, seconds, time.perf_counter() - started, peak)

    searched = [windows(sr, hr) for sr, hr in pairs]
    with threadpool_limits(1, "blas"):  # as in ``score_pairs``, which scores several images at a time
        yield figure("PSNR, ntire2018", "6,561 windows in turn", partial(best_window_psnr, rescale=True), ntire2018_psnr)
        yield figure("SSIM, ntire2018", "1,681 windows in turn", best_window_ssim, ntire2018_ssim)
        ours = best_seconds(repeat, lambda: [best_window_ssim(*pair) for pair in searched]) / len(searched)
        all_maps = best_seconds(repeat, lambda: [ssim_at_every_shift(*pair) for pair in searched]) / len(searched)
        yield Figure("SSIM, ntire2018", "1,681 windows at once", ours, all_maps)


def _bicubic(truth: Image, repeat: int) -> Figure:
    from benchmarks.degradations.imresize import imresize
    from benchmarks.measuring.basicsr_oracles import matlab_imresize

    image = truth / 255.0
    ours = best_seconds(repeat, lambda: imresize(image, 0.25))
    theirs = best_seconds(repeat, lambda: matlab_imresize(image, 0.25))  # type: ignore[no-untyped-call]
    return Figure("bicubic x1/4", "basicsr", ours, theirs)


def _lpips(results: Sequence[Image], truths: Sequence[Image], repeat: int) -> Figure:
    import torch

    from benchmarks.scoring.lpips import LPIPS
    from benchmarks.scoring.pairs import load_metric, score_views
    from benchmarks.scoring.tensors import to_tensor

    lpips = LPIPS("alex")

    def one_by_one() -> None:
        with torch.inference_mode():
            for sr, hr in zip(results, truths, strict=True):
                float(lpips.network(to_tensor([sr]), to_tensor([hr]), normalize=True))

    views = [(str(index), *pair) for index, pair in enumerate(zip(results, truths, strict=True))]
    metric = load_metric(get_metric("lpips"))
    ours, theirs = best_seconds(repeat, lambda: score_views(metric, views)), best_seconds(repeat, one_by_one)
    return Figure("LPIPS-alex", "pyiqa image by image", ours / len(truths), theirs / len(truths))
