"""``python -m tests.fuzz.run NAME … --seconds N``: a coverage-guided fuzzer on targets; needs the extra ``fuzz``.

One target after the other in a process of its own. What raises another error than the project's own is written to ``--findings``
once for each place that it is raised at, and fuzzing goes on. Exit code 1 where there was one.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

INSTRUMENTED = ["benchmarks", "baselines", "reports", "PIL", "tarfile", "zipfile", "tomllib", "json", "pickle"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of tests/fuzz/targets.py (default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return fuzz(options.names[0], options.seconds, options.findings)
    return max(one(name, options) for name in options.names or target_names())


def target_names() -> list[str]:
    from tests.fuzz.targets import TARGETS

    return list(TARGETS)


def one(name: str, options: argparse.Namespace) -> int:
    line = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.run", name, "--here"]
    line += ["--seconds", str(options.seconds), "--findings", str(options.findings)]
    started = time.monotonic()
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    executions = re.findall(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
    findings = re.findall(r"^FINDING .*$", done.stdout, re.M)
    count = executions[-1] if executions else "?"
    print(f"{name}: {time.monotonic() - started:.0f} s, {count} executions, {len(findings)} findings")
    print("".join(f"  {finding}\n" for finding in findings), end="", flush=True)
    if done.returncode:  # it crashed, or hung, or ran out of memory
        print(done.stdout[-2000:])
    return 1 if findings or done.returncode else 0


def fuzz(name: str, seconds: int, findings: Path) -> int:
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import ALLOWED, TARGETS, seeds

    seen: set[str] = set()

    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            Path(corpus, str(number)).write_bytes(seed)

        def test_one_input(data: bytes) -> None:
            try:
                TARGETS[name](data, Path(work))
            except ALLOWED:
                pass
            except Exception as error:
                frames = traceback.extract_tb(error.__traceback__)
                ours = [frame for frame in frames if "site-packages" not in frame.filename]
                where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in (frames[-1], ours[-1])]
                place = f"{type(error).__name__} at {', '.join(where)}"
                if place not in seen:
                    seen.add(place)
                    findings.mkdir(parents=True, exist_ok=True)
                    (findings / f"{name}-{len(seen)}").write_bytes(data)
                    print(f"FINDING {name}-{len(seen)}: {place}: {str(error)[:150]!a}", flush=True)

        for sound in seeds(name):
            test_one_input(sound)  # what it imports is not to count as a hang
        findings.mkdir(parents=True, exist_ok=True)
        limits = [
            f"-artifact_prefix={findings}/",
            "-print_final_stats=1",
            "-timeout=60",
            "-rss_limit_mb=4096",
            "-max_len=20000",
            "-verbosity=1",
        ]
        atheris.Setup([sys.argv[0], corpus, f"-max_total_time={seconds}", *limits], test_one_input)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
