"""Records of results: the typed, validated content of a ``result.json``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from benchmarks.api.entries import ScoredSplit
from benchmarks.results.submission import Submission

Text = Annotated[str, Meta(max_length=10_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Seed = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
Column = Annotated[dict[Name, float], Meta(min_length=1)]  # a number for each image
Parameter = bool | int | float | Text | list[int | float]

COMPLETE, DIVERGED = "complete", "diverged"
OWN_CODE = "python:"  # begins the code of a user's own model, which is in no catalog
NO_REFERENCE = "no-reference"  # in place of a protocol: scores of SR images that have no ground truth


@dataclass(frozen=True)
class CellRecord:
    """Identity of the computed cell.

    Attributes:
        id: hash of the identity.
        kind: ``train`` or ``evaluate``.
        label: name of the stage or of the method.
        dataset: name of the data set.
        seed: of training; None if nothing is random.
        needs: ids of the cells that it builds on, by stage.
        code: name and digest of the code.
    """

    id: Name
    kind: Literal["train", "evaluate"]
    label: Name
    dataset: Name
    seed: Seed | None
    needs: dict[Name, Name]
    code: Text = ""


@dataclass(frozen=True)
class TrainingSettingsRecord:
    """Settings of a training cell.

    Attributes:
        stage: fields of the stage's settings, as plain data.
        threads: of torch on a CPU.
        weights: digests of published weights that losses use, by card.
    """

    stage: dict[str, Any]
    threads: int = 1
    weights: dict[Name, Text] = field(default_factory=dict)

    @property
    def steps(self) -> int | None:
        """Number of optimisation steps; None where the settings do not say."""
        training = self.stage.get("training")
        steps = training.get("steps") if isinstance(training, dict) else None
        return steps if isinstance(steps, int) else None


@dataclass(frozen=True)
class SanitySettings:
    """A sanity check of a trained method on held-out images.

    Attributes:
        inputs: LR images: ``clean`` ones are bicubic downscales.
        split: of the training data set: ``validation``, or, where it has none, a split that training has seen.
        margin: PSNR that the method must gain over bicubic interpolation, in dB; None where it need not gain any.
        digest: of the images of the split.
    """

    inputs: Literal["clean", "degraded"]
    split: Literal["validation", "z", "pairs"]
    margin: float | None
    digest: Text


@dataclass(frozen=True)
class SanityCheck:
    """Outcome of a sanity check.

    Attributes:
        inputs: LR images of the check.
        split: of its images; other than ``validation``, training has seen them.
        images: number of crops.
        psnr: of the method, in dB: mean over crops, RGB, borders of 4 pixels shaved.
        bicubic: PSNR of bicubic interpolation.
        margin: gain that is needed, in dB; None if none is.
        verdict: ``none`` if no gain is needed.
    """

    inputs: Literal["clean", "degraded"]
    split: Literal["validation", "z", "pairs"]
    images: Count
    psnr: float
    bicubic: float
    margin: float | None
    verdict: Literal["passed", "undertrained", "none"]

    @classmethod
    def judged(cls, settings: SanitySettings, images: int, psnr: float, bicubic: float) -> SanityCheck:
        """The outcome of a check with these PSNR."""
        margin = settings.margin
        verdict: Literal["passed", "undertrained", "none"] = "none"
        if margin is not None:
            verdict = "passed" if psnr - bicubic >= margin else "undertrained"
        return cls(settings.inputs, settings.split, images, psnr, bicubic, margin, verdict)

    @property
    def gain(self) -> float:
        """PSNR of the method less that of bicubic interpolation, in dB."""
        return self.psnr - self.bicubic


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of an evaluation cell.

    Attributes:
        protocols: versions by name.
        metrics: code, options and digests of weights of each metric, by name.
        threads: of torch on a CPU.
        tile: LR pixels a side of a tile; 0 for whole images.
        weights: digests of published weights that the method consists of, by card.
        split: images that are scored: ``test``, or ``validation`` for choices.
        sanity: sanity checks of a trained method.
        inference: settings of a method that trains inside its call.
    """

    protocols: dict[Name, int]
    metrics: dict[Name, dict[str, Any]] = field(default_factory=dict)
    threads: int = 1
    tile: int = 0
    weights: dict[Name, Text] = field(default_factory=dict)
    split: ScoredSplit = "test"
    sanity: tuple[SanitySettings, ...] = ()
    inference: dict[Name, Any] = field(default_factory=dict)

    @property
    def identity(self) -> dict[str, Any]:
        """The settings as identities have them: ``inference`` is younger than the others, and left out where it is empty."""
        values = asdict(self)
        return values if self.inference else {key: value for key, value in values.items() if key != "inference"}


@dataclass(frozen=True)
class DataRecord:
    """Images that a cell was computed from.

    Attributes:
        digest: of files, regions and degradation, which decide the pixels.
        scale: HR pixels per LR pixel.
        dataset: name of the data set.
        degradation: names of the operators that made LR images.
        parameters: settings of the operators; None if nothing was degraded.
        directory: folder of a user's own images.
        x_dir: folder of X, if a user gave it apart.
        z_dir: folder of Z, if a user gave it apart.
        trained_on: data set that an evaluated method was trained on, if it is another one.
        origin: SHA-256 over names and archives of the image files, by split; empty in old files and where there is no archive.
    """

    digest: Text
    scale: Annotated[int, Meta(ge=1, le=64)]
    dataset: Name | None = None
    degradation: Text = ""
    parameters: dict[Name, Parameter] | None = None
    directory: Text = ""
    x_dir: Text = ""
    z_dir: Text = ""
    trained_on: Text = ""
    origin: dict[Name, Text] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Folder of a user's own images, or the folders of X and Z; empty for other data sets."""
        return self.directory or " + ".join(filter(None, (self.x_dir, self.z_dir)))


@dataclass(frozen=True)
class Environment:
    """Machine and versions of packages; the processor by the flags that libraries choose kernels by."""

    python: Text = ""
    platform: Text = ""
    processor: Text = ""
    host: Text = ""
    versions: dict[Name, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class Numerics:
    """Number format, device and versions: a training's numbers depend on them beside its identity.

    Attributes:
        precision: number format of the forward passes.
        device: ``cpu`` or ``cuda``.
        tf32: whether convolutions of float32 tensors rounded their inputs to TF32.
        processor: flags of the processor.
        versions: versions of packages.
    """

    precision: Text = ""
    device: Text = ""
    tf32: bool = False
    processor: Text = ""
    versions: dict[Name, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class Git:
    """Commit of the code, and whether the work tree differed from it; None if unknown.

    Attributes:
        commit: hash of the commit.
        dirty: True if the work tree differed.
        unknown: why the commit or the difference is unknown, in git's own words; empty in old results.
    """

    commit: Text | None = None
    dirty: bool | None = None
    unknown: Text = ""


@dataclass(frozen=True)
class Interval:
    """A mean over images, and its 95 % interval over photographs."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """Fields of every result.

    Attributes:
        schema: version of the file's format.
        status: ``complete``, or ``diverged`` if the training came to nothing.
        cell: identity of the cell.
        data: images that the cell was computed from.
        seconds: duration of the computation.
        finished_at: ISO 8601 with time zone.
        environment: machine and versions.
        git: commit of the code.
        profile: name of the profile that the cell was planned for; None in old files.
        changes: ``KEY=VALUE`` changes to the profile, from the command line.
        needed_weights: digests of the weights that the cell started from, by stage; empty in old files.
        diagnosis: why the training diverged.
        device: ``cpu`` or ``cuda``.
        content_digest: SHA-256 of the file's other fields, as they were read; empty in old files, and until a result is written.
    """

    schema: Literal[4]
    status: Literal["complete", "diverged"]
    cell: CellRecord
    data: DataRecord
    seconds: Seconds
    finished_at: Text
    environment: Environment
    git: Git
    profile: Name | None = None
    changes: tuple[Text, ...] = ()
    needed_weights: dict[Name, Text] = field(default_factory=dict)
    diagnosis: Text = ""
    device: Text = ""
    content_digest: Text = field(default="", compare=False)

    @property
    def has_diverged(self) -> bool:
        """True if the training, or a training that the cell needs, has diverged."""
        return self.status == DIVERGED

    def replaced_weights(self, digests: Mapping[str, str]) -> list[str]:
        """Stages that were trained again, with other weights than those that the cell started from.

        Args:
            digests: of the present weights, by id of the training cell. Weights without a digest count as the same.
        """
        present = {stage: digests.get(cell, "") for stage, cell in self.cell.needs.items()}
        return [stage for stage, digest in self.needed_weights.items() if digest and present.get(stage, "") not in ("", digest)]

    def texts(self) -> Iterator[str | None]:
        """Names and texts that tables show."""
        yield from (self.cell.id, self.cell.label, self.cell.dataset, self.cell.code)
        yield from (self.profile, self.diagnosis, self.data.dataset, self.git.unknown, *self.changes)


@dataclass(frozen=True, kw_only=True)
class TrainingResult(Result):
    """Result of a training cell.

    Attributes:
        settings: settings of the training cell.
        weights_digest: SHA-256 of ``weights.safetensors``.
        precision: number format of the forward passes.
        tf32: whether convolutions of float32 tensors rounded their inputs to TF32.
        processes: number of processes that trained together.
        training_seconds: time in the loop, resumed parts included.
        history: losses, each entry with its ``step``.
    """

    settings: TrainingSettingsRecord
    weights_digest: Text = ""
    precision: Text = ""
    tf32: bool = False
    processes: Count = 1
    training_seconds: Seconds = 0.0
    history: tuple[dict[Name, float], ...] = ()

    @property
    def numerics(self) -> Numerics:
        """Precision, device and versions of the training."""
        here = self.environment
        return Numerics(self.precision, self.device, self.tf32, here.processor, here.versions)


@dataclass(frozen=True, kw_only=True)
class EvaluationResult(Result):
    """Result of an evaluation cell.

    Attributes:
        settings: settings of the evaluation.
        scores: a number for each protocol, metric and image; without ground truth under ``no-reference`` only.
        shifts: ``(dy, dx)`` for each image, under protocols that align.
        summary: mean and interval over images, for each protocol and metric.
        missing: reason for each metric that could not be computed.
        pictures: names of all images, if there is no ground truth; their SR images are stored, each of them.
        exploratory: why the scores are no results of a frozen profile; empty for results.
        without_contrast: images whose central window in the HR image is flat: a score measures noise there.
        sanity: outcomes of sanity checks; none for an untrained method, and in old files.
        groups: the photograph that each image shows; none in older files.
        trained_with: precision, device and versions of each needed training, by stage.
        submission: origin of SR images that were made elsewhere; None if a method made them here.
    """

    settings: EvaluationSettings
    scores: dict[Name, dict[Name, Column]]
    shifts: dict[Name, dict[Name, tuple[int, int]]] = field(default_factory=dict)
    summary: dict[Name, dict[Name, Interval]] = field(default_factory=dict)
    missing: dict[Name, Text] = field(default_factory=dict)
    pictures: tuple[Name, ...] = ()
    exploratory: Text = ""
    without_contrast: tuple[Name, ...] = ()
    sanity: tuple[SanityCheck, ...] = ()
    groups: dict[Name, Name] = field(default_factory=dict)
    trained_with: dict[Name, Numerics] = field(default_factory=dict)
    submission: Submission | None = None

    @property
    def undertrained(self) -> bool:
        """True if the method fails a sanity check: no claim may rest on its scores."""
        return any(check.verdict == "undertrained" for check in self.sanity)

    @property
    def is_own(self) -> bool:
        """True for a user's own model that ``benchmarks.benchmark`` has scored, and for submitted SR images."""
        return (self.cell.code.startswith(OWN_CODE) or self.submission is not None) and "/" not in self.cell.label

    @property
    def images(self) -> list[str]:
        """Names of the images, in the order of the data set; none if the training diverged."""
        columns = (column for metrics in self.scores.values() for column in metrics.values())
        return list(self.pictures) or list(next(columns, ()))

    @property
    def unscored(self) -> dict[str, list[str]]:
        """Pictures that a metric has refused, being too small or without contrast, by metrics that have refused any."""
        columns = self.scores.get(NO_REFERENCE, {}).items()
        return {metric: names for metric, column in columns if (names := [name for name in self.pictures if name not in column])}

    def texts(self) -> Iterator[str | None]:
        """Names and texts that tables show, names of metrics and images included."""
        yield from super().texts()
        yield from self.pictures
        yield self.exploratory
        yield from self.without_contrast
        yield from self.groups.values()
        yield from self.submission.texts() if self.submission else ()
        for protocol, metrics in self.scores.items():
            yield protocol
            for metric, column in metrics.items():
                yield from (metric, *column)


def weights_digests(results: Iterable[Result]) -> dict[str, str]:
    """Digests of the weights of training results, by id of the cell."""
    return {result.cell.id: result.weights_digest for result in results if isinstance(result, TrainingResult)}
