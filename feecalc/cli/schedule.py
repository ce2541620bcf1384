"""`feecalc schedule`: fee schedules as files, for releases, places and codes, in the layout that another system wants."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from feecalc.cli.options import qp_option
from feecalc.cli.places import Places, place_options
from feecalc.errors import InputError

if TYPE_CHECKING:  # what it needs is imported when the command runs
    import polars as pl

    from feecalc.analysis.code_lists import Asked
    from feecalc.analysis.releases_export import Wanted
    from feecalc.api import OpenSchedule

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
SETTINGS = ("nonfacility", "facility")
AMOUNTS = ("allowed", "fee", "therapy", "nonpar", "limiting")
ROUNDINGS = ("cent", "nickel", "dollar", "dollar_up", "five_up")
LAYOUTS = ("long", "places", "releases", "settings", "import", "import-dated", "import-settings")


@click.command("schedule")
@click.option("--release", "releases", multiple=True, help="A release, such as 2025D (again for several; default: the newest).")
@place_options
@click.option("--all-localities", is_flag=True, help="Every locality.")
@click.option("--code", "written", multiple=True, help="A code, span or beginning: 97110-97150, 971* (or several).")
@click.option("--codes", "listed", type=EXISTING, help="A file that lists codes.")
@click.option("--setting", "settings", type=click.Choice(SETTINGS), multiple=True, help="A setting (default: both).")
@click.option(
    "--amount", "amounts", type=click.Choice(AMOUNTS), multiple=True, help="Which amounts (default with a layout: allowed)."
)
@click.option("--percent", help="Percent of Medicare, such as 120 or 112.5.")
@click.option("--round", "rounding", type=click.Choice(ROUNDINGS), help="What amounts are rounded to (default: cent).")
@click.option("--layout", type=click.Choice(LAYOUTS), help="How the file is laid out; import...: for billing software.")
@qp_option
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help=".csv, .parquet or .xlsx; or a new FOLDER/ of Parquet files."
)
def schedule_command(
    releases: tuple[str, ...],
    places: Places,
    all_localities: bool,
    written: tuple[str, ...],
    listed: Path | None,
    settings: tuple[str, ...],
    amounts: tuple[str, ...],
    percent: str | None,
    rounding: str | None,
    layout: str | None,
    qp: bool,
    out: Path,
) -> None:
    """Write one row per code, modifier, MAC and locality: every row of status A, R or T that has RVUs.

    nonfacility and facility are the amounts before the OPPS cap, as in CMS's files; the non-participating and limiting
    amounts start from the lower of fee and cap. With --setting, --amount, --percent, --round or --layout the file holds the
    amounts asked for; "allowed" is the lower of fee and cap.

    Exit code: 0 with a file, 1 where a code of the list is not known (the file holds the others), 2 where nothing was written.
    """
    from feecalc.analysis import code_lists, releases_export
    from feecalc.analysis.releases_export import ALL_PLACES
    from feecalc.api import open_schedule

    opened = open_schedule()
    names = tuple(dict.fromkeys(opened.schedule.release(name.strip().upper()).name for name in releases))
    names = names or (opened.schedule.newest.name,)
    if all_localities and places.given:
        raise InputError("Give either --all-localities or single places.")
    where = (ALL_PLACES,) if all_localities else tuple(place.key for place in places.of(opened, names[-1]))
    known = {code: "" for name in names for code in opened.codes(name)}
    codes = code_lists.asked(known, written, listed)
    shaped = bool(settings or amounts or percent or rounding or layout)
    wanted = releases_export.Wanted(
        releases=names,
        places=where,
        settings=tuple(name for name in SETTINGS if not settings or name in settings),
        amounts=tuple(name for name in AMOUNTS if name in (amounts or ("allowed",))),
        codes=codes.codes,
        percent=releases_export.percent(percent or "100"),
        rounding=rounding or "cent",
        layout=layout or "long",
        qp=qp,
    )
    if not out.suffix or str(out).endswith("/"):
        _write_folder(opened, wanted if shaped or codes.codes else None, wanted, out)
    else:
        _write_file(opened, wanted, shaped, codes, out)
    for said in (*codes.told, *releases_export.without_amount(opened, wanted)):
        click.echo(f"feecalc: {said}", err=True)
    if codes.told:
        raise SystemExit(1)


def _write_folder(opened: "OpenSchedule", shaped: "Wanted | None", wanted: "Wanted", out: Path) -> None:
    from feecalc.analysis import releases_export

    if shaped is None and wanted.places != (releases_export.ALL_PLACES,):
        shaped = wanted
    if shaped is not None and shaped.layout != "long":
        raise InputError("A folder of Parquet files has the layout long; other layouts are written to one file.")
    rows = releases_export.write_parts(opened, shaped, wanted.releases, out, wanted.qp)
    click.echo(f"{rows:,} rows of {_of(wanted)} written to {out}", err=True)


def _write_file(opened: "OpenSchedule", wanted: "Wanted", shaped: bool, codes: "Asked", out: Path) -> None:
    from feecalc import export
    from feecalc.analysis import releases_export

    if out.suffix.lower() not in (".csv", ".parquet", ".xlsx"):
        raise InputError(f"{out.name}: the name must end in .csv, .parquet or .xlsx; a folder has no ending.")
    frame = releases_export.build(opened, wanted) if shaped else _whole(opened, wanted)
    if frame.is_empty():
        raise InputError(f"None of these codes has a fee schedule amount in {_of(wanted)}; nothing was written.")
    notes = releases_export.notes(opened, wanted, codes.words)
    if not shaped:  # every amount, under the names of CMS's own files
        said = "US dollars for one unit; nonfacility and facility are before the OPPS cap"
        notes = [(name, said if name == "Amounts" else text) for name, text in notes if name != "Percent of Medicare"]
    factors = [
        (f"Conversion factor of {name}", str(opened.schedule.release(name).manifest["conversion_factor"]))
        for name in wanted.releases
    ]
    export.write(frame, out, [*notes, *([] if wanted.qp else factors)])
    click.echo(f"{frame.height:,} rows of {_of(wanted)} written to {out}", err=True)


def _whole(opened: "OpenSchedule", wanted: "Wanted") -> "pl.DataFrame":
    """Every amount of the fee schedule, in the order of MAC, locality, code and modifier."""
    import polars as pl

    frames = [opened.fee_schedule(release, place, wanted.qp) for release in wanted.releases for place in wanted.places]
    frame = pl.concat(frames)
    return frame if wanted.codes is None else frame.filter(pl.col("hcpcs").is_in(list(wanted.codes)))


def _of(wanted: "Wanted") -> str:
    return f"release {wanted.releases[0]}" if len(wanted.releases) == 1 else f"{len(wanted.releases)} releases"
