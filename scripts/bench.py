"""Measure feecalc against named baselines in the same run: one table, ratios first, and bench.json beside it.

    python scripts/bench.py [--runs 7] [--json bench.json]

Each figure is the median of several runs; baseline and subject take turns, so that a drifting machine slows both.
"""

import argparse
import json
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from mixed_claims import mixed_claims

from feecalc.analysis.remittance import read
from feecalc.analysis.variance import Where, check
from feecalc.api import OpenSchedule
from feecalc.edits import Edits
from feecalc.importing import import_file

ROOT = Path(__file__).resolve().parents[1]
CMS_DIR = Path(os.environ.get("FEECALC_CMS_DIR", ROOT.parent / "shared" / "cms"))


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


def national_schedule(opened: OpenSchedule, runs: int) -> Row:
    """Every payable row at every locality, all amounts, against a bare NumPy int64 computation of the two base amounts."""
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
    return paired(
        f"national schedule, {rows.height:,} rows x {gpci.height} localities",
        "ratio <= 3, under 500 ms",
        lambda: opened.fee_schedule_cents(release.name, "all"),
        "bare NumPy int64, two base amounts",
        bare,
        runs,
    )


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
            paired("feecalc price as a process", "ratio <= 1.6", price, 'python -c "import polars"', run(bare), runs),
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


def app_start(runs: int) -> Row:
    """From `feecalc app` until the first page's frame is served."""

    def start() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.headless", "true"]
        server = subprocess.Popen([*command, "--server.port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                        return
                except OSError:
                    time.sleep(0.02)
        finally:
            server.terminate()
            server.wait()

    return paired("the app until it answers", "3,000 ms", start, runs=runs)


SAMPLE = ROOT / "feecalc" / "analysis" / "samples" / "remittance.835"


def remittances(opened: OpenSchedule, runs: int) -> list[Row]:
    """An 835 of 100,000 lines, made of the sample's claims again and again under other numbers: read, and compared."""
    text = SAMPLE.read_text()
    begin, end = text.index("CLP*"), text.rindex("SE*")
    if "PLB*" in text:
        end = text.rindex("PLB*")
    body = text[begin:end]
    times = -(-100_000 // body.count("SVC*"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.835"
        again = (body.replace("CLP*", f"CLP*{number}") for number in range(times))
        file.write_text(text[:begin] + "".join(again) + text[end:])
        held = read(file)
        lines = held.lines.height
        reading = paired(f"835 of {lines:,} lines read", "150 thousand a second", lambda: read(file), runs=runs)
        whole = paired(
            f"835 of {lines:,} lines read and compared",
            "5,000 ms per 100,000",
            lambda: check(read(file), Where(zip="35203"), opened),
            runs=runs,
        )
    return [reading, whole]


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
        paired("a claim of four lines through the API", "20 ms", lambda: opened.price_lines(claim), runs=runs),
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


# A visit of 25 lines: therapy, evaluations, manipulation, an office visit with an injection and an x-ray.
VISIT = """
97110 97112 97116 97140 97150 97530 97535 97537 98940 99213 20610 73562 97161
97164 97035 97032 G0283 97113 97124 97542 97750 97760 97761 97763 92507
"""

REPRICE = """
import sys, time
from pathlib import Path
import feecalc.cli  # which has freed memory kept for the next batch
from baselines import peak
from feecalc.api import OpenSchedule
from feecalc.claims import reprice
opened = OpenSchedule()
start = time.perf_counter()
reprice(Path(sys.argv[1]), Path(sys.argv[2]), opened)
print(time.perf_counter() - start, peak())
"""


def process(script: list[str], *arguments: str) -> tuple[float, float]:
    """Seconds and peak gigabytes that a process of its own says it took, without starting it and opening its tables."""
    found = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "scripts")])}
    done = subprocess.run([sys.executable, *script, *arguments], check=True, capture_output=True, text=True, env=found)
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak


def claims_files(runs: int) -> list[Row]:
    """Mixed claims from parquet to parquet, each time in a process of its own: the rate, the memory, how it grows, and the
    same claims by DuckDB, pandas and a loop over lines, which do the base formula and the therapy reduction alone.
    """
    baselines = str(Path(__file__).with_name("baselines.py"))
    with tempfile.TemporaryDirectory() as folder:
        files = {lines: f"{folder}/{lines}.parquet" for lines in (1_000, 100_000, 1_000_000, 10_000_000)}
        for lines, path in files.items():
            mixed_claims(lines).write_parquet(path)
        out = f"{folder}/out.parquet"
        times: dict[tuple[str, int], list[float]] = {}
        peaks: dict[tuple[str, int], float] = {}

        def once(who: str, lines: int) -> None:
            script = ["-c", REPRICE] if who == "feecalc" else [baselines, who]
            seconds, peak = process(script, files[lines], out)
            times.setdefault((who, lines), []).append(seconds * 1000)
            peaks[who, lines] = max(peak, peaks.get((who, lines), 0))

        for _ in range(runs):
            for lines in files:
                once("feecalc", lines)
            once("duckdb", 10_000_000)
            once("pandas", 1_000_000)
            once("python", 100_000)

    def row(lines: int, who: str, of: int, limit: str) -> Row:
        """feecalc against a baseline; where that had another number of lines, by the time a line takes."""
        ours, theirs = times["feecalc", lines], times[who, of]
        ratio = statistics.median((our / lines) / (their / of) for our, their in zip(ours, theirs, strict=True))
        ratio *= lines / of if who == "feecalc" else 1
        rate = lines / statistics.median(ours)  # thousand lines a second
        said = f"{lines:,} mixed lines: {rate:,.0f} thousand a second, {peaks['feecalc', lines]:.1f} GB"
        spread = (min(ours), max(ours))
        return Row(said, statistics.median(ours), spread, f"{who}, {of:,} lines", statistics.median(theirs), ratio, limit)

    return [
        row(1_000, "python", 100_000, "none"),
        row(100_000, "python", 100_000, "none"),
        row(1_000_000, "pandas", 1_000_000, "none"),
        row(10_000_000, "feecalc", 1_000_000, "1,500 thousand, 4 GB, ratio <= 11"),
        row(10_000_000, "duckdb", 10_000_000, "ratio <= 0.5"),
        row(10_000_000, "python", 100_000, "ratio <= 0.002"),
    ]


def page(runs: int) -> list[Row]:
    """The page's script on the server: first run, and a rerun after a widget changed."""
    from streamlit.testing.v1 import AppTest  # only here: the other measurements need no server

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params.update({"code": "97110", "zip": "35203", "date": "2025-10-15"})
    app.run()
    codes = iter(["97112", "97530", "97116", "97140", "99213", "99214", "97535", "97537", "97150", "G0283"] * 10)
    units = iter(list(range(2, 9)) * 20)

    def change_units() -> None:
        app.number_input(key="units").set_value(next(units)).run()

    def change_code() -> None:
        app.text_input(key="code").set_value(next(codes)).run()

    return [
        paired("page: units changed", "150 ms", change_units, runs=runs),
        paired("page: code changed", "150 ms", change_code, runs=runs),
    ]


MONTHS, PROVIDERS, PLANS = range(1, 13), range(20), ("Medicare", "Medicaid", "Blue Plan", "Other plan", "Own account")
THERAPY = "97110 97112 97116 97140 97150 97530 97535 97161 97035 G0283"
OFFICE = "99202 99203 99204 99212 99213 99214 99215 G2211 36415 20610"


def practice_csv(opened: OpenSchedule) -> bytes:
    """A practice's year as its system exports it: 20 providers, 12 months, 5 payers, 2 sites, 42 services: 100,800 rows."""
    draw = random.Random(1)
    payable = opened.schedule.table("2025D", "pprrvu").filter(pl.col("status") == "A", pl.col("modifier") == "")
    others = [(code, "") for code in draw.sample(payable["hcpcs"].unique().sort().to_list(), 300)]
    sold = {}
    for provider in PROVIDERS:
        own = [(c, m) for c in THERAPY.split() for m in ("GP", "GP CQ")] if provider % 2 else []
        own += [] if provider % 2 else [(c, m) for c in OFFICE.split() for m in ("", "25")]
        sold[provider] = own + draw.sample(others, 42 - len(own))
    rows = ["CPT,Mod,Qty,Provider,Payer,Location,POS,Month,Charges"]
    for provider in PROVIDERS:
        for month in MONTHS:
            for plan in PLANS:
                for site, pos in (("Main", 11), ("West", 22)):
                    for code, modifier in sold[provider]:
                        units = 1 + int(draw.expovariate(1 / 25))
                        who = f"Provider {provider},{plan},{site},{pos},2025-{month:02}"
                        rows.append(f"{code},{modifier},{units},{who},{units * 120}.00")
    return "\n".join(rows).encode()


# Each lever of the page with the box that moves it, and what it is moved to, run by run; none: it is pulled and let go.
MOVED: dict[str, tuple[str, str, list[Any]]] = {
    "proposed:2027": ("", "", []),
    "floor": ("", "", []),
    "prices": ("selectbox", "what_if_release", ["2024C", "2023C", "2025B", "2022C", "2021C"]),
    "factor": ("text_input", "what_if_factor", ["33.10", "33.20", "33.30", "33.40", "33.50"]),
    "place": ("text_input", "what_if_zip", ["94105", "10001", "60601", "02118", "77002"]),
    "setting": ("button_group", "what_if_setting", []),
    "volume": ("number_input", "what_if_volume", [11.0, 12.0, 13.0, 14.0, 15.0]),
    "assistants": ("number_input", "what_if_assistants", [11.0, 12.0, 13.0, 14.0, 15.0]),
    "group": ("number_input", "what_if_group", [11.0, 12.0, 13.0, 14.0, 15.0]),
}


def practice(opened: OpenSchedule) -> list[Row]:
    """The page *Revenue* on its server with a year of 100,800 rows: from the confirmed columns to the picture, and each lever.

    A lever redraws its own part of the page; what is timed is that part.
    """
    from streamlit.testing.v1 import AppTest

    from feecalc.ui import practice_what_if

    content, redrawn = practice_csv(opened), []
    section = practice_what_if.section

    def clocked(*given: Any) -> None:
        redrawn.append(timed(lambda: section(*given)))

    def fresh() -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.switch_page(str(ROOT / "feecalc" / "ui" / "pages" / "revenue.py")).run()
        app.file_uploader[0].set_value(("year.csv", content, "text/csv")).run()
        return app

    def confirm(app: AppTest) -> None:
        next(button for button in app.button if button.label == "Price these volumes").click().run()
        assert not app.exception, app.exception

    drawn = []
    for _ in range(4):
        app = fresh()
        drawn.append(timed(partial(confirm, app)))
    rows = [_spread("page: 100,800 rows confirmed, priced and drawn", drawn[1:], "2,000 ms")]
    practice_what_if.section = clocked
    try:
        for lever, (kind, key, values) in MOVED.items():
            app.button_group(key="what_if").set_value([lever]).run()
            pulled = redrawn[-1:]
            redrawn.clear()
            for value in values:
                getattr(app, kind)(key=key).set_value(value).run()
                assert not app.exception, app.exception
            rows.append(_spread(f"page: 100,800 rows, lever {lever}", redrawn or pulled, "200 ms"))
            redrawn.clear()
    finally:
        practice_what_if.section = section
    return rows


def _spread(case: str, times: list[float], limit: str) -> Row:
    return Row(case, statistics.median(times), (min(times), max(times)), "", None, None, limit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path, default=ROOT / "bench.json")
    args = parser.parse_args()
    opened = OpenSchedule()
    rows = [
        national_schedule(opened, args.runs),
        *processes(args.runs),
        app_start(args.runs),
        *imports(max(3, args.runs // 2)),
        *calls(opened, args.runs),
        *page(args.runs),
        *practice(opened),
        *edits(args.runs),
        *remittances(opened, max(3, args.runs // 2)),
        *claims_files(max(3, args.runs // 2)),
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
