"""How often intervals hold the truth, and verdicts find differences that are not there, in simulated scores of known expectation.

Scores are differences of a trained method to another, in dB. A photograph's effect is skewed (gamma, skewness 1), its images
differ normally, a training's effect is normal, and so is the interaction of training and photograph. Photographs have 6, 2, 6, 4,
6, 6, 2 … images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.statistics.intervals import CONFIDENCE, Array, Photographs, ScoreMatrix, quantile
from benchmarks.statistics.significance import Difference, is_significant

PHOTOGRAPHS = (5, 10, 24, 100)
TRAININGS = (1, 3, 5)
CORRELATIONS = (0.5, 0.75)  # of images of one photograph
IMAGES = (6, 2, 6, 4, 6)  # of successive photographs
IMAGE_SD = 1.25  # dB, of differences to bicubic between images
TRAINING_SD = 0.29  # dB, between trainings
INTERACTION_SD = 0.25  # dB, of training and photograph
SKEWED = 4.0  # shape of the gamma distribution: skewness 1
RESAMPLES = 1000

TAIL = (1 - CONFIDENCE) / 2

Ends = tuple[Array, Array]  # of the intervals of all simulations


@dataclass(frozen=True)
class Setting:
    """Numbers of photographs and of trainings, and the correlation of a photograph's images."""

    photographs: int
    trainings: int
    correlation: float

    @property
    def sizes(self) -> list[int]:
        """Number of images of each photograph."""
        return [IMAGES[place % len(IMAGES)] for place in range(self.photographs)]

    @property
    def groups(self) -> list[str]:
        """The photograph of each image."""
        return [str(place) for place, size in enumerate(self.sizes) for _ in range(size)]


@dataclass(frozen=True)
class Simulated:
    """Simulated scores of a method and another one, equal in expectation.

    Attributes:
        first: ``(simulations, trainings, images)``.
        second: likewise; without variance over trainings if the other method is not trained.
        training: ``(simulations,)``, effect of the trainings on the mean difference.
    """

    first: Array
    second: Array
    training: Array


def simulate(setting: Setting, simulations: int, *, both_trained: bool) -> Simulated:
    """Scores of two methods, of which the second is trained or not; the same numbers for the same arguments."""
    seed = (setting.photographs, setting.trainings, round(100 * setting.correlation), both_trained)
    generator = np.random.default_rng(seed)
    index = Photographs(setting.groups).index
    shares = np.sqrt([setting.correlation, 1 - setting.correlation]) * IMAGE_SD
    skewed = (generator.gamma(SKEWED, size=(simulations, setting.photographs)) - SKEWED) / np.sqrt(SKEWED)
    content = shares[0] * skewed[:, index] + shares[1] * generator.normal(size=(simulations, len(index)))
    shape = (simulations, setting.trainings)
    effects = generator.normal(scale=TRAINING_SD, size=(2, *shape))
    interactions = generator.normal(scale=INTERACTION_SD, size=(2, *shape, setting.photographs))[..., index]
    first, second = effects[..., None] + interactions
    if not both_trained:
        second, effects[1] = np.zeros((simulations, 1, len(index))), 0
    return Simulated(first + content[:, None], second, (effects[0] - effects[1]).mean(axis=1))


def images_bootstrap(scores: Simulated, setting: Setting) -> Ends:
    """Percentile bootstrap over images as if they were independent: the earlier method."""
    differences = scores.first.mean(axis=1) - scores.second.mean(axis=1)
    return _percentiles(_counts(differences.shape[1], 0) @ differences.T / differences.shape[1])


def photographs_bootstrap(scores: Simulated, setting: Setting) -> Ends:
    """Percentile bootstrap over photographs."""
    sums = _sums(scores.first.mean(axis=1) - scores.second.mean(axis=1), setting)
    counts = _counts(setting.photographs, 0)
    return _percentiles(counts @ sums.T / (counts @ np.array(setting.sizes))[:, None])


def crossed_bootstrap(scores: Simulated, setting: Setting) -> Ends:
    """Percentile bootstrap over photographs and, crossed with them, over the trainings of each method."""
    counts = _counts(setting.photographs, 0)
    images = (counts @ np.array(setting.sizes))[:, None]
    means = np.zeros((RESAMPLES, len(scores.first)))
    for sign, stream, values in ((1, 1, scores.first), (-1, 2, scores.second)):
        trainings = values.shape[1]
        drawn = _counts(trainings, stream) / trainings
        for place in range(trainings):
            means += sign * drawn[:, place, None] * (counts @ _sums(values[:, place], setting).T) / images
    return _percentiles(means)


def _sums(by_image: Array, setting: Setting) -> Array:
    """Sums over the images of each photograph, ``(simulations, photographs)``."""
    starts = np.cumsum([0, *setting.sizes[:-1]])
    return np.add.reduceat(by_image, starts, axis=1)


def _counts(number: int, stream: int) -> Array:
    """Draws with replacement, as counts: ``(RESAMPLES, number)``. All simulations share them."""
    return np.random.default_rng(stream).multinomial(number, np.full(number, 1 / number), size=RESAMPLES).astype(float)


def _percentiles(means: Array) -> Ends:
    low, high = np.quantile(means, [TAIL, 1 - TAIL], axis=0)
    return low, high


BOOTSTRAPS: Mapping[str, Callable[[Simulated, Setting], Ends]] = {
    "bootstrap of images": images_bootstrap,
    "of photographs": photographs_bootstrap,
    "of photographs and trainings": crossed_bootstrap,
}


@dataclass(frozen=True)
class Shares:
    """Shares of simulations under one setting.

    Attributes:
        setting: of the simulations.
        coverage: intervals that hold the expected gain over a method without training, by kind of interval. With one training:
            the expected gain of this training.
        earlier: differences between two trained methods that the earlier verdict finds: Wilcoxon's test over images, and the
            bootstrap of images excludes 0.
        false_pairs: differences between two trained methods that the verdict in use finds.
        false_gains: differences of a trained method to one without training that it finds; with one training, of this training.
    """

    setting: Setting
    coverage: Mapping[str, float]
    earlier: float
    false_pairs: float
    false_gains: float


def study(simulations: int) -> Iterator[Shares]:
    """Shares under every setting, in the order of photographs, trainings and correlations."""
    for photographs, trainings, correlation in product(PHOTOGRAPHS, TRAININGS, CORRELATIONS):
        yield measure(Setting(photographs, trainings, correlation), simulations)


def measure(setting: Setting, simulations: int) -> Shares:
    """Simulate one setting."""
    gains, pairs = (simulate(setting, simulations, both_trained=both) for both in (False, True))
    truth = gains.training if setting.trainings == 1 else np.zeros(simulations)
    ends = {name: interval(gains, setting) for name, interval in BOOTSTRAPS.items()}
    own = _differences(gains, setting)
    for name, degrees in (("t, harmonic degrees of freedom", "cautious"), ("t, Satterthwaite's: in use", "degrees")):
        ends[name] = _t_ends(own, degrees)
    coverage = {name: float(np.mean((low <= truth) & (truth <= high))) for name, (low, high) in ends.items()}
    false_pairs = np.mean([_differs(difference) for difference in _differences(pairs, setting)])
    false_gains = np.mean([_differs(difference, center) for difference, center in zip(own, truth, strict=True)])
    return Shares(setting, coverage, _earlier(pairs, setting), float(false_pairs), float(false_gains))


def _differences(scores: Simulated, setting: Setting) -> list[Difference]:
    photographs = Photographs(setting.groups)
    both = scores.second.any()
    return [
        Difference(ScoreMatrix(first, trained=True), ScoreMatrix(second, trained=bool(both)), photographs)
        for first, second in zip(scores.first, scores.second, strict=True)
    ]


def _t_ends(differences: list[Difference], degrees: str) -> Ends:
    errors = [difference.error for difference in differences if difference.error]
    means = np.array([difference.estimate.mean for difference in differences])
    halves = np.array([error.standard * quantile(1 - TAIL, getattr(error, degrees)) for error in errors])
    return means - halves, means + halves


def _differs(difference: Difference, expected: float = 0.0) -> bool:
    return not difference.obstacle and is_significant(difference.p(expected))


def _earlier(scores: Simulated, setting: Setting) -> float:
    from scipy.stats import wilcoxon

    low, high = images_bootstrap(scores, setting)
    p = wilcoxon(scores.first.mean(axis=1) - scores.second.mean(axis=1), axis=1).pvalue
    return float(np.mean((p < 1 - CONFIDENCE) & ((low > 0) | (high < 0))))


def to_markdown(shares: list[Shares]) -> str:
    """A table with a row for each number of photographs and trainings; the shares under the two correlations, in percent."""
    kinds = list(shares[0].coverage)
    headers = ["photographs", "trainings", *kinds, "earlier verdict", "two trained methods", "trained and untrained"]
    lines = [f"| {' | '.join(headers)} |", f"|{'---|' * len(headers)}"]
    for photographs, trainings in product(PHOTOGRAPHS, TRAININGS):
        rows = [each for each in shares if (each.setting.photographs, each.setting.trainings) == (photographs, trainings)]
        columns = [[row.coverage[kind] for row in rows] for kind in kinds]
        columns += [[row.earlier for row in rows], [row.false_pairs for row in rows], [row.false_gains for row in rows]]
        texts = [" / ".join(f"{100 * share:.1f}" for share in column) for column in columns]
        lines.append(f"| {photographs} | {trainings} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"
