"""What the regression gate found, for three readers: the terminal, a CI system (JUnit XML) and a person (Markdown)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import markdown, number
from benchmarks.regression.verdicts import FAILURES, Finding, exit_code, of_verdict

if TYPE_CHECKING:
    from rich.table import Table as RichTable

OUTCOMES = {0: "no regression", 1: "regression", 2: "could not measure"}
HEADERS = ("method", "protocol", "metric", "baseline", "now", "difference", "interval", "counts from", "p", "verdict")


@dataclass(frozen=True)
class Report:
    """The outcome of one check.

    Attributes:
        profile: that was checked.
        baseline: path of the baseline, and when and why it was made.
        findings: one per method, protocol and metric; none where the check could not begin.
        notes: what a reader must know beside the numbers, one line each.
        problem: why the check could not begin, or nothing.
    """

    profile: str
    baseline: str
    findings: Sequence[Finding] = ()
    notes: Sequence[str] = ()
    problem: str = ""

    @property
    def exit_code(self) -> int:
        """Of the command."""
        return 2 if self.problem else exit_code(self.findings)

    def outcome(self) -> str:
        """The verdict and what it rests on, in one line."""
        counts = {verdict: sum(found.verdict == verdict for found in self.findings) for verdict in _ORDER}
        parts = [f"{count} {_NAMES[verdict]}" for verdict, count in counts.items() if count]
        return f"{OUTCOMES[self.exit_code]}: {', '.join(parts) or self.problem}"


_NAMES = {
    "regression": "worse",
    "moved": "moved where nothing is trained",
    "unmeasured": "not measured",
    "unclear": "unclear",
    "improvement": "better",
    "same": "as before",
}
_ORDER = tuple(_NAMES)


def advice(report: Report) -> list[str]:
    """What to do next, one line each."""
    lines = []
    if list(of_verdict(report.findings, *FAILURES)):
        lines.append("a change that is meant: python -m benchmarks.check --update --reason TEXT, and commit the baseline with it")
    elif list(of_verdict(report.findings, "improvement")):
        lines.append("better than the baseline: keep it with python -m benchmarks.check --update --reason TEXT")
    if list(of_verdict(report.findings, "unclear")):
        lines.append("unclear: the mean is beyond the threshold, but images disagree, so it does not count")
    return lines


def to_rich(report: Report, *, everything: bool) -> RichTable | None:
    """The table for the terminal: what has moved, or everything; None where that is nothing."""
    from rich import box
    from rich.table import Table as RichTable

    shown = [found for found in report.findings if found.new is not None and (everything or found.verdict != "same")]
    if not shown:
        return None
    table = RichTable(box=box.SIMPLE_HEAD)
    for index, header in enumerate(HEADERS):
        table.add_column(header, justify="right" if 3 <= index < 9 else "left", no_wrap=index > 0)
    for found in shown:
        table.add_row(*_row(found))
    return table


def unmeasured(report: Report) -> list[str]:
    """One line per method and reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for found in of_verdict(report.findings, "unmeasured"):
        reasons.setdefault((found.method, found.reason), []).append(f"{found.protocol} {found.metric}")
    columns = {method: sum(found.method == method for found in report.findings) for method, _ in reasons}
    which = {key: "" if len(found) == columns[key[0]] else f" ({', '.join(found)})" for key, found in reasons.items()}
    return [f"not measured: {method}{which[method, reason]}: {reason}" for method, reason in reasons]


def _row(found: Finding) -> list[str]:
    digits = get_metric(found.metric).digits + 2
    named = [found.method, found.protocol, get_metric(found.metric).label, number(found.old, digits)]
    if found.new is None or found.difference is None:
        return [*named, "–", "–", "–", f"{found.threshold:.2g}", "–", found.verdict]
    low, high = (number(end, digits, "+") for end in (found.difference.low, found.difference.high))
    change = [number(found.new, digits), number(found.difference.mean, digits, "+"), f"{low}…{high}"]
    return [*named, *change, f"{found.threshold:.2g}", f"{found.p:.1g}", found.verdict]


def to_markdown(report: Report) -> str:
    """The summary for a pull request: the verdict first, then what has moved."""
    lines = [f"## Benchmark, profile {report.profile}: {report.outcome()}", ""]
    moved = [found for found in report.findings if found.new is not None and found.verdict != "same"]
    if moved:
        lines += [f"| {' | '.join(HEADERS)} |", f"|{'---|' * len(HEADERS)}"]
        lines += [f"| {' | '.join(markdown(text) for text in _row(found))} |" for found in moved]
        lines.append("")
    lines += [f"- {markdown(line)}" for line in (*unmeasured(report), *report.notes, *advice(report))]
    lines.append(f"- baseline: {markdown(report.baseline)}")
    return "\n".join(lines) + "\n"


def to_junit(report: Report) -> str:
    """JUnit XML: a test case per method, protocol and metric; ``failure`` is worse or moved, ``error`` is without a number."""
    failures, errors = list(of_verdict(report.findings, *FAILURES)), list(of_verdict(report.findings, "unmeasured"))
    counts = {
        "tests": str(len(report.findings) + bool(report.problem)),
        "failures": str(len(failures)),
        "errors": str(len(errors) + bool(report.problem)),
    }
    suites = Xml.Element("testsuites", counts)
    suite = Xml.SubElement(suites, "testsuite", {"name": f"benchmarks.check {report.profile}", **counts, "skipped": "0"})
    if report.problem:
        _case(suite, "benchmarks.check", "comparison", "error", "unmeasured", report.problem)
    for found in report.findings:
        kind = "failure" if found in failures else "error" if found in errors else "system-out"
        _case(
            suite, f"{report.profile}.{found.method}", f"{found.protocol} {found.metric}", kind, found.verdict, found.sentence()
        )
    Xml.indent(suites, " ")
    return Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: Xml.Element, name: str, case: str, kind: str, verdict: str, message: str) -> None:
    element = Xml.SubElement(suite, "testcase", {"classname": _printable(name), "name": _printable(case), "time": "0"})
    about = {} if kind == "system-out" else {"type": verdict, "message": _printable(message)}
    Xml.SubElement(element, kind, about).text = _printable(message)


def _printable(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)
