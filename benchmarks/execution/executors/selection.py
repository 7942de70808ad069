"""Selection of an executor by its name."""

from __future__ import annotations

from benchmarks.catalog.executors import EXECUTORS
from benchmarks.catalog.profiles import Profile
from benchmarks.core.errors import PROJECT, UsageError
from benchmarks.core.lazy import resolve
from benchmarks.execution.executors.executor import ExecutorOptions, NamedExecutor
from benchmarks.execution.workspace import Workspace


def executor_class(name: str) -> type[NamedExecutor]:
    """The class of an executor.

    Raises:
        UsageError: the name is unknown, or a package that the executor needs is not installed.
    """
    entry = EXECUTORS.look_up(name)
    try:
        executor: type[NamedExecutor] = resolve(entry.target, f"executor '{name}'", ("make", "options"))
    except ModuleNotFoundError as error:
        raise _not_installed(name, error) from None
    return executor


def check_options(name: str, options: ExecutorOptions) -> None:
    """Raise UsageError if an option of another executor is given."""
    executor = executor_class(name)
    for option, value in vars(options).items():
        if value is not None and option not in executor.options:
            takes = [other for other in EXECUTORS if other != name and option in executor_class(other).options]
            raise UsageError(f"--{option.replace('_', '-')} {value}: only with --executor {' or '.join(takes)}")


def make_executor(name: str, workspace: Workspace, profile: Profile, options: ExecutorOptions) -> NamedExecutor:
    """Make an executor, ready to take cells.

    Raises:
        UsageError: a package is not installed, or the engine cannot be reached.
    """
    try:
        return executor_class(name).make(workspace, profile, options)
    except ModuleNotFoundError as error:
        raise _not_installed(name, error) from None


def _not_installed(name: str, error: ModuleNotFoundError) -> UsageError:
    """The error for a missing package. A missing module of the project itself is a bug: its error is raised again."""
    package = (error.name or "").partition(".")[0]
    if not package or package in PROJECT:
        raise error
    return UsageError(f"--executor {name}: {package} is not installed: run pip install -e '.[{name}]'")
