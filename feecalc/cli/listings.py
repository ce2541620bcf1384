"""`feecalc releases` and `feecalc localities`: what is loaded."""

from pathlib import Path

import click
import polars as pl

from feecalc.cli.options import json_option, out_option, show_table


@click.command("releases")
@json_option
@out_option
def releases_command(as_json: bool, out: Path | None) -> None:
    """List every loaded release with its first day, factor, rows, origin and source file."""
    from feecalc.api import open_schedule

    frame = open_schedule().releases
    if not as_json and out is None:
        frame = frame.with_columns(pl.col("sha256").str.slice(0, 12) + "…")
    show_table(frame, as_json, out)


@click.command("localities")
@click.argument("text", nargs=-1)
@click.option("--release", help="The release, such as 2025D (default: the newest loaded).")
@json_option
@out_option
def localities_command(text: tuple[str, ...], release: str | None, as_json: bool, out: Path | None) -> None:
    """List the payment localities whose key, state, name or counties hold TEXT."""
    from feecalc.api import open_schedule

    frame = open_schedule().localities(release, " ".join(text))
    if not as_json and out is None:
        frame = frame.drop("counties", strict=False)
    if frame.is_empty():
        click.echo(f"No locality matches {' '.join(text)!r}.", err=True)
    show_table(frame, as_json, out)


@click.command("coverage")
@json_option
@out_option
def coverage_command(as_json: bool, out: Path | None) -> None:
    """List every rule with its status, its standing, and the releases that it was verified on."""
    from feecalc.coverage import table

    show_table(table(), as_json, out)
