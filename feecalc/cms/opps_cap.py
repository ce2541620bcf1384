"""OPPS cap prices of imaging: one row per HCPCS, modifier, MAC and locality, in cents."""

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.checks import bad_rows, duplicates, many
from feecalc.cms.decode import decode
from feecalc.cms.raw import read_raw
from feecalc.cms.table import Table
from feecalc.cms.tabular import ROW
from feecalc.columns import OPPS_CAP
from feecalc.errors import Problem, RejectedError

# Southern California changed its carrier from 01112 to 01182; CMS still prints the lines of its localities under both.
FORMER, PRESENT = "01112", "01182"
KEY = ["hcpcs", "modifier", "mac", "locality"]


def read_opps_cap(member: Member, places: set[tuple[str, str]] | None = None) -> Table:
    """Read an OPPSCAP file. `places` are the (MAC, locality) pairs of the release's GPCI file.

    A line at none of these places is left out if it stands under the former carrier 01112 and has a twin (same code,
    modifier, locality and prices) under 01182; a note says how many. Any other unknown place is a problem. Without
    `places` every line is kept. Raises RejectedError with every bad row. Source: CMS, OPPSCAP files of 2020 to 2025.
    """
    raw = read_raw(member, "opps_cap")
    decoded = decode(raw)
    frame = decoded.frame
    problems = [*decoded.problems, *duplicates(frame, KEY, raw.file, "code, modifier, carrier and locality")]
    if frame.is_empty():
        problems.append(Problem(raw.file, "no price in the whole file"))
    notes = list(decoded.notes)
    if places is not None:
        frame, strays, unknown = _by_place(frame, places, raw.file)
        problems += unknown
        if not strays.is_empty():
            active = strays.filter(pl.col("status") == "A").height
            notes.append(
                f"{raw.file}: {many(strays.height, 'line')} under carrier {FORMER} left out ({active:,} of status A): each has "
                f"its twin under {PRESENT}"
            )
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    table = frame.select(pl.col(name).cast(dtype) for name, dtype in OPPS_CAP.items()).sort(KEY)
    return Table(table, member.source, member.name, raw.id, {"year": str(raw.year or "")}, tuple(notes))


def _by_place(frame: pl.DataFrame, places: set[tuple[str, str]], file: str) -> tuple[pl.DataFrame, pl.DataFrame, list[Problem]]:
    """The lines to keep, the strays to drop, and a problem for each line at a place that nobody knows."""
    known = pl.DataFrame(sorted(places), schema={"mac": pl.String, "locality": pl.String}, orient="row")
    kept = frame.join(known, on=["mac", "locality"], how="semi")
    others = frame.join(known, on=["mac", "locality"], how="anti")
    twins = ["hcpcs", "modifier", "status", "locality", "facility", "nonfacility"]
    present = kept.filter(pl.col("mac") == PRESENT).select(twins)
    strays = others.filter(pl.col("mac") == FORMER).join(present, on=twins, how="semi")
    unknown = others.join(strays.select(ROW), on=ROW, how="anti")
    place = pl.concat_str("mac", "locality", separator="-")
    message = "a carrier and locality that the GPCI file does not have"
    return kept, strays, bad_rows(unknown, pl.lit(True), file, message, "CARRIER, LOCALITY", place)
