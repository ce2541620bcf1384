"""`feecalc scale`: a claims file in parts, priced one by one anywhere, and put together again."""

import re
import sys
from pathlib import Path

import click

from feecalc.cli.options import LinesBar


@click.group("scale")
def scale_command() -> None:
    """Price a claims file in buckets of whole claims, on as many machines as there are: split, price, join."""


@scale_command.command("split")
@click.argument("claims", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--buckets", type=click.IntRange(1), required=True, help="How many parts: some 5 to 20 million lines each.")
@click.option(
    "--group-by",
    metavar="COLUMNS",
    help="Columns that, with the date, mean one patient's day with one practitioner, in place of claim_id: "
    "patient_id,billing_npi",
)
def split_command(claims: Path, into: Path, buckets: int, group_by: str | None) -> None:
    """Deal the lines of CLAIMS (.csv, .parquet or .xlsx) into buckets; all lines of a claim lie in one."""
    from feecalc.scale.buckets import split

    made = split(claims, into, buckets, group_by=[name.strip() for name in (group_by or "").split(",") if name.strip()])
    fewest, most = min(made.lines), max(made.lines)
    click.echo(
        "\n".join([f"{made.rows:,} lines in {buckets:,} buckets of {fewest:,} to {most:,}: {into}", *made.notes]), err=True
    )


class _Bucket(click.ParamType[tuple[int, int]]):
    """3/16: the third of sixteen buckets."""

    name = "i/n"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The bucket and how many there are."""
        found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no bucket such as 3/16, the third of sixteen.", param, ctx)
        return int(found[1]), int(found[2])


@scale_command.command("price")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--bucket", type=_Bucket(), required=True, help="Which bucket of how many: 1/16 is the first of sixteen.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder of the priced buckets."
)
def price_command(folder: Path, bucket: tuple[int, int], out: Path) -> None:
    """Price one bucket of FOLDER. A bucket that is priced again is replaced.

    Exit code: 0 where the bucket is priced, values that cannot be read or not; 2 where it cannot be.
    """
    from feecalc.api import open_schedule
    from feecalc.scale.priced import price_bucket

    with LinesBar() as bar:
        summary = price_bucket(folder, *bucket, out, open_schedule(), progress=bar.tell)
    click.echo(f"Bucket {bucket[0]}/{bucket[1]}: {summary.text()}", err=True)


@scale_command.command("join")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--priced",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The folder of the priced buckets.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help=".csv, .parquet or .xlsx")
def join_command(folder: Path, priced: Path, out: Path) -> None:
    """Put the priced buckets of FOLDER together: the file, rejects and summary that `feecalc reprice` gives.

    Exit code: 0, 1 where values could not be read, 2 where buckets are missing.
    """
    from feecalc.scale.joined import join

    with LinesBar() as bar:
        summary = join(folder, priced, out, bar.tell)
    click.echo(f"{summary.text()}\nWritten to {out}", err=True)
    sys.exit(1 if summary.rejects else 0)
