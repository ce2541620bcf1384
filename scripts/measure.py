"""How the bench measures: medians of several runs, subject and baseline in turns, so that a drifting machine slows both."""

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Row:
    case: str
    subject_ms: float
    spread_ms: tuple[float, float]
    baseline: str
    baseline_ms: float | None
    ratio: float | None
    limit: str


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def paired(
    case: str,
    limit: str,
    subject: Callable[[], object],
    baseline: str = "",
    base: Callable[[], object] | None = None,
    runs: int = 7,
) -> Row:
    """A subject, and a baseline run in turns with it; the ratio is the median of those of the pairs."""
    subject()
    if base is not None:
        base()
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(timed(subject))
        if base is not None:
            theirs.append(timed(base))
    median = statistics.median(ours)
    base_median = statistics.median(theirs) if theirs else None
    ratio = statistics.median(o / t for o, t in zip(ours, theirs, strict=True)) if theirs else None
    return Row(case, median, (min(ours), max(ours)), baseline, base_median, ratio, limit)


def process(script: list[str], *arguments: str) -> tuple[float, float]:
    """Seconds and peak gigabytes that a Python process of its own prints, as it says without its start and its imports."""
    found = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "scripts")])}
    done = subprocess.run([sys.executable, *script, *arguments], check=True, capture_output=True, text=True, env=found)
    seconds, gigabytes = map(float, done.stdout.split()[-2:])
    return seconds, gigabytes


def peak() -> float:
    """The most memory that this process has held, in gigabytes, as Linux counts it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1e6 if found else float("nan")
