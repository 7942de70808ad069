"""RO-Crate metadata of an export (version 1.1, https://w3id.org/ro/crate/1.1): files, cells as actions, code and machines."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from benchmarks.results.files import to_json
from benchmarks.results.record import Environment, EvaluationResult, Git
from reports.studies import UNVERIFIED, FinishedCell

METADATA = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
MIME = {
    "csv": "text/csv",
    "json": "application/json",
    "md": "text/markdown",
    "png": "image/png",
    "safetensors": "application/octet-stream",
    "toml": "application/toml",
    "yaml": "application/yaml",
}
TERMS = (
    "Terms of the parts: the code is under Apache-2.0; images and published weights have the terms that their cards name; "
    "trained weights and scores have no terms of their own."
)
Entity = dict[str, Any]


def crate(evidence: Sequence[FinishedCell], files: Mapping[str, int], results: Mapping[str, str]) -> str:
    """``ro-crate-metadata.json`` of a folder.

    Args:
        evidence: finished cells, each of which is an action.
        files: sizes in bytes of all files of the folder, by path.
        results: path of the result file of each cell, by id.
    """
    known = {cell.id for cell in evidence}
    code = {_code_id(cell.result.git): cell.result.git for cell in evidence}
    machines = {_machine_id(cell.result.environment): cell.result.environment for cell in evidence}
    graph: list[Entity] = [
        {"@id": METADATA, "@type": "CreativeWork", "conformsTo": {"@id": SPECIFICATION}, "about": {"@id": "./"}},
        _root(evidence, files),
        {"@id": "#terms", "@type": "CreativeWork", "name": "Terms", "description": TERMS},
        *(_file(path, size) for path, size in sorted(files.items())),
        *(_code(identifier, git) for identifier, git in sorted(code.items())),
        *(_machine(identifier, machine) for identifier, machine in sorted(machines.items())),
        *(_action(cell, results, known) for cell in evidence),
    ]
    content = {"@context": f"{SPECIFICATION}/context", "@graph": graph}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _root(evidence: Sequence[FinishedCell], files: Iterable[str]) -> Entity:
    datasets = sorted({cell.result.cell.dataset for cell in evidence})
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Results of the CinCGAN benchmark on {', '.join(datasets)}",
        "description": "Trainings and evaluations of super-resolution methods, each with settings, seed, data digest, machine "
        "and commit; scores of every image under named protocols.",
        "datePublished": max(cell.result.finished_at for cell in evidence),
        "license": {"@id": "#terms"},
        "hasPart": [{"@id": quote(path)} for path in sorted(files)],
        "mentions": [{"@id": f"#cell-{cell.id}"} for cell in evidence],
    }


def _file(path: str, size: int) -> Entity:
    about = {"@id": quote(path), "@type": "File", "name": path, "contentSize": str(size)}
    return {**about, "encodingFormat": MIME.get(path.rpartition(".")[2], "application/octet-stream")}


def _code_id(git: Git) -> str:
    return f"#code-{git.commit or 'unknown'}{'-changed' if git.dirty else ''}"


def _code(identifier: str, git: Git) -> Entity:
    changed = " with uncommitted changes" if git.dirty else ""
    return {
        "@id": identifier,
        "@type": "SoftwareSourceCode",
        "name": f"cincgan-benchmark at {git.commit or 'an unknown commit'}{changed}",
        "version": git.commit or "unknown",
        "programmingLanguage": "Python",
        "license": {"@id": "https://spdx.org/licenses/Apache-2.0"},
    }


def _machine_id(environment: Environment) -> str:
    text = json.dumps([environment.python, environment.platform, environment.processor, environment.versions], sort_keys=True)
    return f"#environment-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _machine(identifier: str, environment: Environment) -> Entity:
    return {
        "@id": identifier,
        "@type": "SoftwareApplication",
        "name": f"Python {environment.python or 'of an unknown version'}",
        "operatingSystem": environment.platform or "unknown",
        "processorRequirements": environment.processor or "unknown",
        "softwareRequirements": [f"{name}=={version}" for name, version in sorted(environment.versions.items())],
        "softwareVersion": environment.python or "unknown",
    }


def _action(cell: FinishedCell, results: Mapping[str, str], known: Iterable[str]) -> Entity:
    """A cell: needed cells' results go in, its own result comes out."""
    result = cell.result
    seed = "" if cell.seed is None else f", seed {cell.seed}"
    action: Entity = {
        "@id": f"#cell-{cell.id}",
        "@type": "CreateAction",
        "name": f"{result.cell.kind} {cell.label} on {result.cell.dataset}{seed}",
        "description": "; ".join(_facts(cell)),
        "instrument": [{"@id": _code_id(result.git)}, {"@id": _machine_id(result.environment)}],
        "object": _references(results[need] for need in result.cell.needs.values() if need in known and need in results),
        "result": _references([results[cell.id]] if cell.id in results else []),
        "actionStatus": {"@id": "http://schema.org/FailedActionStatus"}
        if result.has_diverged
        else {"@id": "http://schema.org/CompletedActionStatus"},
    }
    if re.match(r"\d{4}-\d\d-\d\dT", result.finished_at):
        action["endTime"] = result.finished_at
    return {key: value for key, value in action.items() if value != []}


def _references(paths: Iterable[str]) -> Entity | list[Entity]:
    """References to files: one as it is, several as a list."""
    references = [{"@id": quote(path)} for path in paths]
    return references[0] if len(references) == 1 else references


def _facts(cell: FinishedCell) -> Iterator[str]:
    result = cell.result
    yield f"profile {result.profile or 'unknown'}"
    yield f"data digest {result.data.digest}"
    if cell.is_unverified:
        yield UNVERIFIED
    yield from (f"--set {change}" for change in result.changes)
    if isinstance(result, EvaluationResult):
        yield f"protocols {', '.join(f'{name} v{version}' for name, version in result.settings.protocols.items())}"
        for protocol, means in result.summary.items():
            shown = {metric: mean.mean for metric, mean in means.items()}
            yield f"{protocol}: {' '.join(to_json(shown).split())}"
