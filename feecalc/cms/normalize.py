"""A whole download to checked tables: one file of each kind is chosen, read, and compared with the others."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from feecalc.cms.addon import read_addon
from feecalc.cms.anesthesia import read_anesthesia
from feecalc.cms.archive import Member, Source, members
from feecalc.cms.checks import many, missing
from feecalc.cms.gpci import read_gpci
from feecalc.cms.kinds import Kind, recognise
from feecalc.cms.locality_county import read_locality_county
from feecalc.cms.mue import read_mue
from feecalc.cms.ncci import first_day, join_parts, read_ptp, read_ptp_copy, refuse_foreign, version_of
from feecalc.cms.opps_cap import read_opps_cap
from feecalc.cms.payment_amounts import read_payment_amounts
from feecalc.cms.pprrvu import qp_of, read_pprrvu
from feecalc.cms.table import Table
from feecalc.cms.zip_locality import read_zip5, read_zip9
from feecalc.errors import ArchiveError, Problem, RejectedError

Form = Literal["csv", "txt", "xlsx"]
What = Literal["release", "zip_locality", "payment_amounts", "ncci_ptp", "ncci_mue", "ncci_addon", "unknown"]

# The csv is exact and quick to read; the fixed-width file cuts long texts short.
FORMS: tuple[Form, ...] = ("csv", "xlsx", "txt")
EDITS: tuple[tuple[Kind, What], ...] = (
    (Kind.NCCI_PTP, "ncci_ptp"),
    (Kind.NCCI_MUE, "ncci_mue"),
    (Kind.NCCI_ADDON, "ncci_addon"),
)
RELEASE = (Kind.PPRRVU, Kind.GPCI, Kind.ANESTHESIA, Kind.LOCALITY_COUNTY, Kind.OPPS_CAP)
PLACE = ("mac", "locality")
MONTHS = {"1": "01", "2": "04", "3": "07", "4": "10"}


@dataclass(frozen=True)
class ReleaseFiles:
    """A release as CMS published it. A table is None where the download does not hold it.

    `conversion_factor` counts ten-thousandths of a dollar; `released` is the date as CMS prints it; `quarter` is A to D,
    "" where nothing in the download tells it. `members`, `layouts` and `meta` are by kind.
    """

    year: int
    quarter: str
    conversion_factor: int | None
    released: str
    pprrvu: pl.DataFrame | None
    descriptions: pl.DataFrame | None
    gpci: pl.DataFrame | None
    anesthesia: pl.DataFrame | None
    localities: pl.DataFrame | None
    opps_cap: pl.DataFrame | None
    sources: list[Source]
    members: dict[str, str]
    layouts: dict[str, str]
    notes: list[str]
    meta: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ZipFile:
    """ZIP to locality tables of one quarter: "20254" is in force from "2025-10-01"."""

    quarter: str
    effective: str
    zip5: pl.DataFrame | None
    zip9: pl.DataFrame | None
    sources: list[Source]
    members: dict[str, str]
    layouts: dict[str, str]
    notes: list[str]


@dataclass(frozen=True)
class EditFile:
    """One NCCI table of one quarter: `table` is ptp, mue or addon, `quarter` such as "2026Q4", `effective` its first day.

    `version` is CMS's own ("v323r0") where the file has one.
    """

    table: str
    quarter: str
    effective: str
    version: str
    frame: pl.DataFrame
    sources: list[Source]
    members: dict[str, str]
    layouts: dict[str, str]
    notes: list[str]
    meta: dict[str, str]


def what_is(path: Path) -> What:
    """Which reader a download is for. Raises ArchiveError where it cannot be opened."""
    kinds = {recognise(m) for m in members(path)}
    if kinds & {Kind.PPRRVU, Kind.GPCI}:
        return "release"
    if kinds & {Kind.ZIP5, Kind.ZIP9}:
        return "zip_locality"
    for kind, what in EDITS:
        if kind in kinds:
            return what
    return "payment_amounts" if Kind.PAYMENT_AMOUNTS in kinds else "unknown"


def read_release(paths: Sequence[Path], prefer: Form | None = None) -> ReleaseFiles:
    """Read a relative value release from its zip, its folder, or its files one by one.

    Of each kind one file is read: csv, else xlsx, else txt, or the form that is preferred. The QPP file of 2026 holds
    the same figures as the nonQPP file with fewer rows, so it is left out beside that. Raises ArchiveError where there
    is neither a PPRRVU nor a GPCI file, LayoutError for what no layout knows, RejectedError with every bad row or every
    contradiction between the files.
    """
    found, notes = _sorted_out(paths)
    chosen = {kind: _choose(found[kind], kind, prefer, notes) for kind in RELEASE if kind in found}
    if Kind.PPRRVU not in chosen and Kind.GPCI not in chosen:
        raise ArchiveError(_nothing(paths, "relative value release (no PPRRVU and no GPCI file)", found, notes))
    tables: dict[Kind, Table] = {}
    if Kind.PPRRVU in chosen:
        tables[Kind.PPRRVU] = read_pprrvu(chosen[Kind.PPRRVU])
    if Kind.GPCI in chosen:
        tables[Kind.GPCI] = read_gpci(chosen[Kind.GPCI])
    if Kind.ANESTHESIA in chosen:
        tables[Kind.ANESTHESIA] = read_anesthesia(chosen[Kind.ANESTHESIA])
    if Kind.LOCALITY_COUNTY in chosen:
        tables[Kind.LOCALITY_COUNTY] = read_locality_county(chosen[Kind.LOCALITY_COUNTY])
    if Kind.OPPS_CAP in chosen:
        places = set(tables[Kind.GPCI].frame.select(PLACE).rows()) if Kind.GPCI in tables else None
        tables[Kind.OPPS_CAP] = read_opps_cap(chosen[Kind.OPPS_CAP], places)
    for table in tables.values():
        notes += table.notes
    problems = _contradictions(tables, notes)
    if problems:
        raise RejectedError("The files of this release contradict each other", problems)

    def frame(kind: Kind) -> pl.DataFrame | None:
        return tables[kind].frame if kind in tables else None

    values = tables.get(Kind.PPRRVU)
    year, quarter = _when(tables, chosen)
    return ReleaseFiles(
        year=year,
        quarter=quarter,
        conversion_factor=int(values.meta["conversion_factor"].replace(".", "")) if values else None,
        released=values.meta["released"] if values else "",
        pprrvu=frame(Kind.PPRRVU),
        descriptions=values.extra["descriptions"] if values else None,
        gpci=frame(Kind.GPCI),
        anesthesia=frame(Kind.ANESTHESIA),
        localities=frame(Kind.LOCALITY_COUNTY),
        opps_cap=frame(Kind.OPPS_CAP),
        sources=_sources(tables.values()),
        members={kind.value: table.member for kind, table in tables.items()},
        layouts={kind.value: table.layout for kind, table in tables.items()},
        notes=notes,
        meta={kind.value: table.meta for kind, table in tables.items()},
    )


def read_zip_file(paths: Sequence[Path]) -> ZipFile:
    """Read a ZIP5 file, a ZIP9 file, or both of the same quarter. Errors as `read_release`."""
    found, notes = _sorted_out(paths)
    tables: dict[Kind, Table] = {}
    # The fixed-width file is the one that CMS documents, and the quickest.
    if Kind.ZIP5 in found:
        tables[Kind.ZIP5] = read_zip5(_choose(found[Kind.ZIP5], Kind.ZIP5, "txt", notes))
    if Kind.ZIP9 in found:
        tables[Kind.ZIP9] = read_zip9(_choose(found[Kind.ZIP9], Kind.ZIP9, "txt", notes))
    if not tables:
        raise ArchiveError(_nothing(paths, "ZIP to locality file (ZIP5 or ZIP9)", found, notes))
    quarters = {table.meta["quarter"] for table in tables.values()}
    if len(quarters) > 1:
        message = f"the files are of several quarters: {', '.join(sorted(quarters))}. Read them one by one"
        problems = [Problem(t.member, message, value=t.meta["quarter"]) for t in tables.values()]
        raise RejectedError("The ZIP files do not belong together", problems)
    quarter = quarters.pop()
    return ZipFile(
        quarter=quarter,
        effective=f"{quarter[:4]}-{MONTHS[quarter[4]]}-01",
        zip5=tables[Kind.ZIP5].frame if Kind.ZIP5 in tables else None,
        zip9=tables[Kind.ZIP9].frame if Kind.ZIP9 in tables else None,
        sources=_sources(tables.values()),
        members={kind.value: table.member for kind, table in tables.items()},
        layouts={kind.value: table.layout for kind, table in tables.items()},
        notes=notes + [n for table in tables.values() for n in table.notes],
    )


def read_payment_file(paths: Sequence[Path]) -> list[Table]:
    """Every payment-amount file of a download, QP and non-QP apart, sorted by name. Errors as `read_release`."""
    found, notes = _sorted_out(paths)
    if Kind.PAYMENT_AMOUNTS not in found:
        raise ArchiveError(_nothing(paths, "payment-amount file (PFALL or PFREV)", found, notes))
    return [read_payment_amounts(member) for member in found[Kind.PAYMENT_AMOUNTS]]


def read_edit_file(paths: Sequence[Path]) -> EditFile:
    """Read one NCCI table of practitioners: a whole PTP version (all its parts together), an MUE table, or an AOC file.

    Errors as `read_release`; also ArchiveError where the paths hold several tables, or one of another setting or programme,
    and RejectedError where a part of a version is missing.
    """
    found, notes = _sorted_out(paths)
    kinds = [kind for kind, _ in EDITS if kind in found]
    if len(kinds) != 1:
        if not kinds:
            raise ArchiveError(_nothing(paths, "NCCI table (PTP, MUE or add-on codes)", found, notes))
        named = ", ".join(f"{m.name} ({kind.value})" for kind in kinds for m in found[kind])
        raise ArchiveError(f"Several NCCI tables at once: {named}. Give one table at a time.")
    kind = kinds[0]
    parts = _parts(found[kind], notes) if kind is Kind.NCCI_PTP else [_of_edits(_choose(found[kind], kind, None, notes), kind)]
    if kind is Kind.NCCI_PTP and parts[0].meta["version"]:
        frame, more = join_parts(parts)
    else:
        frame, more = parts[0].frame, parts[0].notes
    meta = {name: value for name, value in parts[0].meta.items() if name not in {"quarter", "version", "part"}}
    numbered = {f"{kind.value} {table.meta['part']}" if "part" in table.meta else kind.value: table for table in parts}
    return EditFile(
        table=kind.value.removeprefix("ncci_"),
        quarter=parts[0].meta["quarter"],
        effective=first_day(parts[0].meta["quarter"]).isoformat(),
        version=parts[0].meta.get("version", ""),
        frame=frame,
        sources=_sources(parts),
        members={name: table.member for name, table in numbered.items()},
        layouts={name: table.layout for name, table in numbered.items()},
        notes=[*notes, *more],
        meta=meta,
    )


def edit_version(path: Path) -> str:
    """The PTP version of which a download holds a part, such as "v323r0"; "" where it holds none, or a whole copy."""
    for member in members(path):
        if recognise(member) is Kind.NCCI_PTP and member.ending != "parquet":
            refuse_foreign(member)
            return version_of(member).name
    return ""


def _parts(candidates: list[Member], notes: list[str]) -> list[Table]:
    """One table of each part of a PTP version: the txt, which is quicker to read, else the xlsx. Copies are whole."""
    copies = [m for m in candidates if m.ending == "parquet"]
    if copies:
        if len(candidates) > 1:
            named = ", ".join(m.name for m in candidates)
            raise ArchiveError(f"Several PTP tables at once: {named}. Give one table at a time.")
        return [read_ptp_copy(copies[0])]
    grouped: dict[tuple[str, int], list[Member]] = {}
    for member in candidates:
        refuse_foreign(member)
        version = version_of(member)
        grouped.setdefault((version.name, version.part), []).append(member)
    return [read_ptp(_choose(group, Kind.NCCI_PTP, "txt", notes)) for _, group in sorted(grouped.items())]


def _of_edits(member: Member, kind: Kind) -> Table:
    return read_mue(member) if kind is Kind.NCCI_MUE else read_addon(member)


def _sorted_out(paths: Sequence[Path]) -> tuple[dict[Kind, list[Member]], list[str]]:
    """The members of all paths by kind, and a note that lists those of no known kind."""
    found: dict[Kind, list[Member]] = {}
    unknown: list[str] = []
    for member in (m for path in paths for m in members(path)):
        kind = recognise(member)
        if kind is None:
            unknown.append(member.name)
        else:
            found.setdefault(kind, []).append(member)
    return found, [f"not read: {', '.join(unknown)}"] if unknown else []


def _choose(candidates: list[Member], kind: Kind, prefer: Form | None, notes: list[str]) -> Member:
    """One file of a kind. Two files of one form would leave the choice to chance, so they are refused."""
    if kind is Kind.PPRRVU and any(qp_of(m.name) != "QPP" for m in candidates):
        for member in candidates:
            if qp_of(member.name) == "QPP":
                notes.append(f"{member.name} left out: the nonQPP file beside it has the same figures and more codes")
        candidates = [m for m in candidates if qp_of(m.name) != "QPP"]
    for form in (prefer, *FORMS):
        fitting = [m for m in candidates if m.ending == form]
        if len(fitting) > 1 and len({m.read() for m in fitting}) > 1:
            problems = [Problem(m.name, f"one of {len(fitting)} {kind.value} files") for m in fitting]
            raise RejectedError(f"Which {kind.value} file is meant? Give one release at a time", problems)
        if fitting:
            return fitting[0]
    raise AssertionError("recognise names only files of these forms")


def _nothing(paths: Sequence[Path], wanted: str, found: dict[Kind, list[Member]], notes: list[str]) -> str:
    given = ", ".join(path.name for path in paths)
    known = [f"{m.name} ({kind.value})" for kind, group in found.items() for m in group]
    listed = "; ".join([*known, *notes]) or "nothing"
    return f"{given}: no {wanted}. Found: {listed}. Check that this is the download you meant."


def _contradictions(tables: dict[Kind, Table], notes: list[str]) -> list[Problem]:
    """What one file says against another. Places and codes must be the same everywhere; years must agree."""
    problems: list[Problem] = []
    gpci, values = tables.get(Kind.GPCI), tables.get(Kind.PPRRVU)
    year = next(t.meta["year"] for t in (values, gpci) if t is not None)
    if gpci and gpci.meta["year"] != year:
        problems.append(Problem(gpci.member, f"GPCIs of {gpci.meta['year']} beside relative values of {year}"))
    for kind in (Kind.ANESTHESIA, Kind.OPPS_CAP, Kind.LOCALITY_COUNTY):
        table = tables.get(kind)
        if gpci is None or table is None:
            continue
        unknown = [f"{mac}-{locality}" for mac, locality in missing(table.frame, gpci.frame, PLACE)]
        if kind is Kind.LOCALITY_COUNTY and table.meta["year"] != year:
            notes.append(
                f"{table.member}: describes {table.meta['year'] or 'an unknown year'}, not {year}; the GPCI "
                f"file does not have {many(len(unknown), 'place')} of it"
            )
            continue
        message = "a MAC and locality that the GPCI file does not have"
        problems += [Problem(table.member, message, value=place) for place in unknown]
        if kind is not Kind.OPPS_CAP and (absent := missing(gpci.frame, table.frame, PLACE)):
            listed = ", ".join(f"{mac}-{locality}" for mac, locality in absent)
            notes.append(f"{table.member}: nothing for {listed}")
    caps = tables.get(Kind.OPPS_CAP)
    if caps and values:
        for code, modifier in missing(caps.frame, values.frame, ("hcpcs", "modifier")):
            problems.append(Problem(caps.member, "a code that PPRRVU does not have", value=f"{code} {modifier}".strip()))
    return problems


def _when(tables: dict[Kind, Table], chosen: dict[Kind, Member]) -> tuple[int, str]:
    """Year and quarter: from PPRRVU; without it the year of the GPCI file and the letter in the download's name."""
    if Kind.PPRRVU in tables:
        meta = tables[Kind.PPRRVU].meta
        return int(meta["year"]), meta["quarter"]
    year = tables[Kind.GPCI].meta["year"]
    named = re.search(r"rvu(\d\d)([a-d])", chosen[Kind.GPCI].source.name, re.IGNORECASE)
    if not year:
        raise ArchiveError(f"{chosen[Kind.GPCI].name}: neither the title nor the name tells the year of these GPCIs.")
    return int(year), named.group(2).upper() if named and int(named.group(1)) == int(year) % 100 else ""


def _sources(tables: Iterable[Table]) -> list[Source]:
    return sorted({table.source for table in tables}, key=lambda s: s.name)
