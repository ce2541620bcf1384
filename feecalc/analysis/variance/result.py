"""What a check found: every line beside its expected figures, the causes, and their totals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from feecalc import policy
from feecalc.analysis.variance import codes
from feecalc.analysis.variance.settings import Settings, Where
from feecalc.errors import InputError
from feecalc.money import dollars, show

OUTCOMES = ("matches", "explained", "partly", "unexplained underpayment", "unexplained overpayment", "not priceable")

# One row a service line; money in cents. `row` counts the lines of the remittance from 0.
LINES: dict[str, Any] = {
    "row": pl.UInt32,
    "claim": pl.Int64,  # the running numbers of claim and line in the remittance
    "line": pl.Int64,
    "file": pl.String,
    "claim_id": pl.String,
    "payer_claim": pl.String,
    "payer": pl.String,
    "payer_id": pl.String,
    "npi": pl.String,
    "paid_date": pl.Date,
    "service_date": pl.Date,
    "hcpcs": pl.String,
    "modifiers": pl.String,
    "units": pl.Int64,
    "pos": pl.String,
    "charge": pl.Int64,
    "expected_allowed": pl.Int64,
    "allowed": pl.Int64,
    "expected_patient": pl.Int64,
    "patient": pl.Int64,
    "deductible": pl.Int64,  # of the patient's part, as remitted
    "expected_sequestration": pl.Int64,
    "sequestration": pl.Int64,
    "expected_paid": pl.Int64,
    "paid": pl.Int64,
    "difference": pl.Int64,  # paid less expected; null where not priceable
    "outcome": pl.String,
    "causes": pl.String,  # in words; blank where it matches
    "alternatives": pl.String,  # what would explain it as well
    "hint": pl.String,  # what would explain it but that no other line confirms it
    "reason": pl.String,  # why it is not priceable
    "codes": pl.String,  # the adjustments of a line that does not match
    "remarks": pl.String,
    "edit": pl.String,  # what NCCI's tables say of a denial
    "action": pl.String,  # what can be done, by name
    "release": pl.String,
}
MONEY = (
    "charge", "expected_allowed", "allowed", "expected_patient", "patient", "deductible", "expected_sequestration",
    "sequestration", "expected_paid", "paid", "difference",
)  # fmt: skip

# One row a cause of a line. The effects of a line add up to its difference.
CAUSES: dict[str, Any] = {
    "row": pl.UInt32,
    "claim": pl.Int64,
    "line": pl.Int64,
    "cause": pl.String,
    "detail": pl.String,
    "effect": pl.Int64,  # on the payment, cents
    "allowed_effect": pl.Int64,
    "alternatives": pl.List(pl.String),
}

BY: Mapping[str, tuple[str, ...]] = {
    "payer": ("payer",),
    "code": ("hcpcs",),
    "month": ("month",),
    "practitioner": ("npi",),
    "outcome": ("outcome",),
    "action": ("action",),
}


@dataclass(frozen=True)
class Variance:
    """A remittance compared. `lines` has the columns LINES, `causes` the columns CAUSES; money is in cents.

    `whole_claims` are adjustments of whole claims, which no line bears and no line's difference holds. `asked` are the lines
    as they were priced, by `row`.
    """

    where: Where
    settings: Settings
    lines: pl.DataFrame
    causes: pl.DataFrame
    whole_claims: pl.DataFrame
    notes: tuple[str, ...]
    asked: pl.DataFrame = field(repr=False)

    @cached_property
    def totals(self) -> dict[str, int]:
        """Lines by outcome, and in cents `expected_paid`, `paid`, `difference`, `underpaid`, `overpaid` of those compared."""
        compared = self.lines.filter(pl.col("difference").is_not_null())
        counts = dict(self.lines["outcome"].value_counts().iter_rows())
        off = compared["difference"]
        return {
            "lines": self.lines.height,
            **{name: counts.get(name, 0) for name in OUTCOMES},
            "expected_paid": int(compared["expected_paid"].sum()),
            "paid": int(compared["paid"].sum()),
            "difference": int(off.sum()),
            "underpaid": -int(off.filter(off < 0).sum()),
            "overpaid": int(off.filter(off > 0).sum()),
        }

    @property
    def headline(self) -> str:
        """What it comes to, in two sentences."""
        told = self.totals
        compared = told["lines"] - told["not priceable"]
        said = (
            f"Of {told['lines']:,} lines {compared:,} could be compared: Medicare should have paid "
            f"{show(told['expected_paid'])} and paid {show(told['paid'])} ({_signed(told['difference'])})."
        )
        return (
            f"{said} {told['matches']:,} match to the cent, {told['explained']:,} are explained, {told['partly']:,} in part; "
            f"{told['unexplained underpayment']:,} are underpaid and {told['unexplained overpayment']:,} overpaid without "
            "a rule that explains it."
        )

    def by_cause(self) -> pl.DataFrame:
        """Totals by cause, most money first: `lines`, `claims`, `less` and `more` paid, `effect`, title, action, sentence."""
        known = codes.causes()
        table = pl.DataFrame(
            [(one.name, one.title, one.sentence, codes.actions()[one.action].title) for one in known.values()],
            schema=["cause", "title", "sentence", "action"],
            orient="row",
        )
        effect = pl.col("effect")
        sums = self.causes.group_by("cause").agg(
            lines=pl.col("row").n_unique().cast(pl.Int64),
            claims=pl.col("claim").n_unique().cast(pl.Int64),
            less=effect.filter(effect < 0).sum(),
            more=effect.filter(effect > 0).sum(),
            effect=effect.sum(),
        )
        left = self.totals["difference"] - int(self.causes["effect"].sum())
        if left:
            let_pass = self.lines.filter(pl.col("outcome") == "matches", pl.col("difference") != 0)
            off = let_pass["difference"]
            row = (
                "tolerance",
                let_pass.height,
                let_pass["claim"].n_unique(),
                off.filter(off < 0).sum(),
                off.filter(off > 0).sum(),
                left,
            )
            sums = pl.concat([sums, pl.DataFrame([row], schema=sums.schema, orient="row")])
        weight = pl.col("more") - pl.col("less")
        told = sums.join(table, on="cause").sort(weight, "lines", "cause", descending=[True, True, False])
        return told.select("cause", "title", "lines", "claims", "less", "more", "effect", "action", "sentence")

    def by(self, name: str) -> pl.DataFrame:
        """Totals by one of BY (payer, code, month, practitioner, outcome, action), most money first.

        `lines`, `odd` (lines that do not match), `expected_paid`, `paid`, `underpaid`, `overpaid`, `difference`.
        """
        if name == "cause":
            return self.by_cause()
        if name not in BY:
            raise InputError(f"Totals are by cause, {', '.join(BY)}, not by {name}.")
        off = pl.col("difference")
        months = self.lines.with_columns(month=pl.col("service_date").dt.strftime("%Y-%m"))
        return (
            months.filter(off.is_not_null())
            .group_by(BY[name])
            .agg(
                lines=pl.len().cast(pl.Int64),
                odd=(pl.col("outcome") != "matches").sum().cast(pl.Int64),
                expected_paid=pl.col("expected_paid").sum(),
                paid=pl.col("paid").sum(),
                underpaid=-off.filter(off < 0).sum(),
                overpaid=off.filter(off > 0).sum(),
                difference=off.sum(),
            )
            .sort(pl.col("underpaid") + pl.col("overpaid"), *BY[name], descending=[True, *[False] * len(BY[name])])
        )

    @cached_property
    def unpriced(self) -> pl.DataFrame:
        """Why lines are not priceable: `reason`, `sentence`, `lines`, `paid`, most lines first."""
        sentences = {**{code: one.sentence for code, one in policy.reasons().items()}, **codes.skips()}
        return (
            self.lines.filter(pl.col("outcome") == "not priceable")
            .group_by("reason")
            .agg(lines=pl.len().cast(pl.Int64), paid=pl.col("paid").sum())
            .with_columns(sentence=pl.col("reason").replace_strict(sentences, default="", return_dtype=pl.String))
            .sort("lines", "reason", descending=[True, False])
            .select("reason", "sentence", "lines", "paid")
        )

    @cached_property
    def code_words(self) -> pl.DataFrame:
        """The adjustment and remark codes of lines that do not match, in plain words: `code`, `lines`, `sentence`, `to_do`."""
        odd = self.lines.filter(~pl.col("outcome").is_in(["matches", "not priceable"]))
        told = pl.concat([odd.select(code=pl.col(name).str.split(" ").list.unique()) for name in ("codes", "remarks")])
        counted = (
            told.explode("code", empty_as_null=False)
            .filter(pl.col("code") != "")
            .group_by("code")
            .agg(lines=pl.len().cast(pl.Int64))
        )
        actions = codes.actions()
        known = {**codes.reasons(), **codes.remarks()}
        rows = [
            (code, lines, codes.explain_code(code), _to_do(actions, known.get(code.split("-")[-1])))
            for code, lines in counted.sort("lines", "code", descending=[True, False]).iter_rows()
        ]
        return pl.DataFrame(
            rows, schema={"code": pl.String, "lines": pl.Int64, "sentence": pl.String, "to_do": pl.String}, orient="row"
        )

    @staticmethod
    def table_of(frame: pl.DataFrame) -> pl.DataFrame:
        """A frame of this class with its cents as dollars, lists as text, and the actions in words."""
        amounts = {*MONEY, "effect", "allowed_effect", "less", "more", "underpaid", "overpaid", "amount", "dollars"}
        words = {name: one.title for name, one in codes.actions().items()}
        shown = frame.with_columns(dollars(pl.col(name)).alias(name) for name in frame.columns if name in amounts)
        shown = shown.with_columns(
            pl.col(name).list.join("; or ") for name, kind in frame.schema.items() if isinstance(kind, pl.List)
        )
        if "action" in frame.columns:
            shown = shown.with_columns(pl.col("action").replace(words))
        return shown


def _to_do(actions: dict[str, codes.Action], entry: Mapping[str, Any] | None) -> str:
    return actions[entry["action"]].title if entry and "action" in entry else ""


def _signed(cents: int) -> str:
    return f"{'-' if cents < 0 else '+'}{show(abs(cents))}" if cents else "no difference"
