"""A run that is killed at any moment goes on where it was, and ends with the bits of an undisturbed run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.lives import PHASES, SHORT, Chance, Command
from tests.helpers.witness import complete, look_at_the_end, parse_all

pytestmark = pytest.mark.train

WHOLE = ("--all", "--profile", "smoke")
KILLS = int(os.environ.get("CINCGAN_KILLS", "60"))
SEED = int(os.environ.get("CINCGAN_KILL_SEED") or time.time_ns() % 2**31)


class Trial:
    """A workspace whose run is killed and started again."""

    def __init__(self, command: Command) -> None:
        self.command, self.root = command, command.output
        self.cells = len(json.loads(command.undisturbed("--dry-run", "--json").stdout)["cells"])
        self.finished: dict[str, Any] = {}
        self.parsed: set[tuple[str, int, int]] = set()

    @property
    def done(self) -> float:
        return len(self.finished) / self.cells

    def look(self) -> None:
        """Check the workspace after a life."""
        parse_all(self.root, self.parsed)
        now = complete(self.root)
        again = [cell for cell, stamp in self.finished.items() if now.get(cell) != stamp]
        assert not again, f"computed again after they were complete: {again}"
        self.finished = now


def test_a_run_killed_once_in_every_phase(tmp_path: Path, undisturbed: Path) -> None:
    trial = Trial(Command(SHORT, tmp_path / "runs"))
    moments: dict[str, dict[str, Any]] = {
        "decoding": {"phase": "decoding", "seconds": 0.0},
        "evaluation": {"phase": "evaluation", "seconds": 0.2},
        "result": {"file": "result.json", "event": 1},
        "mlflow": {"file": ".mlflow.db", "event": 2, "delay": 0.3},  # in the first migrations
        "training": {"phase": "training", "seconds": 0.4},
        "checkpoint": {"phase": "checkpoint", "event": 3},
        "table": {"file": "table-smoke.md", "event": 1},
        "report": {"file": "/report/", "event": 3},
    }
    for phase, moment in moments.items():
        life = trial.command.live(moment, 300)
        assert life.phase == phase, f"{phase} {moment}: {life}"
        trial.look()
    life = trial.command.live({})
    assert life.status == 0, life.errors
    trial.look()
    look_at_the_end(trial.root, undisturbed)


def kill_at_random(folder: Path, reference: Path, kills: int, seed: int, say: Callable[[str], None]) -> Chance:
    """Kill ``--all --profile smoke`` that many times, in as many fresh workspaces as needed; check them after every life."""
    chance, rounds, lives = Chance(seed, kills, max(2, kills // 6)), 0, 0
    while chance.used < kills:
        rounds += 1
        own = folder / f"round-{rounds}"
        own.mkdir()
        trial = Trial(Command(WHOLE, own / "runs", {"CINCGAN_CACHE": str(own / "cache")}))
        status = 1
        while status:
            plan, latest = chance.draw(trial.done) if chance.used < kills else ({}, 1800.0)
            life = trial.command.live(plan, latest)
            lives, status = lives + 1, life.status
            assert life.phase or status == 0, life.errors
            assert "Traceback" not in life.errors, life.errors
            trial.look()
            if life.phase:
                chance.record(life)
            where = f"killed in {life.phase}" if life.phase else "came to its end"
            say(f"{chance.used:3}: {where} after {life.seconds:.1f} s, {len(trial.finished)} of {trial.cells} cells")
        look_at_the_end(trial.root, reference)
        say("the results are those of the undisturbed run, bit for bit")
    say(f"seed {seed}: {chance.used} kills, {lives} lives, {rounds} workspaces; by phase: {chance.hits}")
    return chance


@pytest.mark.long
@pytest.mark.network
def test_a_run_killed_at_random_moments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    say(f"CINCGAN_KILL_SEED={SEED} CINCGAN_KILLS={KILLS}")
    reference = Command(WHOLE, tmp_path / "undisturbed", {"CINCGAN_CACHE": str(tmp_path / "cache")})
    done = reference.undisturbed()
    assert done.returncode == 0, done.stderr
    say("the undisturbed run is finished")
    chance = kill_at_random(tmp_path, reference.output, KILLS, SEED, say)
    assert all(chance.hits[phase] for phase in PHASES) or KILLS < 40
