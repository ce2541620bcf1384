"""Paid lines from a spreadsheet: what a practice system or a payer's portal exports, as the frames of a remittance.

from feecalc.analysis import paid_lines
paid_lines.propose("paid.xlsx").columns                      # {"hcpcs": "CPT", "paid": "Ins Pmt", ...}, for a person to confirm
paid_lines.read("paid.xlsx", chosen={"paid": "Ins Pmt"})     # a Remittance, as feecalc.analysis.remittance reads from an 835

One row is one service line; rows of the same claim number, payer, check and day of payment are one claim. Columns that no list
below names are not read: names of patients stay in the file.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from feecalc.analysis.mix import GLUED, WITH_MODIFIERS
from feecalc.analysis.remittance.frames import FRAMES, UNIT_SCALE, Remittance
from feecalc.analysis.remittance.reversals import net
from feecalc.analysis.remittance.told import Told
from feecalc.analysis.remittance.values import cents, thousandths
from feecalc.claims.columns import NUMBERED_MODIFIER, plain_name
from feecalc.claims.files import File
from feecalc.claims.headers import LOOKED_AT, Header
from feecalc.claims.tables import Table, open_table, whole
from feecalc.claims.values import RULES, Reading, is_day_first, read_code, read_date, read_modifiers
from feecalc.errors import InputError

# The columns of paid lines and the names that systems give them; letter case, blanks and signs never matter.
ALIASES = {
    "claim_id": (
        "claim", "claim number", "claim no", "claim #", "patient control number", "patient account number", "account number",
        "account", "invoice", "invoice number", "encounter", "encounter id", "visit id", "ticket",
    ),
    "line": ("line number", "line no", "claim line", "service line"),
    "service_date": ("dos", "date of service", "from dos", "dos from", "service from", "date"),
    "service_date_to": ("to dos", "dos to", "service to"),
    "hcpcs": (
        "cpt", "cpt code", "hcpcs code", "cpt/hcpcs", "hcpcs/cpt", "procedure", "procedure code", "proc", "proc code",
        "px code", "service code", "billing code", "code",
    ),
    "modifiers": ("modifier", "mods", "mod"),
    "units": ("unit", "qty", "quantity", "service units", "paid units", "units paid"),
    "units_billed": ("billed units", "units billed"),
    "charge": (
        "charges", "charge amount", "charged", "billed", "billed amount", "billed charges", "amount billed", "submitted charge",
    ),
    "allowed": ("allowed amount", "allowable", "approved", "approved amount", "eligible amount", "contracted amount"),
    "paid": (
        "payment", "paid amount", "amount paid", "payment amount", "insurance payment", "insurance paid", "ins paid", "ins pmt",
        "payer paid", "primary paid", "provider paid", "medicare paid", "net paid",
    ),
    "deductible": ("deduct", "deductible amount", "pr 1", "pr1"),
    "coinsurance": ("coins", "co insurance", "coinsurance amount", "pr 2", "pr2"),
    "copay": ("co pay", "copayment", "copay amount", "pr 3", "pr3"),
    "patient_responsibility": (
        "patient resp", "pt resp", "patient share", "patient balance", "patient amount", "member liability",
    ),
    "write_off": (
        "contractual", "contractual adjustment", "adjustment", "adjusted", "adjustment amount", "writeoff", "disallowed",
        "not allowed", "co 45", "co45",
    ),
    "sequestration": ("sequester", "sequestration amount", "co 253", "co253"),
    "adjustments": ("adjustment codes", "reason codes", "adjustment reasons", "carc", "carcs", "denial codes", "cas"),
    "remarks": ("remark codes", "remark code", "remark", "rarc", "rarcs"),
    "payer": ("payor", "payer name", "payor name", "insurance", "insurance name", "plan", "plan name", "carrier"),
    "payer_id": ("payor id",),
    "check_number": ("check", "check no", "check #", "eft", "eft number", "trace number", "check/eft number", "check eft"),
    "paid_date": ("payment date", "date paid", "check date", "remit date", "remittance date", "posted date", "deposit date"),
    "status": ("claim status", "status code", "claim status code"),
    "filing": ("filing indicator", "claim filing indicator"),
    "payer_claim": (
        "icn", "dcn", "payer claim number", "payer control number", "payer claim control number", "insurance claim",
    ),
    "pos": ("place of service", "pos code"),
    "rendering_npi": ("rendering", "npi", "provider npi", "rendering provider npi"),
    "payee_npi": ("billing npi", "group npi"),
    "line_control": ("line control number", "line item control number"),
}  # fmt: skip
TARGET = {plain_name(name): wanted for wanted, others in ALIASES.items() for name in (wanted, *others)}
NEEDED = ("hcpcs", "paid")
MONEY = (
    "charge", "allowed", "paid", "deductible", "coinsurance", "copay", "patient_responsibility", "write_off", "sequestration",
)  # fmt: skip
UNITS = ("units", "units_billed")
DATES = ("service_date", "service_date_to", "paid_date")
# The columns that are adjustments, as an 835 has them. 209 stands for the patient's part in one sum.
REASONS = {
    "write_off": ("CO", "45"),
    "sequestration": ("CO", "253"),
    "deductible": ("PR", "1"),
    "coinsurance": ("PR", "2"),
    "copay": ("PR", "3"),
    "patient_responsibility": ("PR", "209"),
}
STATUSES = {
    "1": ("primary", "processed as primary", "paid", "processed"),
    "2": ("secondary", "processed as secondary"),
    "3": ("tertiary", "processed as tertiary"),
    "4": ("denied",),
    "22": ("reversal", "reversed", "reversal of previous payment", "void"),
}  # fmt: skip
_STATUS = {plain_name(name): code for code, names in STATUSES.items() for name in (code, *names)}
_AMOUNT = r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d{1,2})?"
_REASON = re.compile(rf"(CO|CR|OA|PI|PR)[-\s]?([A-Z]?\d{{1,3}})[:=\s]\s*\$?\s?({_AMOUNT})(?![\d.])")

Source = str | Path | bytes | File


@dataclass(frozen=True)
class Proposal:
    """Which column of a file would be read as which, for a person to confirm.

    columns   column of paid lines -> column of the file; several columns of modifiers are parted by ", "
    open      column of paid lines -> the columns of the file of which a person must choose one
    unread    columns of the file that nothing reads
    problems  what keeps the file from being read until it is chosen, in sentences
    notes     what was found on the way
    """

    columns: dict[str, str]
    open: dict[str, tuple[str, ...]]
    unread: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def propose(source: Source, name: str | None = None, chosen: Mapping[str, str] | None = None) -> Proposal:
    """Which column of a file would be read as which. `source` is a path, or the bytes of a file with its `name`.

    Raises InputError where the file cannot be read at all; what a person has to choose stands in the proposal.
    """
    table = _opened(File.of(source, name, "paid.xlsx"))
    return match(table.schema.names(), chosen or {}, table.notes)


def read(source: Source, name: str | None = None, chosen: Mapping[str, str] | None = None) -> Remittance:
    """Read paid lines from a csv, xlsx or parquet file: its path, or its bytes with its `name`.

    `chosen` says which column of the file is which of ALIASES ("" for none), where names do not settle it or a person knows
    better. `segment` is the row of the file, as a person counts rows; what cannot be read stands in `problems`, and its row is
    kept without it. Raises InputError where the file cannot be read, where something must be chosen, and where no row has a
    code and a payment.
    """
    file = File.of(source, name, "paid.xlsx")
    table = _opened(file)
    proposal = match(table.schema.names(), chosen or {}, table.notes)
    if proposal.problems:
        raise InputError(" ".join(proposal.problems))
    return _Reader(whole(table), table.first_row, proposal, file.name).read()


# The file ------------------------------------------------------------------------------------------------------------------


def find_header(rows: Iterable[Sequence[str | None]], alone: bool = True) -> Header | None:
    """As claims.headers.find_header, by the names of paid lines: the first row that names the codes and another column."""
    first: Header | None = None
    for place, cells in enumerate(rows):
        if first is not None and place >= LOOKED_AT:
            break
        named = {TARGET[plain_name(cell)] for cell in cells if cell and plain_name(cell) in TARGET}
        if "hcpcs" in named and len(named) > 1:
            return Header(place, cells, known=True)
        if first is None and any(cell and cell.strip() for cell in cells):
            first = Header(place, cells, known=False)
    return first


def _opened(file: File) -> Table:
    """The file as a table of the claims reader."""
    return open_table(file, find_header, "paid lines")


# Columns -------------------------------------------------------------------------------------------------------------------


def match(names: Sequence[str], chosen: Mapping[str, str], notes: Iterable[str] = ()) -> Proposal:
    """Match a file's columns with those of paid lines, without a guess. Raises InputError where a chosen one is not there."""
    columns: dict[str, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    for wanted, given in chosen.items():
        if wanted not in ALIASES:
            raise InputError(f"Paid lines have no column {wanted!r}. They may have: {', '.join(ALIASES)}.")
        if given.strip():
            columns[wanted] = _chosen(wanted, given.strip(), names)
    taken = {name for given in columns.values() for name in (given, *given.split(", "))}
    left = [name for name in names if name not in taken]
    for wanted in ALIASES:
        if wanted in chosen:
            continue
        alike = [name for name in left if TARGET.get(plain_name(name)) == wanted]
        if wanted == "modifiers":
            numbered = sorted((name for name in left if _number(name)), key=_number)
            alike = [*alike, *numbered] if not alike or not numbered or _number(numbered[0]) > 1 else alike
            alike = [", ".join(alike)] if numbered and alike else alike
        if len(alike) == 1:
            columns[wanted] = alike[0]
        elif alike:
            found[wanted] = tuple(alike)
    problems = [_which(wanted, several) for wanted, several in found.items()]
    problems += [
        f"No column holds {what}: none is called {example} or the like. Say which it is, as in {wanted}=COLUMN. "
        f"The file has {', '.join(map(repr, names)) or 'no columns'}."
        for wanted, what, example in (("hcpcs", "the codes", "CPT, HCPCS"), ("paid", "what was paid", "Paid, Payment"))
        if wanted not in columns and wanted not in found
    ]
    read_from = {name for given in columns.values() for name in (given, *given.split(", "))}
    read_from |= {name for several in found.values() for name in several}
    unread = tuple(name for name in names if name not in read_from)
    return Proposal(columns, found, unread, tuple(problems), tuple(notes))


def _number(name: str) -> int:
    """The number of a column of modifiers that has one, such as Modifier 2; else 0."""
    numbered = NUMBERED_MODIFIER.fullmatch(plain_name(name))
    return int(numbered[1]) if numbered else 0


def _chosen(wanted: str, given: str, names: Sequence[str]) -> str:
    """The column that a person chose, or several of modifiers."""
    several = [given] if wanted != "modifiers" or given in names else [part.strip() for part in given.split(",")]
    found = []
    for name in several:
        alike = [name] if name in names else [other for other in names if plain_name(other) == plain_name(name)]
        if len(alike) != 1:
            listed = ", ".join(map(repr, names)) or "no columns"
            raise InputError(f"The file has no column {name!r} to read as {wanted}. It has {listed}.")
        found += alike
    return ", ".join(found)


def _which(wanted: str, several: Sequence[str]) -> str:
    ways = " or ".join(f'{wanted}="{name}"' for name in several)
    return f"Which column is {wanted}? It may be {' or '.join(map(repr, several))}. Choose one: {ways}."


# Values --------------------------------------------------------------------------------------------------------------------


def read_procedure(text: str) -> tuple[Reading, str]:
    """A code, and modifiers that stand in its cell: 97110, 97110-GP, HC:97110:GP:CQ."""
    value = re.sub(r"^(?:HC|HCPCS|CPT)[:\s]\s*", "", text.upper().replace("\u2013", "-"))
    whole = read_code(value)
    if whole.problem is not None and (found := WITH_MODIFIERS.fullmatch(value) or GLUED.fullmatch(value)):
        return read_code(found[1]), " ".join(re.findall(r"[0-9A-Z]{2}", found[2]))
    return whole, ""


def money(text: pl.Expr) -> pl.Expr:
    """Dollars in cents; a minus or brackets take money back; null where the text is no amount of whole cents."""
    back = text.str.contains(r"^[-(]|^\$\s?-|-$")
    fits = text.str.contains(r"^[-($\s]*(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]*)?[)\s-]*$")
    number = text.str.replace_all(r"[^0-9.]", "")
    return pl.when(fits).then(cents(number)) * pl.when(back).then(-1).otherwise(1)


def _plain(text: str) -> Reading:
    return Reading(text or None)


def _status(text: str) -> Reading:
    if not text:
        return Reading(None)
    bare = re.sub(r"\.0+$", "", text)
    return Reading(_STATUS.get(plain_name(bare), bare))


def _reasons(text: str) -> Reading:
    """Reasons with their amounts, such as `CO-45 70.00, PR-2 16.00`."""
    found = _REASON.findall(text.upper())
    if text and (not found or re.search(r"[A-Z0-9]", _REASON.sub("", text.upper()))):
        return Reading(None, problem="no list of reasons with their amounts, such as CO-45 70.00, PR-2 16.00")
    return Reading([(group, reason, amount.replace(",", "")) for group, reason, amount in found])


def _remarks(text: str) -> Reading:
    return Reading(" ".join(re.findall(r"[A-Z0-9]+", text.upper())))


BY_VALUE: dict[str, Callable[[str], Reading]] = {"pos": RULES["pos"][0], "status": _status, "remarks": _remarks}


class _Reader:
    """One file on its way to a remittance."""

    def __init__(self, frame: pl.DataFrame, first_row: int, proposal: Proposal, title: str) -> None:
        self.rows = pl.int_range(first_row, first_row + frame.height, dtype=pl.Int64, eager=True)
        self.frame, self.columns, self.proposal, self.title = frame, proposal.columns, proposal, title
        self.told = Told()

    def read(self) -> Remittance:
        """The frames of the file."""
        self.note(list(self.proposal.notes))
        self.note([f"Column read as {wanted}: {name}" for wanted, name in self.columns.items()])
        if self.proposal.unread:
            self.note([f"Columns not read: {', '.join(self.proposal.unread)}"])
        self.leave_out_what_is_no_line()
        lines = self.lines()
        lines = lines.hstack(self.claim_numbers(lines))
        adjustments = self.adjustments(lines)
        lines = self.balanced(lines, adjustments)
        claims = self.claims(lines, adjustments)
        payments = self.payments(claims)
        numbers = payments.select("payment", *_CHECK)
        claims = claims.join(numbers, on=_CHECK, how="left", nulls_equal=True, maintain_order="left")
        made = {"claims": claims, "lines": lines, "adjustments": adjustments, "payments": payments}
        made["problems"] = self.told.frame()
        frames = {name: _typed(made.get(name, pl.DataFrame()), schema) for name, schema in FRAMES.items()}
        return Remittance(**frames | {"claims": net(frames["claims"])})

    # Told ------------------------------------------------------------------------------------------------------------------

    def note(self, notes: Sequence[str]) -> None:
        """What was done with the file as a whole."""
        for note in notes:
            self.told.tell(self.title, None, "note", f"{note}.", "Choose other columns where this is not right.")

    def reject(self, column: str, where: pl.Series, why: pl.Series | str) -> None:
        """Values of a column that cannot be read; never the values themselves."""
        if where.any():
            reasons = why.filter(where) if isinstance(why, pl.Series) else pl.Series([why]).new_from_index(0, int(where.sum()))
            found = pl.DataFrame({"segment": self.rows.filter(where), "why": reasons}).with_columns(file=pl.lit(self.title))
            what = pl.format("Column {}: {}.", pl.lit(column), pl.col("why"))
            self.told.tell_all(found, "error", what, "The row was read without it. Mend it in the file, and read it again.")

    # Rows ------------------------------------------------------------------------------------------------------------------

    def leave_out_what_is_no_line(self) -> None:
        """Leave out blank rows, headers that come again, and rows without a code, which are totals as a rule; they are told."""
        code = self.frame[self.columns["hcpcs"]]
        blank = self.frame.select(pl.all_horizontal(pl.all() == "")).to_series()
        again = code.str.to_lowercase() == self.columns["hcpcs"].lower()
        without = (code == "") & ~blank
        for where, what in ((blank, "blank"), (again, "the header once more"), (without, "without a code")):
            if where.any():
                rows = ", ".join(f"{row:,}" for row in self.rows.filter(where).head(12)) + (" …" if where.sum() > 12 else "")
                severity = "warning" if where is without else "note"
                to_do = "See that they are totals or titles and no services." if where is without else "Nothing."
                self.told.tell(self.title, None, severity, f"Rows not read, as they are {what}: {rows}.", to_do)  # type: ignore[arg-type]
        kept = ~(blank | again | without)
        self.frame, self.rows = self.frame.filter(kept), self.rows.filter(kept)
        if self.frame.is_empty():
            raise InputError(f"{self.title} holds no row with a code. Check that its header is right above its lines.")

    # Values ----------------------------------------------------------------------------------------------------------------

    def text(self, name: str) -> pl.Series:
        """A column of the file; "" everywhere where it has none."""
        column = self.columns.get(name)
        return pl.Series([""]).new_from_index(0, self.frame.height) if column is None else self.frame[column]

    def by_value(self, name: str, rule: Callable[[str], Reading], kind: Any = pl.String) -> pl.Series:
        """What a rule makes of each distinct value of a column."""
        text = self.text(name)
        distinct = text.unique()
        readings = [rule(value) for value in distinct]
        why = pl.Series([reading.problem for reading in readings], dtype=pl.String)
        if why.null_count() < why.len():
            reasons = text.replace_strict(distinct, why, return_dtype=pl.String)
            self.reject(self.columns[name], reasons.is_not_null(), reasons)
        values = pl.Series([None if r.problem else r.value for r in readings], dtype=kind)
        return text.replace_strict(distinct, values, return_dtype=kind).alias(name)

    def amount(self, name: str) -> pl.Series:
        """A column of dollars in cents."""
        text = self.text(name)
        blank = text.is_in(["", "-"])
        read_cents = pl.select(money(pl.lit(text.replace("-", "")))).to_series()
        self.reject(self.columns.get(name, name), read_cents.is_null() & ~blank, "not an amount in dollars and whole cents")
        return read_cents.alias(name)

    def count(self, name: str) -> pl.Series:
        """A column of units in thousandths."""
        text = self.text(name)
        read_units = pl.select(thousandths(pl.lit(text))).to_series()
        self.reject(self.columns.get(name, name), read_units.is_null() & (text != ""), "not a number of units")
        return read_units.alias(name)

    def date(self, name: str) -> pl.Series:
        """A column of days; a blank one is none."""
        ambiguous = any(is_day_first(value) for value in self.text(name).unique())
        return self.by_value(name, lambda value: read_date(value, ambiguous) if value else Reading(None), pl.Date)

    def procedures(self) -> list[pl.Series]:
        """`hcpcs` and `modifiers`."""
        text = self.text("hcpcs")
        split = {value: read_procedure(value) for value in text.unique()}
        code = self.by_value("hcpcs", lambda value: split[value][0])
        in_cell = text.replace_strict({value: found[1] for value, found in split.items()}, return_dtype=pl.String)
        own = self.columns.get("modifiers")
        names = [] if own is None else [own] if own in self.frame.columns else own.split(", ")
        together = pl.select(pl.concat_str([in_cell, *(self.frame[name] for name in names)], separator=" ")).to_series()
        distinct = {value: read_modifiers(value) for value in together.unique()}
        why = together.replace_strict({value: r.problem for value, r in distinct.items()}, return_dtype=pl.String)
        self.reject(own or self.columns["hcpcs"], why.is_not_null(), why)
        values = {value: " ".join(dict.fromkeys(str(r.value).split())) for value, r in distinct.items()}
        return [code, together.replace_strict(values, return_dtype=pl.String).alias("modifiers")]

    # Frames ----------------------------------------------------------------------------------------------------------------

    def lines(self) -> pl.DataFrame:
        """One row a row of the file, with the columns of claims and of adjustments beside those of lines."""
        made = [self.rows.alias("segment"), *self.procedures()]
        made += [self.amount(name) for name in MONEY]
        made += [self.count(name) for name in UNITS]
        made += [self.date(name) for name in DATES]
        made += [self.by_value(name, rule) for name, rule in BY_VALUE.items()]
        done = {series.name for series in made} | {"line", "adjustments"}
        made += [self.by_value(name, _plain) for name in ALIASES if name not in done]
        lines = pl.DataFrame(made).with_columns(units=pl.when(self.text("units") == "").then(UNIT_SCALE).otherwise("units"))
        if "units_billed" not in self.columns:
            lines = lines.with_columns(units_billed="units")
        if lines["hcpcs"].is_null().all() or lines["paid"].is_null().all():
            raise InputError(f"{self.title} holds no row with a code and a payment. Check which columns they are in.")
        return lines.with_columns(
            code_type=pl.lit("HC"), billed_hcpcs="hcpcs", billed_modifiers="modifiers", remarks=pl.col("remarks").fill_null("")
        )

    def claim_numbers(self, lines: pl.DataFrame) -> pl.DataFrame:
        """`claim` and `line`. A row without a claim number is a claim of its own."""
        key = pl.when(pl.col("claim_id").is_null()).then(pl.col("segment"))
        first = pl.struct("claim_id", *_CHECK, "status", key).rank("dense")
        numbered = lines.select(first.alias("key")).with_row_index("place")
        order = numbered.group_by("key", maintain_order=True).agg(pl.col("place").first()).with_row_index("claim", offset=1)
        numbered = numbered.join(order.select("key", "claim"), on="key", how="left", maintain_order="left")
        return numbered.select(pl.col("claim").cast(pl.Int64), line=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("claim"))

    def adjustments(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row an adjustment of a line, from columns that hold one reason each and from lists of reasons."""
        place = ("claim", "line", "segment")
        parts = [
            lines.select(*place, group=pl.lit(group), reason=pl.lit(reason), amount=pl.col(name), order=pl.lit(order))
            for order, (name, (group, reason)) in enumerate(REASONS.items())
            if name in self.columns and not (name == "patient_responsibility" and self.has_patient_parts())
        ]
        if "adjustments" in self.columns:
            kind = pl.List(pl.List(pl.String))
            listed = self.by_value("adjustments", lambda value: _as_lists(_reasons(value)), kind)
            of_list = lines.select(*place).with_columns(listed=listed).explode("listed", empty_as_null=True)
            of_list = of_list.drop_nulls("listed")
            parts.append(
                of_list.select(
                    *place,
                    group=pl.col("listed").list.get(0),
                    reason=pl.col("listed").list.get(1),
                    amount=cents(pl.col("listed").list.get(2)),
                    order=pl.lit(len(REASONS)),
                )
            )
        if not parts:
            return pl.DataFrame(schema=FRAMES["adjustments"])
        found = pl.concat(parts).filter(pl.col("amount") != 0)
        found = found.unique(["claim", "line", "group", "reason", "amount"], keep="first", maintain_order=True)
        return found.sort("claim", "line", "order", maintain_order=True)

    def has_patient_parts(self) -> bool:
        """Whether the patient's part is given in parts, which its sum only repeats."""
        return any(name in self.columns for name in ("deductible", "coinsurance", "copay"))

    def balanced(self, lines: pl.DataFrame, adjustments: pl.DataFrame) -> pl.DataFrame:
        """With `balanced`: whether charge less adjustments is what was paid; null where no adjustments are given."""
        if adjustments.is_empty() or "charge" not in self.columns:
            return lines.with_columns(balanced=pl.lit(None, dtype=pl.Boolean))
        sums = adjustments.group_by("claim", "line").agg(pl.col("amount").sum().alias("less"))
        joined = lines.join(sums, on=["claim", "line"], how="left", maintain_order="left")
        made = pl.col("charge") - pl.col("less").fill_null(0)
        return joined.with_columns(balanced=(made == pl.col("paid")).fill_null(value=False)).drop("less")

    def claims(self, lines: pl.DataFrame, adjustments: pl.DataFrame) -> pl.DataFrame:
        """One row a claim: sums of its lines, and what they have in common."""
        of_first = ("segment", "claim_id", *_CHECK, "status", "payee_npi", "payer_claim", "filing", "pos", "rendering_npi")
        patient = adjustments.filter(pl.col("group") == "PR").group_by("claim").agg(share=pl.col("amount").sum())
        claims = lines.group_by("claim", maintain_order=True).agg(
            *(pl.col(name).first() for name in of_first),
            *(pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name) for name in ("charge", "paid")),
            pl.col("service_date").min().alias("date_from"),
            pl.max_horizontal(pl.col("service_date").max(), pl.col("service_date_to").max()).alias("date_to"),
            pl.col("balanced").all(ignore_nulls=False),
        )
        reversal = (pl.col("status") == "22") | (pl.col("charge") < 0)
        return claims.join(patient, on="claim", how="left", maintain_order="left").with_columns(
            file=pl.lit(self.title),
            patient_responsibility="share",
            remarks=pl.lit(""),
            reversal=reversal.fill_null(value=False),
            netted=pl.lit(False),
        )

    def payments(self, claims: pl.DataFrame) -> pl.DataFrame:
        """One row a check: what the claims of one payer, check and day add up to."""
        payments = claims.group_by(_CHECK, maintain_order=True).agg(
            pl.col("file", "segment", "payee_npi").first(),
            claims=pl.len(),
            claims_paid=pl.col("paid").sum(),
        )
        return payments.with_row_index("payment", offset=1).with_columns(provider_adjustments=pl.lit(0))


_CHECK = ("payer", "payer_id", "check_number", "paid_date")


def _as_lists(reading: Reading) -> Reading:
    return reading if reading.value is None else Reading([list(one) for one in reading.value])


def _typed(frame: pl.DataFrame, schema: dict[str, Any]) -> pl.DataFrame:
    """The columns of a schema."""
    if not frame.columns:
        return pl.DataFrame(schema=schema)
    missing = [pl.lit(None).alias(name) for name in schema if name not in frame.columns]
    return frame.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in schema.items())
