"""Captions of tables of scores: what the numbers are of, and what they cannot show."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.catalog.composites import composites_of
from benchmarks.core.text import counted
from benchmarks.planning.frozen import OWN_IMAGES
from benchmarks.statistics.significance import LEAST
from reports.tables import Table

UNSCORED = "No ground truth, so nothing is compared with one: the SR images are in the folders samples of the cells."
HOW_TO_SCORE = "No-reference metrics add numbers, niqe to SR images of 96x192 pixels or more: --set \"metrics=['niqe']\"."
NO_REFERENCE_NUMBERS = (
    "No-reference metrics see the SR image alone: an image may look natural and show something else than the scene."
)
IN_CELLS = "The SR images are in the folders samples of the cells."
MADE_ELSEWHERE = "Made elsewhere: by which methods and trainings is not recorded."
LETTERS = (
    "methods that share a letter cannot be told apart by PSNR (sign flips of photographs, and Student's t over photographs and "
    "trainings; p < 0.05 after Holm's correction over all pairs of the table)."
)


def table_caption(table: Table) -> str:
    """Data, profile, photographs, seeds, intervals and power of a table."""
    if not table.is_of_run:
        images = f"{counted(table.images, 'image')} of {counted(table.photographs, 'photograph')}"
        interval = f"mean and 95 % t-interval over photographs{_degrees(table)}"
        return f"{table.dataset}: {images}; {interval}. {MADE_ELSEWHERE} {NO_REFERENCE_NUMBERS}"
    seeds = sorted({seed for row in table.rows for seed in row.seeds})
    seed_text = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}" if seeds else "no trained method yet"
    trained = f", trained on {table.trained_on}" if table.trained_on else ""
    images = counted(table.images, f"{table.split} image")
    if table.photographs:  # counted over scored images
        images += f" of {counted(table.photographs, 'photograph')}"
    about = f"{_state(table)}{table.dataset}{trained}, profile {table.profile}: {images}, {seed_text}"
    if not table.has_truth:
        if not table.columns:
            return f"{about}. {UNSCORED} {HOW_TO_SCORE}"
        interval = f"mean and 95 % t-interval over photographs and trainings{_degrees(table)}"
        return f"{about}; {interval}. {NO_REFERENCE_NUMBERS} {IN_CELLS}"
    sentences = (
        f"{about}; mean and 95 % t-interval over photographs and trainings{_degrees(table)}.",
        *_composites(table),
        f"ΔPSNR: paired difference to {table.reference} in dB.",
        "SD over seeds: of a method's mean PSNR, in dB.",
        f"alike: {LETTERS}",
        *_power(table),
    )
    return " ".join(filter(None, (*sentences, table.mixture))) + _flat(table)


def _composites(table: Table) -> Iterator[str]:
    """Sentences on the composite scores that a table shows."""
    for entry in composites_of(name for _, name in table.composites):
        yield f"{entry.label} v{entry.version}: sum over means of {', '.join(entry.metrics)} ({entry.source}; docs/protocols.md)."


def _flat(table: Table) -> str:
    """Sentence on images whose central window, which the scorer of ntire2018 compares, has no contrast."""
    if not table.without_contrast:
        return ""
    return f" Without contrast in the central window, where a score measures noise: {', '.join(table.without_contrast)}."


def _state(table: Table) -> str:
    """Sentence on a table that shows no results of a frozen profile; empty for others, and where only some rows are none."""
    if table.split == "validation":
        return "Validation images, for choices of settings: no results. "
    if OWN_IMAGES in {row.exploratory for row in table.rows}:
        return f"{OWN_IMAGES[0].upper()}{OWN_IMAGES[1:]}. "
    reason = shared_reason(table)
    return f"Exploratory, no results: {reason}. " if reason else ""


def shared_reason(table: Table) -> str:
    """Reason why all rows that have scores are exploratory; empty where they differ."""
    reasons = {row.exploratory for row in table.rows if row.scores}
    return reasons.pop() if len(reasons) == 1 else ""


def _degrees(table: Table) -> str:
    """Range of the degrees of freedom of the intervals that a table shows."""
    shown = [row.scores[column] for row in table.rows for column in table.columns if column in row.scores]
    shown += [row.gains[protocol] for row in table.rows for protocol in table.gain_protocols if protocol in row.gains]
    degrees = [round(estimate.degrees, 1) for estimate in shown if estimate.degrees]
    ends = sorted({min(degrees), max(degrees)}) if degrees else []
    return f" ({' to '.join(f'{end:g}' for end in ends)} degrees of freedom)" if ends else ""


def _power(table: Table) -> Iterator[str]:
    """Sentences on what a table's letters cannot show."""
    if table.photographs < LEAST:
        yield f"Of {counted(table.photographs, 'photograph')} nothing can be told apart: at least {LEAST} are needed."
    elif single := [row.method for row in table.rows if row.trainings == 1]:
        is_each = len(single) == sum(bool(row.trainings) for row in table.rows)
        methods, pair = (
            ("each trained method", "two trained methods") if is_each else (", ".join(single), "them and trained methods")
        )
        yield (
            f"One training of {methods}: no verdict between {pair}, and a letter that differs from that of a method without "
            "training holds for this training."
        )
    if table.photographs >= LEAST:
        for protocol, least in table.resolved.items():
            what = "no difference of any size" if least is None else f"differences from {least:.2g} dB"
            yield f"{protocol} resolves {what} (80 % power, Holm's first step)."
