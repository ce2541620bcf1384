"""The part of the bench about claims files: rates, memory and growth, beside other ways to price the same claims."""

import shutil
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import polars as pl
from measure import ROOT, Row, process
from mixed_claims import mixed_claims

REPRICE = """
import sys, time
from pathlib import Path
import feecalc.cli  # which has freed memory kept for the next batch
from measure import peak
from feecalc.api import OpenSchedule
from feecalc.claims import reprice
opened = OpenSchedule()
start = time.perf_counter()
reprice(Path(sys.argv[1]), Path(sys.argv[2]), opened)
print(time.perf_counter() - start, peak())
"""
BASELINES = str(ROOT / "scripts" / "baselines.py")
SMALL, THOUSANDS, MILLION, TEN, HUNDRED = 1_000, 100_000, 1_000_000, 10_000_000, 100_000_000
SECOND = 20_000  # lines for the pricer of the tests, which takes its time
WRITTEN = (
    "outcome",
    "reason",
    "release",
    "fee",
    "allowed",
    "coinsurance",
    "medicare_share",
    "sequestration",
    "received",
    "flags",
)


class Timings:
    """Seconds and peak memory of each way to price a file of so many lines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.times: dict[tuple[str, int], list[float]] = {}
        self.peaks: dict[tuple[str, int], float] = {}

    def file(self, lines: int) -> Path:
        """The mixed claims of so many lines, written at the first call."""
        path = self.folder / f"{lines}.parquet"
        if not path.exists():
            if lines <= TEN:
                mixed_claims(lines).write_parquet(path)
            else:
                pl.scan_parquet([self._shifted(number) for number in range(lines // TEN)]).sink_parquet(path)
        return path

    def _shifted(self, number: int) -> Path:
        """Ten million lines of other claims."""
        path = self.folder / f"part-{number:03}.parquet"
        shifted = mixed_claims(TEN, seed=number + 1).with_columns(pl.col("claim_id") + number * TEN)
        shifted.write_parquet(path)
        return path

    def once(self, who: str, lines: int) -> None:
        """Price a file in a process of its own."""
        out = self.folder / f"{who}-{lines}"
        shutil.rmtree(out, ignore_errors=True)
        script = ["-c", REPRICE] if who == "feecalc" else [BASELINES, who]
        seconds, gigabytes = process(script, str(self.file(lines)), str(out) + (".parquet" if who != "spark" else ""))
        self.times.setdefault((who, lines), []).append(seconds * 1000)
        self.peaks[who, lines] = max(gigabytes, self.peaks.get((who, lines), 0))

    def row(self, lines: int, who: str, of: int, limit: str) -> Row:
        """feecalc against another way, by the time that a line takes; against itself, by the time that the file takes."""
        ours, theirs = self.times["feecalc", lines], self.times[who, of]
        alike = zip(ours, theirs, strict=False)
        ratio = statistics.median((our / lines) / (their / of) for our, their in alike)
        ratio *= lines / of if who == "feecalc" else 1
        rate = lines / statistics.median(ours)  # thousand lines a second
        said = f"{lines:,} mixed lines: {rate:,.0f} thousand a second, {self.peaks['feecalc', lines]:.1f} GB"
        spread = (min(ours), max(ours))
        return Row(said, statistics.median(ours), spread, f"{who}, {of:,} lines", statistics.median(theirs), ratio, limit)


def claims_files(runs: int, large: bool) -> list[Row]:
    """Mixed claims from parquet to parquet, each time in a process of its own. DuckDB, pandas and the loop over lines do the
    base formula and the therapy reduction alone; the tests' second pricer does every rule, in plain Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        timings = Timings(Path(folder))
        with_spark = bool(shutil.which("java") and find_spec("pyspark"))
        for _ in range(runs):
            for lines in (SMALL, THOUSANDS, MILLION, TEN):
                timings.once("feecalc", lines)
            timings.once("duckdb", TEN)
            timings.once("pandas", MILLION)
            timings.once("python", THOUSANDS)
            timings.once("second", SECOND)
        rows = [
            timings.row(SMALL, "python", THOUSANDS, "none"),
            timings.row(THOUSANDS, "python", THOUSANDS, "none"),
            timings.row(MILLION, "pandas", MILLION, "none"),
            timings.row(TEN, "feecalc", MILLION, "2,500 thousand, 4 GB, ratio <= 11"),
            timings.row(TEN, "duckdb", TEN, "ratio <= 0.5"),
            timings.row(TEN, "python", THOUSANDS, "ratio <= 0.002"),
            timings.row(TEN, "second", SECOND, "ratio <= 0.002"),
        ]
        if with_spark:
            rows.append(_spark(timings))
        else:
            print("(no Java or no pyspark: Spark is not measured)", file=sys.stderr)
        if large:
            timings.once("feecalc", HUNDRED)
            rows.append(timings.row(HUNDRED, "feecalc", TEN, "3 GB, ratio <= 10.5"))
        return rows


def _spark(timings: Timings) -> Row:
    """Spark on two cores, and its answers against those of one process, row for row."""
    timings.once("spark", TEN)
    keys = ["claim_id", "line"]
    ours = pl.scan_parquet(timings.folder / f"feecalc-{TEN}.parquet").select(*keys, *WRITTEN)
    theirs = pl.scan_parquet(timings.folder / f"spark-{TEN}" / "*.parquet").select(*keys, *WRITTEN)
    assert ours.sort(keys).collect().equals(theirs.sort(keys).collect()), "Spark's answers are not those of one process"
    ratio = statistics.median(timings.times["feecalc", TEN]) / timings.times["spark", TEN][0]
    seconds = timings.times["spark", TEN][0]
    said = f"{TEN:,} mixed lines by Spark local[2]: {TEN / seconds:,.0f} thousand a second, the same rows and cents"
    base = statistics.median(timings.times["feecalc", TEN])
    return Row(said, seconds, (seconds, seconds), "rate of one process", base, ratio, "ratio >= 0.3")


def open_schedule(runs: int) -> list[Row]:
    """Every loaded release, made ready to price any line: seconds and memory."""
    script = (
        "import time; start = time.perf_counter()\n"
        "from feecalc.api import OpenSchedule\nfrom measure import peak\n"
        "rules = OpenSchedule().rules; rules.index; rules.eras\nprint(time.perf_counter() - start, peak())"
    )
    measured = [process(["-c", script]) for _ in range(runs)]
    times = [seconds * 1000 for seconds, _ in measured]
    said = f"all releases opened and made ready: {max(gigabytes for _, gigabytes in measured):.2f} GB"
    return [Row(said, statistics.median(times), (min(times), max(times)), "", None, None, "none")]
