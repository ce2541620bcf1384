"""Price claim lines with Spark: parquet in, parquet out, the summary on stdout.

    spark-submit examples/spark_job.py CLAIMS OUT [--group-by patient_id,billing_npi] [--partitions 400]

Every machine needs `pip install 'feecalc[spark]'` in the Python that PYSPARK_PYTHON names, and the same releases in its
FEECALC_HOME (docs/scale.md). Without a cluster it runs on this machine:

    python examples/spark_job.py CLAIMS OUT --master 'local[2]'
"""

import argparse
import os
import sys

from pyspark.sql import DataFrame, SparkSession

from feecalc.scale.spark import price_with_spark

SETTINGS = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",  # fewer, larger pieces between Spark and Python
    "spark.executorEnv.POLARS_MAX_THREADS": "1",  # Spark runs a worker on each core; more threads would only wait
}


def summary(priced: DataFrame) -> None:
    """Lines and what is allowed for them, by outcome."""
    priced.groupBy("outcome").agg({"outcome": "count", "allowed": "sum", "unread": "count"}).show()


def main() -> None:
    """Price the lines, write them, and sum them up from what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("claims", help="a parquet file, or a folder of them, that every machine can read")
    parser.add_argument("out", help="a new folder")
    parser.add_argument("--group-by", default="", help="columns that with the date mean one patient's day, for claim_id")
    parser.add_argument("--partitions", type=int, help="how many parts to price apart; by default Spark decides")
    parser.add_argument("--master", help="such as local[2]; by default what spark-submit says")
    args = parser.parse_args()

    builder = SparkSession.builder.appName("feecalc")
    if args.master:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.master(args.master)
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    groups = [name.strip() for name in args.group_by.split(",") if name.strip()]
    price_with_spark(spark.read.parquet(args.claims), group_by=groups, partitions=args.partitions).write.parquet(args.out)
    summary(spark.read.parquet(args.out))
    spark.stop()


if __name__ == "__main__":
    main()
