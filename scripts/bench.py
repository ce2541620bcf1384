"""Measure feecalc against named baselines in the same run: one table, ratios first, and bench.json beside it.

    python scripts/bench.py [--runs 7] [--json bench.json] [--large]

`--large` adds a claims file of 100 million lines, which takes 5 GB of disk and some minutes. Spark is measured where pyspark
and Java are installed, the first page where Chromium is.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from bench_claims import claims_files, open_schedule
from bench_pages import VISIT, app_start, page, practice
from measure import ROOT, Row, paired, process

from feecalc.analysis.remittance import read
from feecalc.analysis.variance import Where, check
from feecalc.api import OpenSchedule
from feecalc.edits import Edits
from feecalc.importing import import_file

CMS_DIR = Path(os.environ.get("FEECALC_CMS_DIR", ROOT.parent / "shared" / "cms"))


def national_schedule(opened: OpenSchedule, runs: int) -> list[Row]:
    """Every payable row at every locality, all amounts, against a bare NumPy int64 computation of the two base amounts: alone,
    and with the whole schedule written to parquet by both.
    """
    release = opened.schedule.newest
    rows = opened.schedule.table(release.name, "pprrvu").filter(
        pl.col("status").is_in(["A", "R", "T"]),
        pl.any_horizontal(pl.col("work", "pe_nonfacility", "pe_facility", "mp") > 0),
    )
    gpci = opened.schedule.table(release.name, "gpci")
    work, pe_nonfacility, pe_facility, mp = (
        rows[c].to_numpy().astype(np.int64) for c in ("work", "pe_nonfacility", "pe_facility", "mp")
    )
    gpci_work, gpci_pe, gpci_mp = (gpci[c].to_numpy().astype(np.int64)[:, None] for c in ("work", "pe", "mp"))
    factor = release.factor

    def bare() -> list[np.ndarray]:
        return [
            ((work * gpci_work + pe * gpci_pe + mp * gpci_mp) * factor + 5_000_000) // 10_000_000
            for pe in (pe_nonfacility, pe_facility)
        ]

    whole = opened.fee_schedule_cents(release.name, "all").sort("mac", "locality", "hcpcs", "modifier")
    order = gpci.with_row_index("place").sort("mac", "locality")["place"].to_numpy()
    for name, amounts in zip(("nonfacility", "facility"), bare(), strict=True):
        assert np.array_equal(whole[name].to_numpy(), amounts[order].ravel()), f"{name} differs from the bare computation"
    case = f"national schedule, {rows.height:,} rows x {gpci.height} localities"
    with tempfile.TemporaryDirectory() as folder:
        out, written = Path(folder) / "out.parquet", opened.fee_schedule(release.name, "all")

        def write(schedule: pl.DataFrame) -> None:
            schedule.write_parquet(out, compression="lz4", statistics=False)

        return [
            paired(
                case,
                "none",
                lambda: opened.fee_schedule_cents(release.name, "all"),
                "bare NumPy int64, two base amounts",
                bare,
                runs,
            ),
            paired(
                f"{case}, to parquet",
                "ratio <= 2",
                lambda: write(opened.fee_schedule(release.name, "all")),
                "bare NumPy int64, and the same schedule written",
                lambda: (bare(), write(written)),
                runs,
            ),
        ]


def imports(runs: int) -> list[Row]:
    found = CMS_DIR / "rvu25d.zip"
    if not found.is_file():
        print(f"(no {found}: importing is not measured)", file=sys.stderr)
        return []
    import zipfile

    measured = []
    for ending, limit in ((".csv", "1,500 ms"), (".xlsx", "4,000 ms")):
        with tempfile.TemporaryDirectory() as folder:
            only = Path(folder) / "rvu25d.zip"
            with zipfile.ZipFile(found) as source, zipfile.ZipFile(only, "w", zipfile.ZIP_DEFLATED) as target:
                for name in source.namelist():
                    if name.endswith(ending):
                        target.writestr(name, source.read(name))

            def once(only: Path = only) -> None:
                with tempfile.TemporaryDirectory() as home:
                    os.environ["FEECALC_HOME"] = home
                    import_file(only)

            measured.append(paired(f"import of release 2025D from {ending[1:]}", limit, once, runs=runs))
    return measured


def processes(runs: int) -> list[Row]:
    """Commands from their start to their end, and how long `import feecalc` takes."""
    bare = [sys.executable, "-c", "import polars"]

    # As on any machine on which it ran before: with the bytecode that Python keeps of what it imports.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run(command: list[str]) -> Callable[[], object]:
        return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)

    def command(*arguments: str) -> Callable[[], object]:
        return run([sys.executable, "-m", "feecalc", *arguments])

    price = command("price", "97110", "--zip", "35203", "--date", "2025-10-15")
    with tempfile.TemporaryDirectory() as folder:
        whole = command("schedule", "--release", "2026C", "--all-localities", "--out", f"{folder}/whole.parquet")
        one = command("schedule", "--release", "2026C", "--locality", "10112-00", "--out", f"{folder}/one.xlsx")
        book = command("diff", "2025D", "2026C", "--out", f"{folder}/changes.xlsx")
        return [
            paired("feecalc price as a process", "ratio <= 1.4", price, 'python -c "import polars"', run(bare), runs),
            paired(
                "import feecalc",
                "50 ms more",
                run([sys.executable, "-c", "import feecalc"]),
                "python -c pass",
                run([sys.executable, "-c", "pass"]),
                runs,
            ),
            paired("feecalc diff 2025D 2026C", "2,000 ms", command("diff", "2025D", "2026C"), runs=runs),
            paired("the same to a workbook of every change", "none", book, runs=runs),
            paired("national schedule to parquet, as a process", "3,000 ms", whole, runs=runs),
            paired("one locality to xlsx, as a process", "3,000 ms", one, runs=runs),
        ]


SAMPLE = ROOT / "feecalc" / "analysis" / "samples" / "remittance.835"


def large_835(path: Path, lines: int) -> None:
    """Write an 835 of about so many lines, made of the sample's claims again and again under other numbers."""
    text = SAMPLE.read_text()
    begin, end = text.index("CLP*"), text.rindex("PLB*") if "PLB*" in text else text.rindex("SE*")
    body = text[begin:end]
    with path.open("w") as file:
        file.write(text[:begin])
        for number in range(-(-lines // body.count("SVC*"))):
            file.write(body.replace("CLP*", f"CLP*{number}"))
        file.write(text[end:])


def remittances(opened: OpenSchedule, runs: int) -> list[Row]:
    """An 835 of 100,000 lines read, and compared."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.835"
        large_835(file, 100_000)
        lines = read(file).lines.height
        reading = paired(f"835 of {lines:,} lines read", "150 thousand a second", lambda: read(file), runs=runs)
        whole = paired(
            f"835 of {lines:,} lines read and compared",
            "5,000 ms per 100,000",
            lambda: check(read(file), Where(zip="35203"), opened),
            runs=runs,
        )
    return [reading, whole]


STREAM = """
import sys, time
import feecalc.cli  # which has freed memory kept for the next batch
from measure import peak
from feecalc.analysis.remittance import stream
start = time.perf_counter()
lines = sum(part.lines.height for part in stream(sys.argv[1]))
print(time.perf_counter() - start, peak())
"""


def streamed(runs: int) -> list[Row]:
    """An 835 of 250 MB and one of 500 MB, read in parts by a process of its own: the rate, and that memory stays."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for lines in (1_430_000, 2_860_000):
            file = Path(folder) / "huge.835"
            large_835(file, lines)
            size = file.stat().st_size / 1e6
            times, peaks = zip(*(process(["-c", STREAM], str(file)) for _ in range(runs)), strict=True)
            middle = statistics.median(times)
            said = f"835 of {size:,.0f} MB streamed: {lines / middle / 1000:,.0f} thousand a second, {max(peaks):.2f} GB"
            spread = (min(times) * 1000, max(times) * 1000)
            found.append(Row(said, middle * 1000, spread, "", None, None, "150 thousand a second, memory flat"))
    return found


def calls(opened: OpenSchedule, runs: int) -> list[Row]:
    def one() -> object:
        return opened.price("97110", zip="35203", date="2025-10-15", units=3)

    claim = pl.DataFrame(
        {"hcpcs": ["97530", "97110", "97140", "99213"], "units": [1, 2, 1, 1], "modifiers": ["GP", "GP", "GP", ""]}
    ).with_columns(claim_id=pl.lit(1), service_date=pl.lit(date(2025, 10, 15)), locality=pl.lit("10112-00"), pos=pl.lit("11"))
    others = iter(opened.schedule.table("2025D", "pprrvu").filter(pl.col("status") == "A")["hcpcs"].unique().shuffle(1))

    def a_new_claim() -> object:
        return opened.price_lines(claim.with_columns(hcpcs=pl.Series([next(others) for _ in range(claim.height)])))

    return [
        paired("a claim of four lines through the API", "10 ms", lambda: opened.price_lines(claim), runs=runs),
        paired("the same with codes never priced before", "none", a_new_claim, runs=runs),
        paired("one price through the API", "none", one, runs=runs),
        paired("history of a code over all releases", "none", lambda: opened.history("97110"), runs=runs),
        paired("a code in every locality", "none", lambda: opened.across("97110", release="2025D"), runs=runs),
    ]


def edits(runs: int) -> list[Row]:
    """NCCI's tables: opened and asked for the first time, and asked of a visit of 25 lines."""
    visit, on = [(code,) for code in VISIT.split()], date(2024, 8, 1)
    loaded = Edits.open()
    return [
        paired("NCCI tables opened, two codes looked up", "none", lambda: Edits.open().check(visit[:2], on), runs=runs),
        paired("NCCI: a visit of 25 lines", "10 ms", lambda: loaded.check(visit, on), runs=runs),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path, default=ROOT / "bench.json")
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    opened = OpenSchedule()
    rows = [
        *national_schedule(opened, args.runs),
        *processes(args.runs),
        *app_start(max(3, args.runs // 2)),
        *imports(max(3, args.runs // 2)),
        *calls(opened, args.runs),
        *page(args.runs),
        *practice(opened),
        *edits(args.runs),
        *remittances(opened, max(3, args.runs // 2)),
        *streamed(max(3, args.runs // 2)),
        *open_schedule(max(3, args.runs // 2)),
        *claims_files(max(3, args.runs // 2), args.large),
    ]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, polars {pl.__version__}"
    print(machine)
    for row in rows:
        ratio = f"{row.ratio:6.2f} x {row.baseline}" if row.ratio is not None else ""
        low, high = row.spread_ms
        print(f"{row.case:60} {row.subject_ms:8.1f} ms ({low:.1f}-{high:.1f})  limit: {row.limit:26} {ratio}")
    args.json.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
