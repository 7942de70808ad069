"""Records of ``python -m benchmarks.speed all``: the figures of every part, with the machine and the commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.core.strict import build, parse_json
from benchmarks.measuring.figures import Figure
from benchmarks.measuring.figures import to_markdown as figures_to_markdown
from benchmarks.planning.step_times import StepFigure
from benchmarks.planning.step_times import to_markdown as steps_to_markdown
from benchmarks.results.record import Environment, Git

SCHEMA = 1
TITLES = {
    "startup": "Start (processor time)",
    "evaluation": "Scores",
    "tiling": "Inference",
    "loading": "Training patches",
    "training": "Training steps",
}
BUSY = 0.5  # load average per core from which figures are said to be of a busy machine


@dataclass(frozen=True)
class Machine:
    """The machine of figures.

    Attributes:
        name: of the processor or GPU.
        cores: logical cores that the process may use.
        load: load average of the minute before the first measurement: programs that wait for a core or have one.
        environment: flags of the processor, and versions of Python and packages.
    """

    name: str
    cores: int
    load: float
    environment: Environment

    @property
    def is_busy(self) -> bool:
        """True if other programs ran, so that neither seconds nor, in a single run, ratios can be relied on."""
        return self.load > BUSY * self.cores


@dataclass(frozen=True)
class SpeedRecord:
    """Figures of one run of all parts.

    Attributes:
        machine: where they were measured.
        git: commit of the code.
        finished_at: end of the last part, ISO 8601 in UTC.
        repeat: runs per time, of which the best counts.
        startup: of commands.
        evaluation: of scores.
        tiling: of inference.
        loading: of training patches.
        training: of training steps.
        left_out: reasons why a measurement is not there.
        schema: version of the file's form.
    """

    machine: Machine
    git: Git
    finished_at: str
    repeat: int
    startup: tuple[Figure, ...] = ()
    evaluation: tuple[Figure, ...] = ()
    tiling: tuple[Figure, ...] = ()
    loading: tuple[Figure, ...] = ()
    training: tuple[StepFigure, ...] = ()
    left_out: tuple[str, ...] = ()
    schema: int = SCHEMA

    def figures(self, part: str) -> tuple[Figure, ...]:
        """Figures of a part that has no training steps."""
        return tuple(getattr(self, part))

    @property
    def commit(self) -> str:
        """Short hash of the commit, with a mark where the work tree differed; ``unknown`` if there is none."""
        return f"{(self.git.commit or 'unknown')[:12]}{'+' if self.git.dirty else ''}"


def machine() -> Machine:
    """This machine, without its host's name."""
    import os
    from dataclasses import replace

    import torch
    from joblib import cpu_count

    from benchmarks.results.provenance import environment, processor_name

    name = torch.cuda.get_device_name() if torch.cuda.is_available() else processor_name()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return Machine(name, int(cpu_count()), round(load, 2), replace(environment(), host=""))


def to_text(record: SpeedRecord) -> str:
    """JSON text of a record."""
    from benchmarks.results.files import to_json

    return to_json(asdict(record)) + "\n"


def read_record(path: Path) -> SpeedRecord:
    """Read a record. Raises UsageError where the file holds anything else."""
    mend = "give a file that python -m benchmarks.speed all --output FILE has written"
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): {mend}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not valid JSON ({error}): {mend}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UsageError(f"{path}: no record of version {SCHEMA}: {mend}")
    return build(SpeedRecord, data, str(path))


def to_markdown(record: SpeedRecord) -> str:
    """Tables of all parts that have figures, below a line about the machine."""
    parts = [about(record)]
    for part, title in TITLES.items():
        if part == "training" and record.training:
            parts += [f"**{title}**", steps_to_markdown(record.training)]
        elif part != "training" and record.figures(part):
            parts += [f"**{title}**", figures_to_markdown(record.figures(part))]
    return "\n\n".join([*parts, *(f"Left out: {reason}" for reason in record.left_out)])


def print_record(record: SpeedRecord) -> None:
    """Print tables of all parts that have figures, below a line about the machine."""
    from benchmarks.measuring.figures import print_figures
    from benchmarks.planning.step_times import print_training

    print(about(record))
    for part, title in TITLES.items():
        if part == "training" and record.training:
            print(title)
            print_training(record.training, "table")
        elif part != "training" and record.figures(part):
            print(title)
            print_figures(record.figures(part), as_json=False)
    for reason in record.left_out:
        print(f"left out: {reason}")


def about(record: SpeedRecord) -> str:
    """Sentence about machine, versions and commit, and a warning about figures of a busy machine."""
    known = record.machine.environment
    versions = ", ".join(f"{name} {known.versions[name]}" for name in ("torch", "numpy") if name in known.versions)
    cores = f"{record.machine.cores} core{'s' if record.machine.cores > 1 else ''}"
    load = f" Other programs ran (load {record.machine.load:g}): only processor time counts, ratios vary from run to run."
    busy = load if record.machine.is_busy else ""
    best = f"best of {record.repeat}" if record.repeat > 1 else "measured once"
    return (
        f"{record.machine.name} ({known.processor}), {cores}, Python {known.python}, {versions}, commit {record.commit}, "
        f"{record.finished_at[:10]}, {best}.{busy}"
    )


def values(record: SpeedRecord) -> Iterator[tuple[str, str, float, float | None]]:
    """Part, work, seconds and times faster of every figure with a time."""
    for field in fields(record):
        if field.name in TITLES and field.name != "training":
            for figure in record.figures(field.name):
                work = f"{figure.what} (against {figure.against})" if figure.against else figure.what
                yield field.name, work, figure.seconds, figure.ratio
    for step in record.training:
        if step.seconds:
            yield "training", f"{step.stage}, {step.profile}, {step.precision}", step.seconds, step.ratio
