"""NCCI procedure-to-procedure edits for practitioners (PTP): the pairs of codes that Medicare does not pay together.

CMS ships a version in four parts, every pair with its whole history. Also here is what the three NCCI tables share: whose
a file is, which quarter it is for, and CMS's categories by feecalc's names (policy/edits.toml).
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from feecalc import policy
from feecalc.cms.archive import Member
from feecalc.cms.checks import bad_rows, many
from feecalc.cms.decode import decode
from feecalc.cms.raw import Raw
from feecalc.cms.table import Table
from feecalc.cms.tabular import ROW
from feecalc.cms.wrapped import read_wrapped
from feecalc.errors import ArchiveError, LayoutError, Problem, RejectedError

INDICATORS = ("0", "1", "9")
POLICY_FILE = "feecalc/policy/edits.toml"
NAME = re.compile(r"cci(?:pra|oph)-?v(\d\d)(\d)r(\d+)-f(\d+)", re.IGNORECASE)
QUARTER = re.compile(r"(20\d\d)-?q([1-4])", re.IGNORECASE)


def names_of(categories: str) -> list[str]:
    """feecalc's names of CMS's categories, in the order of policy/edits.toml: "ptp_category" or "mue_category"."""
    return [entry["name"] for entry in policy.load("edits")[categories]]


def schema() -> dict[str, pl.DataType]:
    """The columns of the table of pairs: one row per pair of codes and period, in the order of the pairs and their ends.

    `effective` is null where it is not known; then `seen` is the first day of the first quarter whose table is known to hold
    the record. `deletion` is null while the record is open.
    """
    return {
        "column1": pl.String(),
        "column2": pl.String(),
        "effective": pl.Date(),
        "seen": pl.Date(),
        "deletion": pl.Date(),
        "indicator": pl.Enum(INDICATORS),
        "rationale": pl.Enum(names_of("ptp_category")),
    }


@dataclass(frozen=True)
class Version:
    """What the name of a part says: ccipra-v322r0-f1 is part 1 of version 32.2, revision 0, for the third quarter of 2026."""

    name: str
    quarter: str
    part: int


def version_of(member: Member) -> Version:
    """The version and part that a practitioner file's name tells. Raises ArchiveError where it tells none."""
    found = NAME.search(member.base)
    rule = policy.load("edits")["version"]
    if not found or not 1 <= int(found[2]) + 1 <= 4 or not 1 <= int(found[4]) <= rule["parts"]:
        raise ArchiveError(
            f"{member.name}: the name tells no version and part such as ccipra-v322r0-f1, so its quarter, and whether it is "
            f"the practitioners' file, are unknown. Keep CMS's own file names."
        )
    quarter = f"{int(found[1]) + rule['year_offset']}Q{int(found[2]) + 1}"
    if (said := quarter_in(member.source.name)) and said != quarter:
        message = f"the download is named for {said}, but the file in it is version {found[1]}.{found[2]}, for {quarter}"
        raise RejectedError(f"{member.name} cannot be used", [Problem(member.name, message)])
    return Version(f"v{found[1]}{found[2]}r{found[3]}", quarter, int(found[4]))


def refuse_foreign(member: Member) -> None:
    """Refuse another programme's or setting's table by its name. Raises ArchiveError with whose it is."""
    for entry in policy.load("edits")["foreign"]:
        if any(re.search(entry["pattern"], name, re.IGNORECASE) for name in (member.name, member.source.name)):
            raise foreign(member, entry["whose"])


def foreign(member: Member, whose: str) -> ArchiveError:
    """The error for a table that is not the practitioners'."""
    return ArchiveError(
        f"{member.name} ({member.source.name}) is the table for {whose}, and its edits differ from the practitioners'. "
        f"Nothing was read. Get the practitioner file from CMS's NCCI page."
    )


def quarter_in(name: str) -> str:
    """The quarter that a name tells: "2026Q4" from medicare-ncci-2026-q4-…; "" where it tells none."""
    found = QUARTER.search(name)
    return f"{found[1]}Q{found[2]}" if found else ""


def first_day(quarter: str) -> date:
    """The first day of a quarter: "2026Q4" is in force from October 1, 2026."""
    return date(int(quarter[:4]), 3 * int(quarter[5]) - 2, 1)


def categories(raw: Raw, frame: pl.DataFrame, kind: str) -> pl.Series:
    """CMS's rationale as feecalc's category. Raises LayoutError for one that policy/edits.toml does not list.

    An unknown one in the last row alone is a file that was cut short in it: RejectedError.
    """
    known = {_plain(entry["cms"]): entry["name"] for entry in policy.load("edits")[kind]}
    named = frame["rationale"].str.to_lowercase().str.replace_all(r"\s+", " ")
    found = named.replace_strict(known, default=None, return_dtype=pl.Enum(names_of(kind)))
    unknown = frame.filter(found.is_null())
    if unknown.is_empty():
        return found
    row, cell = unknown[ROW][0], unknown["rationale"][0]
    column = raw.headings["rationale"]
    if unknown.height == 1 and row == frame[ROW].max() and any(name.startswith(_plain(cell)) for name in known):
        cut = Problem(raw.file, "the last row ends in the middle: the file was cut short. Download it again", row, column, cell)
        raise RejectedError(f"{raw.file} cannot be used", [cut])
    raise LayoutError(
        f"{raw.file}, row {row}, column {column}: {cell!r} is a category that feecalc does not know "
        f"({many(unknown.height, 'row')}). Nothing was read. If CMS introduced it, add it to {POLICY_FILE}."
    )


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip()).lower()


def read_ptp(member: Member) -> Table:
    """Read one part of a practitioner PTP version, txt or xlsx: one row per pair of codes and period.

    `meta` holds version ("v322r0"), quarter ("2026Q3"), part, and that all dates are known. Raises RejectedError with every
    bad row, LayoutError for an unknown column, indicator or category, ArchiveError for a hospital's file. Source: CMS,
    Medicare NCCI PTP edits.
    """
    refuse_foreign(member)
    version = version_of(member)
    raw = read_wrapped(member, "ncci_ptp")
    decoded = decode(raw)
    typed = decoded.frame.with_columns(
        _day(pl.col("effective")).alias("effective"),
        pl.when(pl.col("deletion") != "*").then(_day(pl.col("deletion"))).alias("deletion"),
        open=pl.col("deletion") == "*",
    ).with_columns(seen=pl.lit(None, dtype=pl.Date))
    cells = raw.frame
    problems = list(decoded.problems)
    if raw.form == "txt":  # only a spreadsheet loses leading zeros; here a short code is a damaged one
        for name in ("column1", "column2"):
            short = cells.with_columns(short=pl.col(name).str.contains(r"^\d{1,4}$"))
            message = "not a code of five letters or digits"
            problems += bad_rows(short, pl.col("short"), raw.file, message, raw.headings[name], pl.col(name))
    bad = (("effective", typed["effective"].is_null()), ("deletion", typed["deletion"].is_null() & ~typed["open"]))
    for name, wrong in bad:
        message = "not a date such as 20240701" + (" or *" if name == "deletion" else "")
        shown = cells.with_columns(wrong=wrong)
        problems += bad_rows(shown, pl.col("wrong"), raw.file, message, raw.headings[name], pl.col(name))
    same = typed.with_columns(code=pl.col("column1"))
    message = "a code beside itself is no pair"
    problems += bad_rows(same, pl.col("column1") == pl.col("column2"), raw.file, message, None, pl.col("code"))
    if typed.is_empty():
        problems.append(Problem(raw.file, "no pair in the whole file"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    frame = typed.with_columns(rationale=categories(raw, typed, "ptp_category"))
    meta = {"version": version.name, "quarter": version.quarter, "part": str(version.part), "dates": "known"}
    return Table(_tidy(frame), member.source, member.name, raw.id, meta, decoded.notes)


def join_parts(parts: Sequence[Table]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The whole table of a version from its parts, and what was noticed. Raises RejectedError where they do not make one."""
    versions = {table.meta["version"] for table in parts}
    if len(versions) > 1:
        message = f"the files are of several versions: {', '.join(sorted(versions))}. Give one version at a time"
        problems = [Problem(t.member, message, value=t.meta["version"]) for t in parts]
        raise RejectedError("The PTP files do not belong together", problems)
    version = versions.pop()
    given = [int(table.meta["part"]) for table in parts]
    missing = [n for n in range(1, policy.load("edits")["version"]["parts"] + 1) if n not in given]
    if missing:
        names = ", ".join(f"f{n}" for n in missing)
        message = f"missing: {names}. Give all parts of the version at once, or the folder that holds them"
        raise RejectedError(f"PTP version {version} is not whole", [Problem(f"ccipra-{version}", message)])
    whole = pl.concat([table.frame for table in parts])
    unique = _tidy(whole.unique())
    notes = [note for table in parts for note in table.notes]
    if repeated := whole.height - unique.height:
        notes.append(f"{many(repeated, 'record')} printed twice, kept once")
    return unique, tuple(notes)


def read_ptp_copy(member: Member) -> Table:
    """Read a republished PTP table, parquet, which lacks effective dates but for records that were never in force.

    Its column first_seen names the version in which a record was first seen. Raises LayoutError for a missing column,
    RejectedError with every bad row, ArchiveError where the name does not tell the quarter.
    """
    frame = pl.read_parquet(io.BytesIO(member.read()))
    needed = ("column1", "column2", "effective_date", "first_seen", "deletion_date", "modifier_indicator", "rationale")
    if lacking := [name for name in needed if name not in frame.columns]:
        raise LayoutError(f"{member.name}: the column {lacking[0]!r} is missing. Nothing was read.")
    quarter = quarter_in(member.base)
    if not quarter:
        raise ArchiveError(f"{member.name}: the name does not tell the quarter, such as 2024q3.")
    offset = policy.load("edits")["version"]["year_offset"]
    seen = pl.col("first_seen").str.extract_groups(r"^v(\d\d)\.([0-3])$")
    year, number = (seen.struct.field(n).cast(pl.Int32) for n in ("1", "2"))
    dated = frame.with_row_index(ROW, offset=1).select(
        ROW,
        "column1",
        "column2",
        "rationale",
        pl.col("effective_date").str.to_date("%Y-%m-%d", strict=False).alias("effective"),
        pl.col("deletion_date").str.to_date("%Y-%m-%d", strict=False).alias("deletion"),
        pl.col("modifier_indicator").alias("indicator"),
        pl.date(year + offset, 3 * number + 1, 1).alias("seen"),
        bad_effective=pl.col("effective_date").is_not_null(),
        bad_deletion=pl.col("deletion_date").is_not_null(),
    )
    known = {entry["cms"]: entry["name"] for entry in policy.load("edits")["ptp_category"]}
    checks = (
        (~pl.col("column1").str.contains(r"^[0-9A-Z]{5}$"), "not a code of five letters or digits", "column1"),
        (~pl.col("column2").str.contains(r"^[0-9A-Z]{5}$"), "not a code of five letters or digits", "column2"),
        (pl.col("bad_effective") & pl.col("effective").is_null(), "not a date such as 2024-07-01", "effective_date"),
        (pl.col("bad_deletion") & pl.col("deletion").is_null(), "not a date such as 2024-07-01", "deletion_date"),
        (pl.col("seen").is_null(), "not a version such as v30.1", "first_seen"),
        (~pl.col("indicator").is_in(INDICATORS), "not 0, 1 or 9", "modifier_indicator"),
        (~pl.col("rationale").is_in(list(known)), f"a category that {POLICY_FILE} does not list", "rationale"),
    )
    problems = [p for wrong, says, column in checks for p in bad_rows(dated, wrong.fill_null(True), member.name, says, column)]
    if problems:
        raise RejectedError(f"{member.name} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    table = dated.with_columns(
        rationale=pl.col("rationale").replace_strict(known),
        seen=pl.when(pl.col("effective").is_null()).then("seen"),
    )
    unknown = table["effective"].null_count()
    notes = (
        f"made from a republished copy: the effective date of {unknown:,} of {table.height:,} records is not known, only "
        f"when each was first seen",
    )
    meta = {"version": "", "quarter": quarter, "dates": "partly known"}
    return Table(_tidy(table), member.source, member.name, "ncci_ptp, copy", meta, notes)


def _day(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(r"^\d{8}$")).then(text.str.to_date("%Y%m%d", strict=False))


def _tidy(frame: pl.DataFrame) -> pl.DataFrame:
    """The table's columns and types, sorted by all of them, so that the same records give the same bytes."""
    order = ["column1", "column2", "deletion", "effective", "seen", "indicator", "rationale"]
    typed = frame.select(pl.col(name).cast(dtype) for name, dtype in schema().items())
    return typed.sort(order, nulls_last=True)
