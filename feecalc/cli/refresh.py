"""`feecalc refresh`: the schedule brought up to date from CMS."""

import logging
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feecalc.cli.options import json_option, print_json

if TYPE_CHECKING:
    from feecalc.cms.download import Progress

WIDTH, SHORTEST = 30, 6  # characters of a bar
FIGURES = 29  # characters of sizes and rate: 12.3 MB of 21.0 MB  10.2 MB/s
WIDEST = 160  # columns where there is no terminal
AGAIN = 0.1  # seconds before a bar is drawn again


@click.command("refresh")
@click.option("--year", "years", type=int, multiple=True, help="All releases of a calendar year (again for several).")
@click.option("--release", "releases", multiple=True, help="One release, such as 2026D (again for several).")
@click.option("--ncci", is_flag=True, help="The newest NCCI tables too: pairs, unit limits, add-on codes.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, and fetch nothing.")
@click.option("--accept-terms", is_flag=True, help="Accept the terms of CMS and the AMA; recorded once, in the data folder.")
@click.option("--accept-changed", is_flag=True, help="Take a file that is not the one that feecalc knows by its address.")
@click.option("--from", "base", metavar="BASE_URL", help="Fetch below this address, not https://www.cms.gov (FEECALC_CMS_URL).")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="The data folder (FEECALC_HOME).")
@json_option
def refresh_command(
    years: tuple[int, ...],
    releases: tuple[str, ...],
    ncci: bool,
    dry_run: bool,
    accept_terms: bool,
    accept_changed: bool,
    base: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Fetch from CMS what is not loaded yet, check it, and let it serve; ask whether what was fetched has been posted anew.

    Without --year and --release: every release that is missing since the first loaded year, and the newest ZIP file.
    Every file is checked before it serves: its layout, totals, places and row counts, and against CMS's own payment amounts to
    the cent where CMS publishes them. A file that fails changes nothing. Older releases, and older postings, are kept.
    Exit code 0 when nothing failed, 1 when a file did.
    """
    from feecalc import paths
    from feecalc.analysis import refresh
    from feecalc.cms.download import Client

    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what it tries again is no news; what fails is told
    wanted = refresh.Wanted.of(years, releases, ncci)
    home = data_dir.expanduser() if data_dir else paths.home()
    bars = Bars()
    client = Client(base, progress=bars.show)
    if accept_terms and not refresh.accepted(home):
        refresh.accept_terms(home)
        click.echo(f"The terms are accepted; recorded in {refresh.terms_file(home)}", err=True)
    report = refresh.refresh(
        wanted, client=client, home=home, dry_run=dry_run, take_changed=accept_changed, tell=None if as_json else bars.say
    )
    if as_json:
        print_json(report.as_dict())
    else:
        for note in report.notes:
            click.echo(f"note: {note}", err=True)
        for outcome in report.outcomes:
            click.echo(str(outcome))
        if not report.outcomes:
            click.echo("Everything that CMS lists is loaded.")
    sys.exit(1 if report.failed else 0)


class Bars:
    """Progress on stderr: a bar that moves on a terminal, a line for each file elsewhere."""

    def __init__(self) -> None:
        self._moves = sys.stderr.isatty()
        self._open = False
        self._drawn = 0.0

    def show(self, step: "Progress") -> None:
        """Draw how far a file is."""
        whole = step.total is not None and step.received >= step.total
        if not whole and (not self._moves or time.monotonic() - self._drawn < AGAIN):
            return
        self._drawn = time.monotonic()
        if self._moves:
            columns = shutil.get_terminal_size().columns - 1
            click.echo("\r" + line(step, columns).ljust(columns), nl=whole, err=True)
            self._open = not whole
        else:
            click.echo(line(step, WIDEST), err=True)

    def say(self, line: str) -> None:
        """A line of its own, below a bar that stopped."""
        if self._open:
            click.echo("", err=True)
            self._open = False
        click.echo(line, err=True)


def line(step: "Progress", columns: int) -> str:
    """A file's name, bar, sizes and rate in so many columns: first the bar gives way, then the name."""
    whole = step.total is not None and step.received >= step.total
    of_all = f" of {size(step.total)}" if step.total and not whole else ""
    figures = f"{size(step.received)}{of_all}  {size(int(step.rate))}/s"
    # As wide whatever the figures, so that the bar of a file does not jump.
    room = columns - len(f"  {step.name}  {bar(0, 1, 0)}  ") - FIGURES
    name = step.name if room >= SHORTEST else f"{step.name[: max(len(step.name) + room - SHORTEST - 1, 8)]}…"
    return f"  {name}  {bar(step.received, step.total, max(SHORTEST, min(WIDTH, room)))}  {figures}"[:columns]


def bar(received: int, total: int | None, width: int = WIDTH) -> str:
    """A bar of so many characters with its percentage; only dots where the whole is not known."""
    if not total:
        return "[" + "." * width + "]"
    done = min(width, width * received // total)
    return f"[{'#' * done}{'-' * (width - done)}] {100 * received // total:3d} %"


def size(count: int) -> str:
    """A count of bytes for a person."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
