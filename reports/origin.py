"""Where numbers come from: every cell as text for the page's dialog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.results import to_json
from reports.studies import Evidence


def origins(evidence: Iterable[Evidence]) -> dict[str, dict[str, Any]]:
    """By cell id: a title, facts as pairs of texts, the settings as JSON, and the ids of the cells that it was built on."""
    return {
        each.id: {
            "title": title(each),
            "facts": [[name, text] for name, text in _facts(each) if text],
            "settings": to_json(each.result["settings"]),
            "needs": [str(needed) for needed in (each.result["cell"].get("needs") or {}).values()],
        }
        for each in evidence
    }


def title(evidence: Evidence) -> str:
    """What was done with what."""
    seed = "" if evidence.seed is None else f", seed {evidence.seed}"
    return f"{evidence.result['cell'].get('kind', '')} {evidence.label}{seed}"


def _facts(evidence: Evidence) -> list[tuple[str, str]]:
    result = evidence.result
    cell, data = result["cell"], result["data"]
    file = f"cells/{evidence.folder.name}/result.json" if evidence.folder else ""
    return [
        ("cell", evidence.id),
        ("method" if cell.get("kind") == "evaluate" else "stage", evidence.label),
        ("data set", str(cell.get("dataset", ""))),
        ("trained on", str(data.get("trained_on", ""))),
        ("seed", "none: nothing is drawn" if evidence.seed is None else str(evidence.seed)),
        ("profile", str(result.get("profile", ""))),
        ("changed settings", " ".join(f"--set {change}" for change in result.get("changes", ()))),
        ("commit", commit(result["git"])),
        ("code", str(cell.get("code", ""))),
        ("data digest", str(data.get("digest", ""))),
        ("degradation", _degradation(data)),
        ("computed in", _computed(result)),
        ("weights digest", str(result.get("weights_digest", ""))),
        ("diverged", str(result.get("diagnosis", ""))),
        ("missing", "; ".join(f"{metric}: {why}" for metric, why in result.get("missing", {}).items())),
        ("environment", _environment(result["environment"])),
        ("packages", ", ".join(f"{name} {version}" for name, version in (result["environment"].get("versions") or {}).items())),
        ("MLflow run", evidence.mlflow or "not mirrored"),
        ("finished", f"{result['finished_at']}, after {result['seconds']} s"),
        ("result file", file),
    ]


def commit(git: Mapping[str, Any]) -> str:
    """The commit, and whether the work tree had changes."""
    if not git.get("commit"):
        return "unknown: no checkout"
    return f"{git['commit']}{' with uncommitted changes' if git.get('dirty') else ''}"


def _computed(result: Mapping[str, Any]) -> str:
    """Precision, device and processes, of which old results may have none."""
    several = f", {result['processes']} processes" if result.get("processes", 1) > 1 else ""
    return ", ".join(filter(None, (result.get("precision"), result.get("device")))) + several


def _degradation(data: Mapping[str, Any]) -> str:
    parameters = ", ".join(f"{name} {value}" for name, value in (data.get("parameters") or {}).items())
    return f"{data.get('degradation', '')}{f' ({parameters})' if parameters else ''}"


def _environment(found: Mapping[str, Any]) -> str:
    parts = (f"Python {found.get('python', '?')}", found.get("platform"), found.get("processor"), found.get("host"))
    return ", ".join(str(part) for part in parts if part)
