"""Reports of the regression gate: a table for the terminal, JUnit XML for a CI system, Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import counted, markdown, number
from benchmarks.regression.uncovered_changes import VERDICT as UNCOVERED
from benchmarks.regression.uncovered_changes import UncoveredChange
from benchmarks.regression.verdicts import FAILURES, Finding, of_verdict

if TYPE_CHECKING:
    from rich.table import Table as RichTable

HEADERS = ("method", "protocol", "metric", "reference", "now", "difference", "interval", "counts from", "p", "verdict")

_NAMES = {
    "regression": "worse",
    "moved": "moved where nothing is trained",
    "unmeasured": "not measured",
    "unclear": "unclear",
    "improvement": "better",
    "within threshold": "within threshold",
}  # in the order of the last line


@dataclass(frozen=True)
class Report:
    """The outcome of one check.

    Attributes:
        profile: name of the checked profile.
        reference: path of the reference, and when and why it was made.
        findings: one per method, protocol and metric; none if the check could not begin.
        uncovered: cells with the reference's id and other scores.
        notes: facts that a reader needs beside the numbers, one line each.
        problem: why the check could not begin; empty if it did.
    """

    profile: str
    reference: str
    findings: Sequence[Finding] = ()
    uncovered: Sequence[UncoveredChange] = ()
    notes: Sequence[str] = ()
    problem: str = ""

    @property
    def exit_code(self) -> int:
        """1 for a regression or an uncovered change, 2 if something could not be measured or compared, otherwise 0."""
        verdicts = {finding.verdict for finding in self.findings}
        if self.uncovered or verdicts & set(FAILURES):
            return 1
        return 2 if self.problem or "unmeasured" in verdicts else 0

    def outcome(self) -> str:
        """The outcome and the number of columns by verdict, in one line."""
        counts = {verdict: sum(finding.verdict == verdict for finding in self.findings) for verdict in _NAMES}
        parts = [f"{counted(len(self.uncovered), 'cell')} with other scores under the same id"] * bool(self.uncovered)
        parts += [f"{count} {_NAMES[verdict]}" for verdict, count in counts.items() if count]
        return f"{self._headline()}: {', '.join(parts) or self.problem}"

    def _headline(self) -> str:
        if self.exit_code != 1:
            return "could not measure" if self.exit_code else "no regression"
        has_regression = any(of_verdict(self.findings, *FAILURES))
        return " and ".join(["regression"] * has_regression + [UNCOVERED] * bool(self.uncovered))


def unmeasured(report: Report) -> list[str]:
    """Methods without scores, one line per method and reason."""
    columns: dict[tuple[str, str], list[str]] = {}
    for finding in of_verdict(report.findings, "unmeasured"):
        columns.setdefault((finding.method, finding.reason), []).append(f"{finding.protocol} {finding.metric}")
    totals = {method: sum(finding.method == method for finding in report.findings) for method, _ in columns}
    partial = {key: "" if len(names) == totals[key[0]] else f" ({', '.join(names)})" for key, names in columns.items()}
    return [f"not measured: {method}{partial[method, reason]}: {reason}" for method, reason in columns]


def uncovered_changes(report: Report) -> list[str]:
    """Cells with other scores under the reference's id, one line each."""
    return [f"{UNCOVERED}: {change.method}: {change.sentence()}" for change in report.uncovered]


def advice(report: Report) -> list[str]:
    """The next steps, one line each."""
    lines = []
    if report.uncovered:
        lines.append(
            f"{UNCOVERED}: code that decides scores was changed without a change of cell ids, so python -m benchmarks.run "
            "would go on to show results of the old code. Move that code to a package that cell ids cover (docs/architecture.md, "
            "Cells and identity). If no code was changed, the files of these cells were: compute them again with --force"
        )
    if any(of_verdict(report.findings, *FAILURES)):
        lines.append(
            "if the change is intended: python -m benchmarks.check --update --reason TEXT, and commit the reference with it"
        )
    elif any(of_verdict(report.findings, "improvement")):
        lines.append("better than the reference: keep it with python -m benchmarks.check --update --reason TEXT")
    if any(of_verdict(report.findings, "unclear")):
        lines.append("unclear: the mean is beyond the threshold, but images disagree, so it does not count")
    return lines


def to_rich(report: Report, *, everything: bool) -> RichTable | None:
    """The table for the terminal; None if it has no rows.

    Args:
        report: the outcome of a check.
        everything: show columns within the threshold, too.
    """
    from rich import box
    from rich.table import Table as RichTable

    shown = [
        finding
        for finding in report.findings
        if finding.new is not None and (everything or finding.verdict != "within threshold")
    ]
    if not shown:
        return None
    table = RichTable(box=box.SIMPLE_HEAD)
    for index, header in enumerate(HEADERS):
        table.add_column(header, justify="right" if 3 <= index < 9 else "left", no_wrap=index > 0)
    for finding in shown:
        table.add_row(*_row(finding))
    return table


def _row(finding: Finding) -> list[str]:
    digits = get_metric(finding.metric).digits + 2
    names = [finding.method, finding.protocol, get_metric(finding.metric).label, number(finding.old, digits)]
    if finding.new is None or finding.difference is None:
        return [*names, "–", "–", "–", f"{finding.threshold:.2g}", "–", finding.verdict]
    low, high = (number(end, digits, "+") for end in (finding.difference.low, finding.difference.high))
    change = [number(finding.new, digits), number(finding.difference.mean, digits, "+"), f"{low}…{high}"]
    return [*names, *change, f"{finding.threshold:.2g}", f"{finding.p:.1g}", finding.verdict]


def to_markdown(report: Report) -> str:
    """The summary for a pull request: the outcome first, then the columns beyond the threshold."""
    lines = [f"## Benchmark, profile {report.profile}: {report.outcome()}", ""]
    changed = [finding for finding in report.findings if finding.new is not None and finding.verdict != "within threshold"]
    if changed:
        lines += [f"| {' | '.join(HEADERS)} |", f"|{'---|' * len(HEADERS)}"]
        lines += [f"| {' | '.join(markdown(text) for text in _row(finding))} |" for finding in changed]
        lines.append("")
    texts = (*uncovered_changes(report), *unmeasured(report), *report.notes, *advice(report))
    lines += [f"- {markdown(text)}" for text in texts]
    lines.append(f"- reference: {markdown(report.reference)}")
    return "\n".join(lines) + "\n"


def to_junit(report: Report) -> str:
    """JUnit XML: a test case per method, protocol and metric, and one per uncovered change.

    ``failure`` is worse or moved; ``error`` is a column without scores, an uncovered change, or a check that could not begin.
    """
    failures, errors = list(of_verdict(report.findings, *FAILURES)), list(of_verdict(report.findings, "unmeasured"))
    others = len(report.uncovered) + bool(report.problem)
    counts = {
        "tests": str(len(report.findings) + others),
        "failures": str(len(failures)),
        "errors": str(len(errors) + others),
    }
    suites = Xml.Element("testsuites", counts)
    suite = Xml.SubElement(suites, "testsuite", {"name": f"benchmarks.check {report.profile}", **counts, "skipped": "0"})
    if report.problem:
        _case(suite, "benchmarks.check", "comparison", "error", "unmeasured", report.problem)
    for change in report.uncovered:
        _case(suite, f"{report.profile}.{change.method}", "identity", "error", UNCOVERED, f"{UNCOVERED}: {change.sentence()}")
    for finding in report.findings:
        kind = "failure" if finding in failures else "error" if finding in errors else "system-out"
        name, column = f"{report.profile}.{finding.method}", f"{finding.protocol} {finding.metric}"
        _case(suite, name, column, kind, finding.verdict, finding.sentence())
    Xml.indent(suites, " ")
    return Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: Xml.Element, name: str, case: str, kind: str, verdict: str, message: str) -> None:
    element = Xml.SubElement(suite, "testcase", {"classname": _printable(name), "name": _printable(case), "time": "0"})
    attributes = {} if kind == "system-out" else {"type": verdict, "message": _printable(message)}
    Xml.SubElement(element, kind, attributes).text = _printable(message)


def _printable(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)
