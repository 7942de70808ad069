"""Times of training steps as ``python -m benchmarks.speed training`` measures them: records, tables, JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.core.errors import UsageError
from benchmarks.core.strict import build, parse_json

Form = Literal["table", "json", "markdown"]
Size = Annotated[int, Meta(ge=1, le=10**9)]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]
DERIVED = ("images_per_second", "ratio", "fraction")  # values that JSON has besides the fields


@dataclass(frozen=True)
class StepFigure:
    """Time, arithmetic and memory of one step of one stage, on one device.

    Attributes:
        stage: name of the stage.
        profile: whose sizes the networks have.
        precision: of the forward passes.
        batch_size: patches per batch.
        patch_size: side of a patch in LR pixels.
        device: name of the processor or GPU.
        threads: of torch on a CPU.
        seconds: of the step; None where it cannot be measured here.
        reference_seconds: of the reference step; None where the stage has none.
        flop: floating-point operations of the step; a multiply-add counts as two.
        reference_flop: of the reference step.
        ceiling: best rate of the step's dominant convolutions by themselves, forward and backward, in FLOP/s.
        megabytes: peak memory of the process, or on a GPU of its memory.
        missing: why the step cannot be measured here.
    """

    stage: str
    profile: str
    precision: str
    batch_size: Size
    patch_size: Size
    device: str
    threads: int
    seconds: Seconds | None = None
    reference_seconds: Seconds | None = None
    flop: float | None = None
    reference_flop: float | None = None
    ceiling: float | None = None
    megabytes: float | None = None
    missing: str = ""

    @property
    def images_per_second(self) -> float | None:
        """LR patches of one domain per second."""
        return self.batch_size / self.seconds if self.seconds else None

    @property
    def ratio(self) -> float | None:
        """Reference seconds divided by seconds."""
        return self.reference_seconds / self.seconds if self.seconds and self.reference_seconds else None

    @property
    def fraction(self) -> float | None:
        """Rate of the step divided by the ceiling."""
        return self.flop / self.seconds / self.ceiling if self.seconds and self.flop and self.ceiling else None


COLUMNS: dict[str, Callable[[StepFigure], str]] = {
    "stage": lambda figure: figure.stage,
    "size": lambda figure: f"{figure.profile}, {figure.batch_size} x {figure.patch_size}",
    "precision": lambda figure: figure.precision,
    "s a step": lambda figure: _seconds(figure.seconds),
    "images/s": lambda figure: _shown(figure.images_per_second, 1),
    "reference, s": lambda figure: _seconds(figure.reference_seconds),
    "times faster": lambda figure: _shown(figure.ratio, 2),
    "GFLOP": lambda figure: _shown(figure.flop and figure.flop / 1e9, 0),
    "reference, GFLOP": lambda figure: _shown(figure.reference_flop and figure.reference_flop / 1e9, 0),
    "ceiling, GFLOP/s": lambda figure: _shown(figure.ceiling and figure.ceiling / 1e9, 0),
    "% of ceiling": lambda figure: f"{figure.fraction:.0%}" if figure.fraction else "",
    "peak MB": lambda figure: _shown(figure.megabytes, 0),
}


def _shown(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _seconds(value: float | None) -> str:
    """Text of seconds, in tenths of a millisecond where they are few."""
    return _shown(value, 3 if value is None or value >= 0.1 else 4)


def read_figures(path: Path) -> list[StepFigure]:
    """Figures as ``training --json`` prints them or ``all --output`` writes them. Raises UsageError for any other file."""
    try:
        figures = parse_json(path.read_text(encoding="utf-8"))
        figures = figures["training"] if isinstance(figures, dict) else figures
        fields = [{key: value for key, value in figure.items() if key not in DERIVED} for figure in figures]
        return [build(StepFigure, values, f"figure {number}") for number, values in enumerate(fields, start=1)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        raise UsageError(f"{path}: no figures of python -m benchmarks.speed training --json ({error})") from error


def print_training(figures: Sequence[StepFigure], form: Form) -> None:
    """Print figures as a table, as JSON with derived values, or as a Markdown table."""
    if form == "json":
        from benchmarks.results.files import to_json

        print(to_json([{**asdict(figure), **{key: getattr(figure, key) for key in DERIVED}} for figure in figures]))
    elif form == "markdown":
        print(to_markdown(figures))
    else:
        _print_table(figures)


def to_markdown(figures: Sequence[StepFigure]) -> str:
    """A Markdown table, in the order of the figures; a column that no figure fills is left out."""
    columns = {title: show for title, show in COLUMNS.items() if any(map(show, figures))}
    rows = [list(columns), ["---" if number < 3 else "---:" for number in range(len(columns))]]
    rows += [[show(figure) for show in columns.values()] for figure in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _print_table(figures: Sequence[StepFigure]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if number < 3 else "right", no_wrap=number < 3)
    for figure in figures:
        table.add_row(*(show(figure) for show in COLUMNS.values()))
    console = Console(width=max(Console().width, 170), highlight=False)
    console.print(table)
    for figure in figures:
        if figure.missing:
            console.print(f"{figure.stage}: {figure.missing}")
