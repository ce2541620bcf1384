"""Options and output that several commands share."""

import json
import sys
from pathlib import Path
from typing import Any

import click
import polars as pl

out_option = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to FILE: .csv, .parquet or .xlsx by its ending."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
qp_option = click.option("--qp", is_flag=True, help="The clinician is a Qualifying APM Participant (2026 on).")


def print_json(value: Any) -> None:
    """Print a value as JSON; decimals and dates as text, so that money keeps its places."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def show_table(frame: pl.DataFrame, as_json: bool, out: Path | None) -> None:
    """A table to a file, as JSON, or printed whole for a person."""
    if out is not None:
        from feecalc import export

        export.write(frame, out)
        click.echo(f"{frame.height:,} rows written to {out}", err=True)
    elif as_json:
        print_json(frame.to_dicts())
    else:
        click.echo(text_table(frame))


def text_table(frame: pl.DataFrame) -> str:
    """A table as aligned text, every row and column of it."""
    header = list(frame.columns)
    body = [["" if value is None else str(value) for value in row] for row in frame.iter_rows()]
    widths = [max(len(line[i]) for line in [header, *body]) for i in range(len(header))]
    right = [kind.is_numeric() for kind in frame.dtypes]
    aligned = [
        "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True)).rstrip()
        for line in [header, ["-" * w for w in widths], *body]
    ]
    return "\n".join(aligned)


class LinesBar:
    """A progress bar on stderr, only where stderr is a terminal; it begins with the first lines that are done."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.done = 0

    def __enter__(self) -> "LinesBar":
        return self

    def tell(self, done: int, lines: int) -> None:
        """Show how many of the lines are done."""
        if self.bar is None:
            if not sys.stderr.isatty():
                return
            self.bar = click.progressbar(length=lines, label="Pricing", file=sys.stderr)
        self.bar.update(done - self.done)
        self.done = done

    def __exit__(self, *exc: object) -> None:
        if self.bar is not None:
            self.bar.render_finish()
