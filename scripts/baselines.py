"""What feecalc's speed is held against: the same claims priced as people do it today, each in a process of its own.

    python scripts/baselines.py duckdb|pandas|python|second|spark CLAIMS.parquet OUT.parquet

The first three do the base formula and the therapy reduction alone, with coinsurance and sequestration: no other modifier, no
surgery or imaging rule, no reason why a line is not priced. That is less than feecalc does. DuckDB writes the columns that
feecalc writes, in the same types. `second` is the plain Python pricer of the tests, which does every rule; `spark` is feecalc
in Spark on two cores. Prints seconds and peak memory.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
from measure import ROOT, peak

from feecalc import policy
from feecalc.schedule import Schedule

RVUS = ("work", "pe_nonfacility", "pe_facility", "mp")
WRITTEN = ("fee", "allowed", "coinsurance", "medicare_share", "sequestration", "received")


def tables() -> dict[str, pl.DataFrame]:
    """The built-in schedule as three plain tables: days, rows without modifier, and GPCIs; integers as feecalc holds them."""
    schedule = Schedule.open()
    everything = schedule.tables(zips=False)
    settings = {code: entry["setting"] for code, entry in policy.load("places_of_service")["pos"].items()}
    return {
        "days": schedule.days.select("date", "release", "factor"),
        "rows": everything.rows.filter(pl.col("modifier") == "", pl.col("status").is_in(["A", "R", "T"])).select(
            "release", "hcpcs", "mult_proc", *(pl.col(name).cast(pl.Int64) for name in RVUS)
        ),
        "gpci": everything.gpci.select("release", "mac", "locality", "gpci_work", "gpci_pe", "gpci_mp"),
        "facilities": pl.DataFrame({"pos": [code for code, setting in settings.items() if setting == "facility"]}),
    }


SQL = """
COPY (
  WITH found AS (
    SELECT c.*, d.release, r.mult_proc = '5' AS therapy, r.pe_nonfacility AS key, d.factor,
      r.work * g.gpci_work + r.mp * g.gpci_mp AS fixed,
      (CASE WHEN f.pos IS NULL THEN r.pe_nonfacility ELSE r.pe_facility END) * g.gpci_pe AS expense
    FROM read_parquet('{claims}') c
    LEFT JOIN days d ON d.date = c.service_date
    LEFT JOIN rows r ON r.release = d.release AND r.hcpcs = c.hcpcs
    LEFT JOIN gpci g ON g.release = d.release AND g.mac = c.mac AND g.locality = c.locality
    LEFT JOIN facilities f ON f.pos = c.pos
  ), fees AS (
    SELECT *, ((fixed + expense) * factor + 5000000) // 10000000 AS fee,
      ((fixed * 2 + expense) * factor + 10000000) // 20000000 AS later
    FROM found
  ), ranked AS (
    SELECT *, CASE WHEN therapy THEN
      row_number() OVER (PARTITION BY claim_id, service_date, therapy ORDER BY key DESC, fee DESC, line) END AS place
    FROM fees
  ), paid AS (
    SELECT * EXCLUDE (therapy, key, fixed, expense, later, place),
      CASE WHEN place IS NULL THEN fee * units WHEN place = 1 THEN fee + (units - 1) * later ELSE units * later END AS allowed,
      CASE WHEN therapy AND (place > 1 OR units > 1) THEN 'therapy_reduced' ELSE '' END AS flags
    FROM ranked
  ), shared AS (
    SELECT *, (allowed * 20 + 50) // 100 AS coinsurance, allowed - (allowed * 20 + 50) // 100 AS medicare_share FROM paid
  ), settled AS (
    SELECT *, (medicare_share * 2 + 50) // 100 AS sequestration,
      coinsurance + medicare_share - (medicare_share * 2 + 50) // 100 AS received
    FROM shared
  )
  SELECT * EXCLUDE (release, factor, fee, allowed, flags, coinsurance, medicare_share, sequestration, received),
    CASE WHEN fee IS NULL THEN 'cannot_price' ELSE 'priced' END AS outcome,
    CASE WHEN fee IS NULL THEN 'not in the schedule' END AS reason,
    release, CAST(CAST(factor AS DECIMAL(14, 0)) * 0.0001 AS DECIMAL(18, 4)) AS conversion_factor,
    {dollars}, CAST(0 AS DECIMAL(18, 2)) AS deductible, flags
  FROM settled
) TO '{out}' (FORMAT parquet, COMPRESSION lz4_raw)
"""


# Cents as dollars: a product of decimals, which is exact, where a quotient would be a float.
DOLLARS = ", ".join(f"CAST(CAST({name} AS DECIMAL(16, 0)) * 0.01 AS DECIMAL(18, 2)) AS {name}" for name in WRITTEN)


def with_duckdb(claims: Path, out: Path) -> Callable[[], None]:
    """One SQL statement, from file to file, on every core."""
    import duckdb

    base = duckdb.connect()
    for name, table in tables().items():
        base.register(f"_{name}", table.to_arrow())
        base.execute(f"CREATE TABLE {name} AS SELECT * FROM _{name}")
    base.execute("SET preserve_insertion_order = true")
    return lambda: base.execute(SQL.format(claims=claims, out=out, dollars=DOLLARS)) and None


def with_pandas(claims: Path, out: Path) -> Callable[[], None]:
    """Merges and a group-by, the whole file in memory."""
    import numpy as np
    import pandas as pd

    days, rows, gpci, facilities = (table.to_pandas() for table in tables().values())
    days["date"] = pd.to_datetime(days["date"])

    def run() -> None:
        frame = pd.read_parquet(claims)
        frame["service_date"] = pd.to_datetime(frame["service_date"])
        frame = frame.merge(days, how="left", left_on="service_date", right_on="date")
        frame = frame.merge(rows, how="left", on=["release", "hcpcs"]).merge(
            gpci, how="left", on=["release", "mac", "locality"]
        )
        pe = np.where(frame["pos"].isin(facilities["pos"]), frame["pe_facility"], frame["pe_nonfacility"])
        fixed = frame["work"] * frame["gpci_work"] + frame["mp"] * frame["gpci_mp"]
        expense = pe * frame["gpci_pe"]
        frame["fee"] = ((fixed + expense) * frame["factor"] + 5_000_000) // 10_000_000
        later = ((fixed * 2 + expense) * frame["factor"] + 10_000_000) // 20_000_000
        therapy = frame["mult_proc"] == "5"
        ordered = frame[therapy].sort_values(
            ["claim_id", "service_date", "pe_nonfacility", "fee", "line"], ascending=[True, True, False, False, True]
        )
        first = ordered.groupby(["claim_id", "service_date"]).head(1).index
        frame["allowed"] = np.where(therapy, later * frame["units"], frame["fee"] * frame["units"])
        frame.loc[first, "allowed"] += frame.loc[first, "fee"] - later[first]
        frame["coinsurance"] = (frame["allowed"] * 20 + 50) // 100
        frame["medicare_share"] = frame["allowed"] - frame["coinsurance"]
        frame["sequestration"] = (frame["medicare_share"] * 2 + 50) // 100
        frame["received"] = frame["allowed"] - frame["sequestration"]
        kept = ["claim_id", "line", "service_date", "hcpcs", "units", "modifiers", "pos", "mac", "locality", *WRITTEN]
        frame[kept].to_parquet(out)

    return run


def with_python(claims: Path, out: Path) -> Callable[[], None]:
    """Line by line, with dictionaries and Decimal."""
    found = tables()
    days = {day: (release, factor) for day, release, factor in found["days"].iter_rows()}
    rows = {(release, code): figures for release, code, *figures in found["rows"].iter_rows()}
    gpci = {tuple(key): figures for *key, a, b, c in found["gpci"].iter_rows() for figures in [(a, b, c)]}
    facilities = set(found["facilities"]["pos"])
    cent = Decimal("0.01")

    def cents(amount: Decimal) -> Decimal:
        return amount.quantize(cent, ROUND_HALF_UP)

    def line(claim_line: dict[str, Any]) -> dict[str, Any]:
        """The line with its fee, its reduced fee, and what ranks it."""
        release, factor = days[claim_line["service_date"]]
        figures, place = (
            rows.get((release, claim_line["hcpcs"])),
            gpci.get((release, claim_line["mac"], claim_line["locality"])),
        )
        if figures is None or place is None:
            return {**claim_line, "fee": None}
        mult_proc, work, pe_office, pe_facility, mp = figures
        pe = Decimal(pe_facility if claim_line["pos"] in facilities else pe_office) / 100 * Decimal(place[1]) / 1000
        rest = Decimal(work) / 100 * Decimal(place[0]) / 1000 + Decimal(mp) / 100 * Decimal(place[2]) / 1000
        cf = Decimal(factor) / 10000
        later = cents((rest + pe / 2) * cf)
        return {**claim_line, "fee": cents((rest + pe) * cf), "later": later, "key": pe_office, "therapy": mult_proc == "5"}

    def claim(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        priced = [line(one) for one in lines]
        therapy = [one for one in priced if one["fee"] is not None and one["therapy"]]
        first = max(therapy, key=lambda one: (one["key"], one["fee"], -one["line"]), default=None)
        for one in priced:
            if one["fee"] is None:
                yield {**one, **dict.fromkeys(WRITTEN[1:])}
                continue
            ahead = 1 if one is first or not one["therapy"] else 0
            rest = (one["units"] - ahead) * (one["later"] if one["therapy"] else one["fee"])
            allowed = one["fee"] * ahead + rest
            coinsurance = cents(allowed * 20 / 100)
            sequestration = cents((allowed - coinsurance) * 2 / 100)
            yield {
                **one,
                "allowed": allowed,
                "coinsurance": coinsurance,
                "medicare_share": allowed - coinsurance,
                "sequestration": sequestration,
                "received": allowed - sequestration,
            }

    def run() -> None:
        lines = pl.read_parquet(claims)
        by_day = groupby(lines.iter_rows(named=True), key=lambda one: (one["claim_id"], one["service_date"]))
        answers = [one for _, group in by_day for one in claim(list(group))]
        pl.DataFrame(answers, infer_schema_length=None).select(*lines.columns, *WRITTEN).write_parquet(out)

    return run


def with_second_pricer(claims: Path, out: Path) -> Callable[[], None]:
    """Claim by claim with dictionaries and fractions, every rule: the tests' second pricer."""
    sys.path.insert(0, str(ROOT / "tests"))
    from reference.pricer import Reference

    reference = Reference(Schedule.open())

    def run() -> None:
        lines = pl.read_parquet(claims)
        answers = [{name: result[name] for name in ("outcome", *WRITTEN)} for result in reference.price(lines.to_dicts())]
        lines.hstack(pl.DataFrame(answers, infer_schema_length=None)).write_parquet(out)

    run()  # its tables are read at first use
    return run


def with_spark(claims: Path, out: Path) -> Callable[[], None]:
    """feecalc by Spark on two cores, as examples/spark_job.py runs it; starting Spark is not counted."""
    from pyspark.sql import SparkSession

    from feecalc.scale.spark import price_with_spark

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for name, value in {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "3g",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
        "spark.executorEnv.POLARS_MAX_THREADS": "1",
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.range(10).count()
    return lambda: price_with_spark(spark.read.parquet(str(claims))).write.parquet(str(out))


if __name__ == "__main__":
    prepare = {
        "duckdb": with_duckdb,
        "pandas": with_pandas,
        "python": with_python,
        "second": with_second_pricer,
        "spark": with_spark,
    }[sys.argv[1]]
    run = prepare(Path(sys.argv[2]), Path(sys.argv[3]))
    start = time.perf_counter()
    run()
    print(time.perf_counter() - start, peak())
