"""Entries of the catalog: methods, training stages, metrics, composite scores, protocols, degradations, executors.

Code is named by lazy strings ``module:Name``, so that listing the catalog imports no heavy package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Split = Literal["x", "z", "pairs", "validation", "test"]
ScoredSplit = Literal["validation", "test"]
Family = Literal[
    "interpolation",
    "classical",
    "clean-pairs",
    "unpaired-direct",
    "unpaired-indirect",
    "explicit-estimate",
    "synthetic",
    "internal",
    "supervised",
    "released",
]
Group = Literal["rival", "classical", "supervised", "released"]


@dataclass(frozen=True)
class StageEntry:
    """A training stage, computed by a training cell. Methods and later stages build on its weights.

    Attributes:
        name: name on the command line, and of the settings in profiles, ``[stages.<name>]``.
        target: ``module:Class``, a ``benchmarks.training.stage.Stage``.
        settings: ``module:Class``, the frozen dataclass of the settings.
        reads: training splits that the stage sees; its identity depends on no other split.
        needs: stages whose weights the stage starts from.
        weights_of: stage whose settings have a property ``weights``, the names of published weights that losses use; empty if no
            loss uses any.
        reference_step: ``module:Class``, a ``benchmarks.measuring.reference_step.ReferenceStep``: the same step written plainly,
            for tests and speed figures to compare with. Optional.
    """

    name: str
    target: str
    settings: str
    reads: tuple[Split, ...]
    needs: tuple[str, ...] = ()
    weights_of: str = ""
    reference_step: str = ""


@dataclass(frozen=True)
class MethodEntry:
    """A method or a variant of a method.

    Attributes:
        name: name on the command line and in tables; ``<method>/<variant>`` for a variant.
        title: a line for lists.
        target: ``module:Class``, a ``benchmarks.api.method.Method``.
        family: data that the method may see, and its use of them (``benchmarks.catalog.families``). ``supervised``: saw *pairs*
            of degraded LR and HR images, so it is an upper reference and no fair rival; ``released``: trained elsewhere on
            other data.
        trains: the method's own training stages.
        uses: stages of other methods that the method is built from.
        weights: cards of published weights that the method consists of.
        variants: package and file that declare variants, ``package/file.toml``; empty for none.
        study: package and file that declare a designed study (``benchmarks.catalog.studies``), in the same form; empty for none.
        changes: settings that a variant changes, in the form of ``--set``.
        without: stages that a variant leaves out.
        steps_to: stage of a variant that is trained for the steps, too, that the variant saves elsewhere, so that it has as
            many in all as the method; empty for none.
        smallest: shortest side, in LR pixels, of an image that the method can enlarge.
        file: checkpoint that the user has named, which the method consists of; empty for methods of the catalog.
        packages: distributions whose code computes the method's images: their versions are part of identities.
        inference: ``module:Class``, the frozen dataclass of the settings of a method that trains inside its call, on the image
            that it enlarges; empty for others. Profiles have them under ``[inference.<name>]``. The method gets whole images,
            whatever a profile's ``tile``.
    """

    name: str
    title: str
    target: str
    family: Family
    trains: tuple[StageEntry, ...] = ()
    uses: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    variants: str = ""
    study: str = ""
    changes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    steps_to: str = ""
    smallest: int = 1
    file: str = ""
    packages: tuple[str, ...] = ()
    inference: str = ""

    @property
    def base(self) -> str:
        """Name of the method; of a variant, that of the method that it varies."""
        return self.name.partition("/")[0]

    @property
    def group(self) -> Group:
        """Part of a table in which the method is compared: with floors and supervised references, or as a rival."""
        return self.family if self.family in ("classical", "supervised", "released") else "rival"

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the trained stages that the method is built from; none for an untrained method."""
        return tuple(name for name in (*self.uses, *(stage.name for stage in self.trains)) if name not in self.without)


@dataclass(frozen=True)
class MetricEntry:
    """A metric.

    Attributes:
        name: name on the command line, in profiles and in result files.
        label: heading of columns.
        higher_is_better: whether larger numbers are better.
        digits: decimals in tables.
        target: ``module:Class``, a ``benchmarks.api.metric.Metric``; empty for PSNR and SSIM, which a protocol computes.
        options: keyword arguments of the class.
        weights: cards of published weights that the metric uses.
        unit: of the numbers, such as ``dB``; empty if they have none.
        smallest: shortest side, in pixels, of an image that the metric can score.
        no_reference: whether the metric sees SR images alone, so that images without ground truth can be scored.
    """

    name: str
    label: str
    higher_is_better: bool = True
    digits: int = 3
    target: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    weights: tuple[str, ...] = ()
    unit: str = ""
    smallest: int = 1
    no_reference: bool = False


@dataclass(frozen=True)
class Term:
    """A summand of a composite score: ``offset + factor * mean``, and ``least`` where that is lower.

    Attributes:
        metric: metric whose mean over the images of a set is taken.
        factor: of the mean.
        offset: added to it.
        least: lowest value of the summand.
    """

    metric: str
    factor: float
    offset: float = 0.0
    least: float = -math.inf


@dataclass(frozen=True)
class CompositeEntry:
    """A composite score of a set of images: a sum over means of metrics, under one protocol. Larger is better.

    Attributes:
        name: name on the command line and in tables.
        label: heading of columns.
        version: version of the definition; it changes whenever a number could.
        terms: summands. Where one of their metrics is missing, so is the score.
        source: who defined it, for lists.
        digits: decimals in tables.
    """

    name: str
    label: str
    version: int
    terms: tuple[Term, ...]
    source: str
    digits: int = 3

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that the score is made of."""
        return tuple(term.metric for term in self.terms)

    def missing(self, means: Mapping[str, float]) -> list[str]:
        """Metrics that are not among the means."""
        return [name for name in self.metrics if name not in means]

    def score(self, means: Mapping[str, float]) -> float | None:
        """The score of means over the images of a set, by metric; None if one of its metrics is missing."""
        if self.missing(means):
            return None
        return sum(max(term.least, term.offset + term.factor * means[term.metric]) for term in self.terms)


@dataclass(frozen=True)
class Entry:
    """A protocol, a degradation, a kind of data set or an executor.

    Attributes:
        name: name on the command line, in profiles and in cards.
        target: ``module:Name`` of the object or class.
    """

    name: str
    target: str
