"""What to do about a variance: the lines worth asking for, by dollars and age, with their last day; letters; a workbook.

from feecalc.analysis.worklist import letter, worklist, write
worklist(found, date(2026, 11, 23))
letter(found, claim=17, opened=opened, today=date(2026, 11, 23))
write(found, Path("variance.xlsx"), date(2026, 11, 23))

The days of the limits stand in policy/remittance_codes.toml, with their sources. A draft letter names no patient.
"""

import datetime as dt
from pathlib import Path

import polars as pl

from feecalc import export
from feecalc.analysis.remittance import Remittance
from feecalc.analysis.variance import codes
from feecalc.analysis.variance.result import BY, Variance
from feecalc.analysis.variance.traces import Arithmetic, arithmetic
from feecalc.api import OpenSchedule
from feecalc.errors import InputError
from feecalc.export import Sheet
from feecalc.money import show
from feecalc.pricing.explain import Step

# Actions by which nothing is asked for: the payment is right, or somebody else pays.
SETTLED = ("none", "patient", "repay")
CLOSED = "never"

COLUMNS = {
    "place": "its place on the list, from 1",
    "dollars": "what was paid too little, cents",
    "age": "days since the remittance; null where it has no date",
    "limit": "until when it can be asked for; null where there is no limit, or no date",
    "days_left": "days until then; below 0 where it has passed",
    "standing": "open, late (the limit has passed) or closed (nothing can overturn it)",
    "action": "what can be done, by name",
}


def worklist(variance: Variance, today: dt.date) -> pl.DataFrame:
    """The underpaid and denied lines that are not settled by a rule, one row each, what is worth most first.

    Open ones come before those whose limit has passed, and these before those that nothing can overturn; within each the most
    dollars first, then the oldest. Columns COLUMNS, and of `variance.lines` what names a line and says why. Cents.
    """
    asked = variance.lines.filter(pl.col("difference") < 0, ~pl.col("action").is_in(SETTLED))
    limits = {one.name: one.limit for one in codes.actions().values()}
    days = {name: codes.limit_days(name) for name in set(limits.values()) if name}
    by_action = {name: days.get(limit) for name, limit in limits.items()}
    starts = [name for name, limit in limits.items() if limit == "filing"]
    start = pl.when(pl.col("action").is_in(starts)).then("service_date").otherwise("paid_date")
    span = pl.col("action").replace_strict(by_action, default=None, return_dtype=pl.Int64)
    as_of = pl.lit(today, dtype=pl.Date)
    rows = asked.with_columns(
        dollars=-pl.col("difference"),
        age=(as_of - pl.col("paid_date")).dt.total_days(),
        limit=start + pl.duration(days=span),
    ).with_columns(days_left=(pl.col("limit") - as_of).dt.total_days())
    rows = rows.with_columns(
        standing=pl.when(pl.col("action") == CLOSED)
        .then(pl.lit("closed"))
        .when(pl.col("days_left") < 0)
        .then(pl.lit("late"))
        .otherwise(pl.lit("open"))
    )
    order = pl.col("standing").replace_strict({"open": 0, "late": 1, "closed": 2}, return_dtype=pl.Int8)
    rows = rows.sort(order, "dollars", "age", "row", descending=[False, True, True, False], nulls_last=True)
    return rows.with_columns(place=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)).select(
        "place", "dollars", "age", "limit", "days_left", "standing", "action", "claim", "line", "claim_id", "payer_claim",
        "payer", "npi", "paid_date", "service_date", "hcpcs", "modifiers", "units", "charge", "expected_allowed", "allowed",
        "expected_patient", "expected_paid", "paid", "outcome", "causes", "alternatives", "hint", "codes", "remarks", "edit",
    )  # fmt: skip


# Letters -------------------------------------------------------------------------------------------------------------------


def letter(variance: Variance, claim: int, opened: OpenSchedule, today: dt.date) -> str:
    """A draft of a request to look at a claim again, as text: what is due, by which arithmetic, and by which sources.

    `claim` is the running number of a claim of the remittance. The patient's name and number are left to be filled in. Raises
    InputError where nothing of the claim was paid too little, or nothing can be asked for.
    """
    listed = worklist(variance, today).filter(pl.col("claim") == claim)
    if listed.is_empty():
        raise InputError(
            f"Of claim {claim} nothing is to be asked for: no line of it was paid too little without a rule for it."
        )
    rows = listed.sort("line").to_dicts()
    if all(row["standing"] == "closed" for row in rows):
        raise InputError(
            f"No denial of claim {claim} can be overturned, so there is nothing to write. {codes.actions()[CLOSED].sentence}"
        )
    if all(row["action"] in ("resubmit", "other_payer") for row in rows):
        raise InputError(f"Claim {claim} is not to be appealed: {codes.actions()[rows[0]['action']].sentence}")
    rows = [row for row in rows if row["standing"] != "closed"]
    found = arithmetic(variance, [claim], opened)
    by_line = dict(variance.lines.filter(pl.col("claim") == claim).select("line", "row").iter_rows())
    first, limit = rows[0], codes.section("limit")["redetermination"]
    due = sum(row["dollars"] for row in rows)
    dates = sorted({row["service_date"] for row in rows})
    said = [
        str(today),
        "",
        f"To: {first['payer'] or '[contractor]'}",
        "Subject: Request for a redetermination (first level of appeal)",
        "",
        "Patient: [name and Medicare number]",
        f"Claim control number: {first['payer_claim'] or '[number]'}   Our claim number: {first['claim_id'] or '[number]'}",
        f"Dates of service: {', '.join(str(day) for day in dates)}   Remittance of: {first['paid_date'] or '[date]'}",
        f"Rendering practitioner (NPI): {first['npi'] or '[NPI]'}",
        "",
        "We ask you to look again at the payment of the claim above. By the Medicare Physician Fee Schedule "
        f"{show(due)} more is due:",
        "",
    ]
    for row in rows:
        said += [*_line_letter(row, found.get(by_line[row["line"]], Arithmetic((), (), ""))), ""]
    said += [
        "Please correct the payment, or tell us by which rule it was made.",
        "",
        "Enclosed: the remittance; the record of the visit [as far as it is needed].",
        "",
        "[name, title, signature, telephone]",
        "",
        "Before you send this draft: it is an estimate from public files, and states nothing of the patient or the visit.",
        f"Last day to ask: {first['limit'] or 'not known'}. {limit['sentence']} {limit['note']} Source: {limit['source']}.",
    ]
    others = sorted({row["alternatives"] for row in rows if row["alternatives"]})
    said += [f"The amount could also come from: {text}." for text in others]
    return "\n".join(said)


LETTER_CENTS = ("charge", "allowed", "expected_allowed", "expected_patient", "paid", "expected_paid", "dollars")


def _line_letter(row: dict[str, object], how: Arithmetic) -> list[str]:
    """A line of the claim: what was billed, allowed and paid, and what should have been."""
    name = " ".join(str(part) for part in (row["hcpcs"], row["modifiers"]) if part)
    cents = {key: int(str(row[key])) for key in LETTER_CENTS}
    said = [
        f"Line {row['line']}: {name}, {row['units']} unit(s), billed {show(cents['charge'])}",
        f"  Allowed {show(cents['allowed'])}; by the fee schedule {show(cents['expected_allowed'])}.",
        f"  Paid {show(cents['paid'])}; due {show(cents['expected_paid'])}; difference {show(cents['dollars'])}.",
    ]
    if row["causes"]:
        said.append(f"  What we find: {row['causes']}.")
    codes_given = [code for code in f"{row['codes']} {row['remarks']}".split() if code]
    said += [f"  {code}: {codes.explain_code(code)}" for code in dict.fromkeys(codes_given)]
    said += [f"  {row['edit']}."] if row["edit"] else []
    if how.steps:
        said.append(f"  How the amount comes about ({how.source}):")
        said += [_told(step) for step in how.steps]
        allowed = round(how.steps[-1].end)
        if allowed != cents["expected_allowed"]:
            less = show(allowed - cents["expected_allowed"])
            said.append(f"    Less {less}, by which the other lines of the day were paid more without this one.")
        said += [_told(step) for step in how.after]
        part, paid = show(cents["expected_patient"]), show(cents["expected_paid"])
        said.append(f"    Of it the patient's part is {part}, and Medicare pays {paid}.")
    return said


def _told(step: Step) -> str:
    """A step of the arithmetic with its rule and source."""
    return f"    {step.before} -> {step.after}: {step.rule}{f' {step.detail}' if step.detail else ''} [{step.source}]"


# Files ---------------------------------------------------------------------------------------------------------------------

TIGHT = ("row", "payer_id", "file")  # columns that a person does not read


def sheets(variance: Variance, today: dt.date) -> list[Sheet]:
    """The worksheets: summary, causes, worklist, the lines that differ, totals, codes, and what was not compared."""
    totals, dollars_of = variance.totals, Variance.table_of
    money = ("expected_paid", "paid", "difference", "underpaid", "overpaid")
    summary = pl.DataFrame(
        [(name.replace("_", " "), show(value)) if name in money else (name, f"{value:,}")
         for name, value in totals.items()],
        schema=["What", "Value"],
        orient="row",
    )  # fmt: skip
    odd = variance.lines.filter(~pl.col("outcome").is_in(["matches", "not priceable"]))
    limit = codes.section("limit")["redetermination"]
    made = [
        Sheet("Summary", summary, "What Medicare should have paid, and what it paid", (variance.headline, *variance.notes)),
        Sheet("Causes", dollars_of(variance.by_cause()), "Why they differ", ("effect: on Medicare's payment, in all.",)),
        Sheet("Worklist", dollars_of(worklist(variance, today)), "What to ask for", (f"{limit['sentence']} {limit['note']}",)),
        Sheet("Lines that differ", dollars_of(odd.drop(TIGHT)), "Every line that does not match"),
        *(Sheet(f"By {name}", dollars_of(variance.by(name))) for name in BY if name != "outcome"),
        Sheet("Codes", variance.code_words, "What the codes of these lines mean", ("In feecalc's words.",)),
    ]
    if variance.whole_claims.height:
        note = "No line bears them, so no line's difference holds them."
        made.append(Sheet("Whole claims", dollars_of(variance.whole_claims), "Adjustments of whole claims", (note,)))
    if variance.unpriced.height:
        made.append(Sheet("Not compared", dollars_of(variance.unpriced), "Why lines were not compared"))
    return made


def sheets_of_files(remittance: Remittance, keep_references: bool = False) -> list[Sheet]:
    """The worksheets of what the files hold beside their lines: what was settled with whole payments, and how they were read.

    The reference of a settlement may hold a patient's Medicare number, so that it is left out unless it is to be kept.
    """
    made = []
    settled, problems = remittance.provider_adjustments, remittance.problems
    if settled.height:
        dropped = [] if keep_references else ["reference"]
        note = "What is positive lowers a payment. None of it is in a line's difference."
        shown = Variance.table_of(settled.drop("payment", "segment", *dropped))
        made.append(Sheet("Whole payments", shown, "What payers settled with whole payments", (note,)))
    if problems.height:
        listed = problems.select("severity", "file", "segment", "what", "to_do")
        made.append(Sheet("How the files were read", listed, "What was wrong with the files"))
    return made


def notes(variance: Variance, opened: OpenSchedule) -> list[tuple[str, str]]:
    """What the workbook's last sheet says: where, the settings, the releases and their files, and what the words rest on."""
    settings = variance.settings
    names = sorted({name for name in variance.lines["release"].unique() if name})
    files = [(f"Release {name}", opened.schedule.releases[name].sources[0]["file"]) for name in names]
    return [
        ("Place of service", str(variance.where)),
        ("QP", str(settings.qp)),
        ("Participating", str(settings.participating)),
        ("Practitioner", settings.provider_type or "physician or therapist, in full"),
        ("Deductible", "as the remittance has it" if settings.deductible == "remitted" else "expected to be met"),
        ("Tolerance", f"{settings.tolerance} cents a line, {settings.unit_tolerance} cents a unit of the allowed amount"),
        *files,
        ("Codes and limits", "policy/remittance_codes.toml, each with its source and standing"),
        ("Estimate", "An estimate from public files, no coverage decision and no promise of payment."),
    ]


def table_of_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines of a variance for a csv or parquet file, in dollars, with their causes."""
    return Variance.table_of(lines.drop("row"))


def write(variance: Variance, target: Path, today: dt.date, opened: OpenSchedule, remittance: Remittance | None = None) -> None:
    """Write a variance: .xlsx with its worksheets, and those of the remittance; .csv or .parquet with its lines.

    Raises InputError for another ending.
    """
    if target.suffix.lower() == ".xlsx":
        own = sheets_of_files(remittance) if remittance is not None else []
        export.write_book([*sheets(variance, today), *own], target, notes(variance, opened))
    else:
        export.write(table_of_lines(variance.lines), target)
