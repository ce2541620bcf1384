"""NCCI edits: what Medicare does not pay together (PTP), how many units it accepts (MUE), and what needs a primary code (AOC).

from feecalc.edits import Edits
Edits.open().check([("97530", 2, ["GP"]), ("97537", 1, ["GP", "59"])], date(2024, 8, 1))

The lines of one check are one patient's day with one practitioner. An answer is a warning, never a price: an edit may apply.
The rules and words stand in policy/edits.toml, the tables in the built-in store and the user's own, by quarter. A table is
read when it is first asked.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from feecalc import paths, policy
from feecalc.errors import InputError
from feecalc.schedule import MANIFEST, Folder

TABLES = ("ptp", "mue", "addon")
VOID = "9"  # the indicator of a record that was deleted as if it had never been
CONTRACTOR = "contractor_defined"  # a note that says no more than the type of the add-on code does


class Line(NamedTuple):
    """One line of a visit. A plain tuple (code, units, modifiers) does as well."""

    hcpcs: str
    units: int = 1
    modifiers: Sequence[str] = ()


@dataclass(frozen=True)
class Pair:
    """A pair of codes of the visit that NCCI edits on its date. Line numbers count from 1.

    `rationale` is why, in plain words, and `category` its name. `effective` is null where it is not known; `known_since` is
    the first day on which the pair is known to be in force, and `certain` says whether the visit lies on or after it.
    `present` are the modifiers on its lines that bypass it, each with its line. `denied` are the column 2 lines that may be
    denied, `bypassed` those that a modifier lets pass.
    """

    column1: str
    column2: str
    indicator: str
    rationale: str
    quarter: str
    category: str
    effective: date | None
    known_since: date
    until: date | None
    certain: bool
    lines1: tuple[int, ...]
    lines2: tuple[int, ...]
    present: tuple[tuple[int, str], ...]
    denied: tuple[int, ...]
    bypassed: tuple[int, ...]
    sentence: str
    modifiers: str
    in_force: str
    standing: str
    source: str


@dataclass(frozen=True)
class UnitLimit:
    """The units of one code against its MUE: `outcome` is within, over, never (a limit of 0) or unknown (none published).

    `units` is what was compared: the largest line where the limit is by line (`mai` 1), the sum of the day otherwise.
    `denied` are the lines that may be denied.
    """

    hcpcs: str
    outcome: str
    limit: int | None
    units: int
    mai: str | None
    rationale: str
    quarter: str
    lines: tuple[int, ...]
    denied: tuple[int, ...]
    sentence: str
    standing: str
    source: str


@dataclass(frozen=True)
class AddOn:
    """An add-on code of the visit: `present` are its listed primary codes on the visit, of `primaries` in all.

    `missing` is true where none is there and no other could do, and None where the contractor decides that.
    """

    hcpcs: str
    type: str
    missing: bool | None
    present: tuple[str, ...]
    primaries: tuple[str, ...]
    quarter: str
    lines: tuple[int, ...]
    notes: tuple[str, ...]
    sentence: str
    standing: str
    source: str


@dataclass(frozen=True)
class NotChecked:
    """What was not checked, or only against an older table (`served_by`), and how to load the right one."""

    table: str
    quarter: str
    served_by: str | None
    sentence: str


@dataclass(frozen=True)
class Answer:
    """What NCCI's tables say of one visit. `tables` names the quarter that served each table."""

    date: date
    codes: tuple[str, ...]
    ptp: tuple[Pair, ...]
    mue: tuple[UnitLimit, ...]
    addon: tuple[AddOn, ...]
    not_checked: tuple[NotChecked, ...]
    tables: Mapping[str, str]

    def as_dicts(self) -> dict[str, list[dict[str, Any]]]:
        """The findings as plain values: lists `ptp`, `mue`, `addon` and `not_checked`."""
        return {name: [asdict(one) for one in getattr(self, name)] for name in (*TABLES, "not_checked")}

    def card(self) -> str:
        """The answer as a person reads it."""
        said = [f"NCCI edits for {self.date}: {', '.join(self.codes)}"]
        if "ptp" in self.tables:
            said += ["", f"Pairs of codes (table of {self.tables['ptp']})"]
            for pair in self.ptp:
                said += [f"  {pair.sentence}"]
                said += [f"    {text}" for text in (pair.rationale, pair.modifiers, pair.in_force)]
            said += [] if self.ptp else ["  No two of these codes are a pair on this date."]
        if "mue" in self.tables:
            said += ["", f"Units (table of {self.tables['mue']})", *(f"  {one.sentence}" for one in self.mue)]
        if "addon" in self.tables:
            said += ["", f"Add-on codes (table of {self.tables['addon']})"]
            for addon in self.addon:
                said += [f"  {addon.sentence}", *(f"    {text}" for text in addon.notes)]
            said += [] if self.addon else ["  None of these codes is an add-on code on this date."]
        if self.not_checked:
            said += ["", "Not checked, or only against an older table", *(f"  {one.sentence}" for one in self.not_checked)]
        scope = (
            "The lines count as one patient's day with one practitioner. An edit is no coverage decision, nor is its absence."
        )
        return "\n".join([*said, "", scope])


@dataclass(frozen=True)
class EditTable(Folder):
    """One NCCI table of one quarter."""

    @property
    def table(self) -> str:
        """Which one: ptp, mue or addon."""
        return str(self.manifest["table"])

    @property
    def quarter(self) -> str:
        """The quarter that it is for, such as 2024Q3."""
        return str(self.manifest["quarter"])

    @property
    def effective(self) -> date:
        """The first day of that quarter."""
        return date.fromisoformat(self.manifest["effective"])

    @property
    def dates_known(self) -> bool:
        """Whether every record has its dates, as CMS's own files do."""
        return bool(self.manifest["meta"].get("dates") == "known")


class Edits:
    """The loaded NCCI tables. Open it once and keep it."""

    def __init__(self, *stores: tuple[Path, str]) -> None:
        """Open stores, each with its origin; a later store outranks an earlier one, in a store the newest import serves."""
        self.tables: dict[str, dict[str, EditTable]] = {name: {} for name in TABLES}
        for root, origin in stores:
            found = [EditTable(path, origin, manifest) for path, manifest in _manifests(root / "ncci")]
            for table in sorted(found, key=lambda one: str(one.manifest.get("imported_at", ""))):
                self.tables[table.table][table.quarter] = table
        self._frames: dict[Path, pl.DataFrame] = {}

    @classmethod
    def open(cls) -> "Edits":
        """The tables that come with feecalc, and the user's own over them."""
        return cls((paths.builtin(), "built-in"), (paths.home() / "schedule", "yours"))

    def check(self, lines: Iterable[Line | tuple[Any, ...]], on: date) -> Answer:
        """Look for pairs, units over their limits, and add-on codes without their primary codes among one visit's lines.

        A line is a code with its units and modifiers. Raises InputError for a line that cannot be understood.
        """
        visit = [_line(number, line) for number, line in enumerate(lines, 1)]
        if not visit:
            raise InputError("No code was given.")
        serving = {name: table for name in TABLES if (table := self.serving(name, on))}
        return Answer(
            date=on,
            codes=tuple(dict.fromkeys(line.hcpcs for line in visit)),
            ptp=self._pairs(visit, on, serving["ptp"]) if "ptp" in serving else (),
            mue=self._units(visit, serving["mue"]) if "mue" in serving else (),
            addon=self._addons(visit, on, serving["addon"]) if "addon" in serving else (),
            not_checked=tuple(
                _not_checked(name, on, serving.get(name)) for name in TABLES if not _reaches(serving.get(name), on)
            ),
            tables={name: table.quarter for name, table in serving.items()},
        )

    def serving(self, name: str, on: date) -> EditTable | None:
        """The table that answers for a date: that of its quarter; else a later one, whose records are dated; else an older one.

        The nearest serves, but of later ones first those whose dates are all known. The rows of unit limits have no dates, so
        that a later table of them says nothing of the date.
        """
        loaded = self.tables[name].values()
        for table in loaded:
            if table.quarter == quarter_of(on):
                return table
        later = [table for table in loaded if table.effective > on and name != "mue"]
        older = [table for table in loaded if table.effective <= on]
        if later:
            return min(later, key=lambda table: (not table.dates_known, table.effective))
        return max(older, key=lambda table: table.effective, default=None)

    def frame(self, table: EditTable) -> pl.DataFrame:
        """A whole table, read once and kept."""
        if table.path not in self._frames:
            self._frames[table.path] = table.read(table.table)
        return self._frames[table.path]

    # Pairs -------------------------------------------------------------------------------------------------------------

    def _pairs(self, visit: Sequence[Line], on: date, table: EditTable) -> tuple[Pair, ...]:
        codes = sorted({line.hcpcs for line in visit})
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for record in _among(self.frame(table), "column1", codes, pl.col("column2").is_in(codes)).iter_rows(named=True):
            # The periods of a pair follow each other, so of several that may hold the day the first to end does.
            if _may_hold(record, on):
                found.setdefault((record["column1"], record["column2"]), record)
        return tuple(_pair(record, visit, on, table) for record in found.values())

    # Units -------------------------------------------------------------------------------------------------------------

    def _units(self, visit: Sequence[Line], table: EditTable) -> tuple[UnitLimit, ...]:
        codes = list(dict.fromkeys(line.hcpcs for line in visit))
        rows = _among(self.frame(table), "hcpcs", codes).iter_rows(named=True)
        limits = {row["hcpcs"]: row for row in rows}
        return tuple(_unit_limit(code, limits.get(code), visit, table) for code in codes)

    # Add-on codes ------------------------------------------------------------------------------------------------------

    def _addons(self, visit: Sequence[Line], on: date, table: EditTable) -> tuple[AddOn, ...]:
        codes = list(dict.fromkeys(line.hcpcs for line in visit))
        holds = (pl.col("effective") <= on) & (pl.col("deletion").is_null() | (pl.col("deletion") >= on))
        records: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in _among(self.frame(table), "addon", codes, holds & _ever("effective", "deletion")).iter_rows(named=True):
            records[row["addon"]].append(row)
        return tuple(_addon(code, records[code], visit, on, table) for code in codes if code in records)


def quarter_of(on: date) -> str:
    """The calendar quarter of a date: 2024Q3."""
    return f"{on.year}Q{(on.month + 2) // 3}"


def _among(frame: pl.DataFrame, column: str, codes: Iterable[str], *conditions: pl.Expr) -> pl.DataFrame:
    """The rows of some codes; the table is in the order of `column`, so they are found without reading the others."""
    asked = pl.Series(sorted(codes), dtype=pl.String)
    starts, ends = (frame[column].search_sorted(asked, side) for side in ("left", "right"))
    rows = pl.concat([frame.clear(), *(frame.slice(start, end - start) for start, end in zip(starts, ends, strict=True))])
    return rows.filter(*conditions) if conditions else rows


def _ever(effective: str, deletion: str) -> pl.Expr:
    """Whether a record was ever in force: one that ends on the day of its beginning was not."""
    return (pl.col(deletion) > pl.col(effective)).fill_null(True)


def _may_hold(record: Mapping[str, Any], on: date) -> bool:
    """Whether a record is in force on a day; one whose beginning is not known may be, on any day up to its end."""
    effective, deletion = record["effective"], record["deletion"]
    if record["indicator"] == VOID or (effective and deletion and deletion <= effective):
        return False
    return (effective is None or effective <= on) and (deletion is None or on <= deletion)


def _pair(record: Mapping[str, Any], visit: Sequence[Line], on: date, table: EditTable) -> Pair:
    code1, code2, indicator = record["column1"], record["column2"], record["indicator"]
    effective, until = record["effective"], record["deletion"]
    # Without an effective date: in force when first seen, and on its own last day.
    known_since = effective or min(day for day in (record["seen"], until) if day)
    certain = on >= known_since
    lines1 = _numbers(visit, code1)
    lines2 = _numbers(visit, code2)
    passes = {(n, column): _bypassing(visit[n - 1], column, on) for column, at in ((1, lines1), (2, lines2)) for n in at}
    if indicator != "1":
        passes = dict.fromkeys(passes, ())
    bypassed = tuple(n for n in lines2 if passes[n, 2] or all(passes[m, 1] for m in lines1))
    denied = tuple(n for n in lines2 if n not in bypassed)
    category = _category("ptp_category", record["rationale"])
    rules = policy.load("edits")["rule"]
    meaning = _entry("ptp_indicator", "indicator", indicator)
    standings = [rules["pair"]["standing"], rules["in_force"]["standing"], meaning["standing"]]
    standings += ["assumed"] if not certain else []
    standings += [rules["last_day"]["standing"]] if until == on else []
    standings += [_group(modifier)["standing"] for found in passes.values() for modifier in found]
    return Pair(
        column1=code1,
        column2=code2,
        indicator=indicator,
        rationale=category["sentence"],
        quarter=table.quarter,
        category=category["name"],
        effective=effective,
        known_since=known_since,
        until=until,
        certain=certain,
        lines1=lines1,
        lines2=lines2,
        present=tuple(sorted((n, modifier) for (n, _), found in passes.items() for modifier in found)),
        denied=denied,
        bypassed=bypassed,
        sentence=_pair_sentence(code1, code2, denied, bypassed, certain),
        modifiers=_modifier_sentence(meaning, code2, passes, on),
        in_force=_in_force_sentence(effective, known_since, until, on),
        standing=policy.weakest(standings),
        source=f"{rules['pair']['source']}; {_source(table)}",
    )


def _pair_sentence(code1: str, code2: str, denied: Sequence[int], bypassed: Sequence[int], certain: bool) -> str:
    edited = "this pair is edited" if certain else "this pair may have been edited"
    if not denied:
        return f"{code1} with {code2}: {edited}, and a modifier stands that bypasses it."
    where = f" (line {_listed(denied)})" if bypassed else ""
    return f"{code1} with {code2}: {edited}. {code1} (column 1) is paid; {code2} (column 2){where} may be denied."


def _modifier_sentence(
    meaning: Mapping[str, Any], code2: str, passes: Mapping[tuple[int, int], Sequence[str]], on: date
) -> str:
    if meaning["indicator"] != "1":
        return str(meaning["sentence"])
    said = [str(meaning["sentence"])]
    groups = [(entry, _column(entry, on)) for entry in policy.load("edits")["bypass"]]
    either = ", ".join(_codes(entry) for entry, column in groups if column == 0)
    second = ", ".join(_codes(entry) for entry, column in groups if column == 2)
    said.append(f"On either code: {either}.")
    if second:
        said.append(f"On {code2} alone: {second}.")
    present = sorted((n, modifier) for (n, _), found in passes.items() for modifier in found)
    if present:
        stands = ", ".join(f"{modifier} on line {n}" for n, modifier in present)
        said.append(f"There is {stands}. {policy.load('edits')['rule']['bypass']['sentence']}")
    else:
        said.append("None stands on these lines.")
    return " ".join(said)


def _in_force_sentence(effective: date | None, known_since: date, until: date | None, on: date) -> str:
    start = f"In force from {effective}" if effective else f"In force from: not known, at the latest {known_since}"
    doubt = f"; whether already on {on} is not known" if on < known_since else ""
    return f"{start}{doubt}; {f'until {until}' if until else 'not ended in this table'}."


def _codes(entry: Mapping[str, Any]) -> str:
    """The modifiers of a group as text; the anatomic ones, which are many, by their first and last."""
    codes = entry["codes"]
    return " ".join(codes) if len(codes) <= 6 else f"{entry['name']} modifiers ({codes[0]} … {codes[-1]})"


def _bypassing(line: Line, column: int, on: date) -> tuple[str, ...]:
    """The modifiers of a line that bypass a pair of indicator 1, where the line's code is in that column."""
    return tuple(m for m in line.modifiers if (group := _groups().get(m)) and _column(group, on) in (0, column))


def _column(group: Mapping[str, Any], on: date) -> int | None:
    """On which column's code a modifier counts on a date: 0 either, 2 the second alone; None before it was known."""
    begun = [span["column"] for span in group["since"] if span["from"] <= on]
    return int(begun[-1]) if begun else None


@cache
def _groups() -> dict[str, dict[str, Any]]:
    """Each bypassing modifier's group."""
    return {code: entry for entry in policy.load("edits")["bypass"] for code in entry["codes"]}


def _group(modifier: str) -> dict[str, Any]:
    return _groups()[modifier]


def _unit_limit(code: str, row: Mapping[str, Any] | None, visit: Sequence[Line], table: EditTable) -> UnitLimit:
    numbers = _numbers(visit, code)
    of_lines = {n: visit[n - 1].units for n in numbers}
    units = sum(of_lines.values())
    denied: tuple[int, ...] = ()
    rules = policy.load("edits")["rule"]
    category = ""
    if row is None:
        rule, outcome, said = rules["mue_absent"], "unknown", f"{code}: {_units(units)}. {rules['mue_absent']['sentence']}"
    else:
        limit = row["units"]
        meaning = _entry("mue_indicator", "indicator", row["mai"])
        category = _category("mue_category", row["rationale"])["sentence"]
        by_line = meaning["scope"] == "line"
        if by_line:
            units = max(of_lines.values())
        denied = tuple(n for n in numbers if (of_lines[n] if by_line else units) > limit)
        scope = "a line" if by_line else "a day"
        if limit == 0:
            rule, outcome, said = rules["mue_zero"], "never", f"{code}: {rules['mue_zero']['sentence']}"
        elif denied:
            rule, outcome = meaning, "over"
            said = f"{code}: {_units(units)}, over the limit of {limit} {scope} (indicator {row['mai']}). {meaning['over']}"
        else:
            rule, outcome = meaning, "within"
            said = f"{code}: {_units(units)}, within the limit of {limit} {scope} (indicator {row['mai']})."
    return UnitLimit(
        hcpcs=code,
        outcome=outcome,
        limit=row["units"] if row else None,
        units=units,
        mai=row["mai"] if row else None,
        rationale=category,
        quarter=table.quarter,
        lines=numbers,
        denied=denied,
        sentence=said,
        standing=rule["standing"],
        source=f"{rule['source']}; {_source(table)}",
    )


def _addon(code: str, records: Sequence[Mapping[str, Any]], visit: Sequence[Line], on: date, table: EditTable) -> AddOn:
    primaries = tuple(sorted({row["primary"] for row in records} - {""}))
    codes = {line.hcpcs for line in visit}
    present = tuple(primary for primary in primaries if primary in codes)
    types = sorted({row["type"] for row in records})
    meanings = [_entry("addon_type", "type", kind) for kind in types]
    # Where a code has records of two types, the contractor's say keeps the door open.
    meaning = next((one for one in meanings if not one["closed"]), meanings[0])
    if present:
        missing: bool | None = False
        said = f"{code}: {meaning['sentence']} Of its listed primary codes the visit has {', '.join(present)}."
    elif meaning["closed"]:
        missing, said = True, f"{code}: {meaning['sentence']} The visit has none of them: {_some(primaries)}."
    else:
        listed = f" The visit has none of the listed ones: {_some(primaries)}." if primaries else ""
        missing, said = None, f"{code}: {meaning['sentence']}{listed}"
    # A note beside one primary code is told where that code is on the visit; one beside all, always.
    notes = {row["note"] for row in records if row["note"] and (row["primary"] in codes or len(primaries) == 0)}
    notes |= set.intersection(*({row["note"]} for row in records)) - {""}
    sentences = [_entry("addon_note", "name", note)["sentence"] for note in sorted(notes) if note != CONTRACTOR]
    exceptions = [entry for entry in policy.load("edits")["addon_exception"] if entry["code"] == code and missing]
    years = {day.year for row in records for day in (row["effective"], row["deletion"]) if day}
    vague = [policy.load("edits")["rule"]["addon_years"]] if not table.dates_known and on.year in years else []
    return AddOn(
        hcpcs=code,
        type="/".join(types),
        missing=missing,
        present=present,
        primaries=primaries,
        quarter=table.quarter,
        lines=_numbers(visit, code),
        notes=(*sentences, *(entry["sentence"] for entry in (*exceptions, *vague))),
        sentence=said,
        standing=policy.weakest([meaning["standing"], *(entry["standing"] for entry in (*exceptions, *vague))]),
        source=f"{meaning['source']}; {_source(table)}",
    )


def _reaches(table: EditTable | None, on: date) -> bool:
    """Whether a table reaches the date: it is that of its quarter, or a later one."""
    return table is not None and (table.effective > on or table.quarter == quarter_of(on))


def _not_checked(name: str, on: date, table: EditTable | None) -> NotChecked:
    entry = _entry("table", "name", name)
    quarter = quarter_of(on)
    if table is None:
        said = f"The {entry['title']} of {quarter} is not loaded, so nothing was checked against it."
    else:
        last = _last_day(table)
        said = f"The {entry['title']} of {quarter} is not loaded; that of {table.quarter} served, which knows nothing after "
        said += f"{last}."
    return NotChecked(name, quarter, table.quarter if table else None, f"{said} {entry['load']} (from {entry['page']}).")


def _last_day(table: EditTable) -> date:
    start = table.effective
    following = (
        date(start.year + start.month // 12, start.month % 12 + 3, 1) if start.month < 10 else date(start.year + 1, 1, 1)
    )
    return following - timedelta(days=1)


def _source(table: EditTable) -> str:
    return f"{', '.join(source['file'] for source in table.sources)} ({table.quarter})"


def _numbers(visit: Sequence[Line], code: str) -> tuple[int, ...]:
    """The numbers of a code's lines, from 1."""
    return tuple(n for n, line in enumerate(visit, 1) if line.hcpcs == code)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _units(count: int) -> str:
    return f"{count:,} unit" if count == 1 else f"{count:,} units"


def _some(codes: Sequence[str], shown: int = 8) -> str:
    more = f" and {len(codes) - shown} more" if len(codes) > shown else ""
    return ", ".join(codes[:shown]) + more


def _category(kind: str, name: str) -> dict[str, Any]:
    return _entry(kind, "name", name)


@cache
def _entry(kind: str, key: str, value: str) -> dict[str, Any]:
    """The entry of a list in policy/edits.toml by one of its values."""
    return next(entry for entry in policy.load("edits")[kind] if entry[key] == value)


def _line(number: int, given: Line | tuple[Any, ...]) -> Line:
    """A line with its code and modifiers as the tables have them. Raises InputError for what cannot be a line."""
    try:
        line = Line(*given)
    except TypeError:
        raise InputError(f"Line {number}: {given!r} is no code with units and modifiers.") from None
    code = str(line.hcpcs).strip().upper()
    if not re.fullmatch(r"[0-9A-Z]{5}", code):
        raise InputError(f"Line {number}: {line.hcpcs!r} is no code of five letters or digits, such as 97110.")
    if isinstance(line.units, bool) or not isinstance(line.units, int) or line.units < 1:
        raise InputError(f"Line {number}, {code}: units must be a whole number from 1 on, not {line.units!r}.")
    given_modifiers = line.modifiers.split() if isinstance(line.modifiers, str) else line.modifiers
    modifiers = tuple(str(modifier).strip().upper() for modifier in given_modifiers)
    for modifier in modifiers:
        if not re.fullmatch(r"[0-9A-Z]{2}", modifier):
            raise InputError(f"Line {number}, {code}: {modifier!r} is no modifier of two letters or digits, such as 59.")
    return Line(code, line.units, modifiers)


def _manifests(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The whole folders below `folder`; scratch folders of an interrupted import begin with a dot and are passed over."""
    found = sorted(p.parent for p in folder.glob(f"*/{MANIFEST}") if not p.parent.name.startswith("."))
    return [(path, json.loads((path / MANIFEST).read_text(encoding="utf-8"))) for path in found]
