"""Spark's answers are those of one process, row for row. Needs the extra [spark] and Java 17 or newer."""

import datetime as dt
import os
import shutil
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from ill_lines import ill_lines

from feecalc.claims import reprice
from feecalc.errors import InputError
from feecalc.pricing.lines import ADDED
from feecalc.scale import spark as scale
from feecalc.scale.spark import UNREAD, price_with_spark

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def spark():
    """A Spark of two cores in this process, whose workers are this Python."""
    if not shutil.which("java"):
        pytest.skip("Spark needs Java 17 or newer: install openjdk-17-jre-headless")
    sql = pytest.importorskip("pyspark.sql", reason="Spark is not installed: pip install 'feecalc[spark]'")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    session = sql.SparkSession.builder.master("local[2]")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "40",
    }.items():
        session = session.config(name, value)
    running = session.getOrCreate()
    running.sparkContext.setLogLevel("OFF")
    yield running
    running.stop()


def test_every_row_is_priced_as_in_one_process(spark, opened, tmp_path):
    """Also the rows that are ill, of claims that lie scattered, with columns that pricing does not know."""
    lines = ill_lines(opened.schedule).with_columns(
        line=pl.int_range(pl.len()).cast(pl.String),
        seen=pl.lit(dt.datetime(2026, 1, 2, 3, 4, 5)),
        codes=pl.concat_list("hcpcs", "note"),
        paid=pl.lit(Decimal("12.30"), dtype=pl.Decimal(12, 3)),
    )
    lines.write_parquet(tmp_path / "claims.parquet")
    summary = reprice(tmp_path / "claims.parquet", tmp_path / "whole.parquet", opened)
    frame = spark.read.parquet(str(tmp_path / "claims.parquet"))
    priced = price_with_spark(frame, opened, partitions=3, batch=100)
    assert priced.schema[: len(frame.schema)] == frame.schema
    assert [field.name for field in priced.schema[len(frame.schema) :]] == [*ADDED, UNREAD]
    priced.write.parquet(str(tmp_path / "priced"))

    files = sorted((tmp_path / "priced").glob("*.parquet"))
    assert len(files) >= 3
    found = pl.concat(map(pl.read_parquet, files)).sort(pl.col("line").cast(int))
    whole = pl.read_parquet(tmp_path / "whole.parquet")
    assert whole["seen"].dtype == pl.Datetime("us")
    found = found.with_columns(seen=found["seen"].dt.replace_time_zone(None))  # Spark says of its times that they are UTC
    texts = [name for name, kind in whole.schema.items() if kind == pl.String]
    assert found.drop(UNREAD).with_columns(pl.col(texts).cast(pl.String)).equals(whole)

    rejects = pl.read_csv(summary.rejects, infer_schema=False)
    said = rejects.group_by("row", maintain_order=True).agg(pl.format("{}: {}", "column", "reason").str.join("; "))
    unread = found.with_row_index("row", 1).filter(pl.col(UNREAD).is_not_null())
    assert unread["row"].cast(pl.String).to_list() == said["row"].to_list()
    assert unread[UNREAD].to_list() == said["column"].to_list()
    assert summary.rejected_lines == unread.height > 5


def test_claims_by_other_columns_and_without_any(spark, opened, tmp_path):
    lines = ill_lines(opened.schedule, claims=60, seed=5).with_columns(line=pl.int_range(pl.len()).cast(pl.String))
    several = lines.with_columns(patient=pl.col("claim_id").str.slice(-1), npi=pl.col("hcpcs").str.slice(0, 1)).drop("claim_id")
    several.write_parquet(tmp_path / "claims.parquet")
    frame = spark.read.parquet(str(tmp_path / "claims.parquet"))
    for group_by in (["patient", "npi"], []):
        reprice(tmp_path / "claims.parquet", tmp_path / "whole.parquet", opened, group_by=group_by)
        rows = price_with_spark(frame, group_by=group_by, batch=50).select("line", "outcome", "allowed", "flags").collect()
        whole = pl.read_parquet(tmp_path / "whole.parquet").select("line", "outcome", "allowed", "flags")
        assert sorted(map(tuple, rows)) == sorted(whole.rows())


def test_what_cannot_be_priced_is_said_before_any_work(spark, opened):
    frame = spark.createDataFrame([("99213", "x")], "hcpcs string, Allowed string")
    with pytest.raises(InputError, match="Rename these columns first, feecalc writes them itself: Allowed"):
        price_with_spark(frame, opened)
    with pytest.raises(InputError, match="no column 'hcpcs'"):
        price_with_spark(frame.drop("hcpcs"), opened)


def test_a_worker_with_other_releases_refuses(spark, opened, monkeypatch):
    monkeypatch.setattr(scale, "fingerprint", lambda schedule: "of another schedule")
    priced = price_with_spark(spark.createDataFrame([("99213",)], "hcpcs string"), opened)
    with pytest.raises(Exception, match="This Spark worker has other releases"):
        priced.collect()
