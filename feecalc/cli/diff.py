"""`feecalc diff`: two releases beside each other. `feecalc history`: one code over all of them."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feecalc.cli.options import json_option, out_option, print_json, qp_option, show_table, text_table
from feecalc.cli.places import Places, place_options
from feecalc.errors import InputError

if TYPE_CHECKING:  # what it needs is imported when the command runs
    from feecalc.analysis.changes import Changes

MOVERS = 6  # to each side of what is printed
SETTINGS = click.Choice(["nonfacility", "facility"], case_sensitive=False)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
FILES = (".xlsx", ".md", ".parquet", ".json")


@click.command("diff")
@click.argument("before")
@click.argument("after")
@click.option(
    "--code", "written", multiple=True, help="A code, span or beginning: 97110, 97110-97150, 971* (again for several)."
)
@click.option(
    "--codes", "listed", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file that lists codes."
)
@click.option(
    "--mix", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Your volumes: what it means for them."
)
@click.option("--column", "chosen", multiple=True, metavar='NAME="COLUMN"', help='Which column of --mix is which: units="Qty".')
@place_options
@click.option("--setting", type=SETTINGS, default="nonfacility", show_default=True)
@qp_option
@json_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to FILE: .xlsx, .md, .parquet or .json.")
def diff_command(
    before: str,
    after: str,
    written: tuple[str, ...],
    listed: Path | None,
    mix: Path | None,
    chosen: tuple[str, ...],
    places: Places,
    setting: str,
    qp: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Show what changed from release BEFORE to release AFTER, such as 2025D 2026C, and what made the changes.

    New and deleted codes, statuses, every RVU and policy indicator, area indexes and factors; what one unit of each code paid
    and pays in the places asked for (default: nationally), split into its causes to the cent. With --mix, what a practice's
    volumes are paid under each.

    Exit code: 0 with an answer, 1 where a code of the list is not known, 2 where the question cannot be understood.
    """
    from feecalc.analysis import changes, code_lists
    from feecalc.analysis.mix import read_mix
    from feecalc.analysis.releases_compare import Question
    from feecalc.api import open_schedule
    from feecalc.cli.practice import chosen_columns

    if out is not None and out.suffix.lower() not in FILES:
        raise InputError(f"{out.name}: the name must end in {', '.join(FILES[:-1])} or {FILES[-1]}.")
    opened = open_schedule()
    first, second = (opened.schedule.release(name.strip().upper()).name for name in (before, after))
    known = {**opened.codes(first), **opened.codes(second)}
    volumes = read_mix(mix, chosen=chosen_columns(chosen, 'units="Qty"')) if mix else None
    codes = code_lists.asked(known, written, listed)
    where = places.of(opened, second)
    question = Question(first, second, codes.codes, where[0], setting.lower(), qp)
    told = changes.of(opened, question, where, codes.words, mix=volumes)
    if out is not None:
        _write(told, out)
        click.echo("\n".join([*told.headlines, *told.effect_lines, f"Written to {out}"]), err=True)
    elif as_json:
        print_json(told.as_dict())
    else:
        click.echo("\n".join(_card(told)))
    for said in codes.told:
        click.echo(f"feecalc: {said}", err=True)
    sys.exit(1 if codes.told else 0)


def _write(told: "Changes", out: Path) -> None:
    """The file that its ending asks for."""
    from feecalc import export, paths
    from feecalc.notices import NOTICES

    ending = out.suffix.lower()
    if ending == ".xlsx":
        export.write_book(told.sheets(), out, [*told.notes, *NOTICES])
    elif ending == ".parquet":
        export.write(told.long, out)
    else:
        if not out.parent.is_dir():
            raise InputError(f"{out.parent} is not a folder; nothing was written.")
        text = told.markdown() if ending == ".md" else json.dumps(told.as_dict(), indent=2, default=str).encode()
        with paths.new_file(out) as scratch:
            scratch.write_bytes(text)


def _card(told: "Changes") -> list[str]:
    """The answer as a person reads it."""
    import polars as pl

    from feecalc.analysis.change import LABELS
    from feecalc.money import decimals, dollars, to_dollars

    said = [*told.headlines, *told.effect_lines, *filter(None, [told.beside]), told.factor_line]
    for found in told.founds:
        place = f" ({found.question.place})" if len(told.founds) > 1 else ""
        if found.causes:
            causes = [(LABELS[cause], to_dollars(cents)) for cause, cents in found.causes.items()]
            total = ("Together", to_dollars(sum(found.causes.values())))
            table = pl.DataFrame([*causes, total], ["one unit of every code", "dollars"], orient="row")
            said += ["", f"What made the changes{place}:", text_table(table)]
        movers = found.movers(MOVERS, "tenths")
        if movers.height:
            shown = movers.select(
                pl.concat_str("hcpcs", "modifier", separator=" ").str.strip_chars().alias("code"),
                *(dollars(pl.col(f"paid_{side}")).alias(when) for side, when in (("0", "before"), ("1", "after"))),
                dollars(pl.col("change")).alias("change"),
                decimals(pl.col("tenths"), 1).alias("%"),
            )
            said += ["", f"Most up and most down{place}:", text_table(shown)]
    counted = [(name, f"{table.height:,}") for name, table in told.tables.items()]
    said += ["", "Rows that differ (--out FILE.xlsx, .md, .parquet or .json has all of them):"]
    return [*said, *(f"  {name}: {count}" for name, count in counted)]


@click.command("history")
@click.argument("code")
@click.option("--modifier", default="", help="26, TC or 53: the code's own row of that modifier.")
@place_options
@click.option("--setting", type=SETTINGS, default="nonfacility", show_default=True)
@qp_option
@json_option
@out_option
def history_command(code: str, modifier: str, places: Places, setting: str, qp: bool, as_json: bool, out: Path | None) -> None:
    """Show what one unit of CODE paid in every loaded release, with the RVUs, status and factor behind it.

    Exit code: 0 with an answer, 1 where no loaded release has the code, 2 where the question cannot be understood.
    """
    from feecalc.analysis import code_history
    from feecalc.api import open_schedule

    opened = open_schedule()
    where = places.of(opened, opened.schedule.newest.name)
    if len(where) > 1:
        raise InputError("Give one place: a history is of one.")
    table = code_history.table(opened, code.strip().upper(), modifier.strip().upper(), where[0], setting.lower(), qp)
    if table["status"].null_count() == table.height:
        near = opened.near(code.strip().upper(), opened.schedule.newest.name)
        meant = f" Near it: {', '.join(near)}." if near else ""
        click.echo(f"feecalc: no loaded release has {code}{' ' + modifier if modifier else ''}.{meant}", err=True)
        sys.exit(1)
    show_table(table, as_json, out)
