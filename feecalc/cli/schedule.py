"""`feecalc schedule`: a release's fee schedule as a file."""

from pathlib import Path

import click

from feecalc.cli.options import qp_option
from feecalc.errors import InputError


@click.command("schedule")
@click.option("--release", help="The release, such as 2025D (default: the newest loaded).")
@click.option("--locality", help="MAC and locality, such as 10112-00.")
@click.option("--all-localities", is_flag=True, help="Every locality.")
@click.option("--national", is_flag=True, help="The national amounts (the default).")
@qp_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help=".csv, .parquet or .xlsx")
def schedule_command(
    release: str | None, locality: str | None, all_localities: bool, national: bool, qp: bool, out: Path
) -> None:
    """Write one row per code, modifier, MAC and locality: every row of status A, R or T that has RVUs.

    nonfacility and facility are the amounts before the OPPS cap, as in CMS's files; the non-participating and limiting
    amounts start from the lower of fee and cap.
    """
    from feecalc import export
    from feecalc.api import open_schedule

    if sum([locality is not None, all_localities, national]) > 1:
        raise InputError("Give one of --locality, --all-localities and --national.")
    opened = open_schedule()
    serving = opened.schedule.release(release) if release else opened.schedule.newest
    frame = opened.fee_schedule(serving.name, "all" if all_localities else locality, qp)
    notes = [
        ("Release", serving.name),
        ("In force from", serving.effective.isoformat()),
        ("Conversion factor", "for Qualifying APM Participants" if qp else str(serving.manifest["conversion_factor"])),
        *((f"Source: {s['file']}", f"sha256 {s['sha256']}") for s in serving.sources),
        ("Amounts", "US dollars for one unit; nonfacility and facility are before the OPPS cap"),
    ]
    export.write(frame, out, notes)
    click.echo(f"{frame.height:,} rows of release {serving.name} written to {out}", err=True)
