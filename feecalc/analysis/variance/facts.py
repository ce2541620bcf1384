"""What a remittance says of each service line, as one row: what was billed, allowed, left to the patient, and paid.

A remittance writes off the difference between charge and payment by adjustments. Those before the allowed amount (what is
written off) tell nothing that the allowed amount does not; the patient's part and what is taken off the payment are added
back to the payment, which gives the allowed amount where the remittance does not state it.
"""

from typing import Any, Protocol

import polars as pl

from feecalc import policy
from feecalc.analysis.remittance.frames import UNIT_SCALE
from feecalc.analysis.variance import codes
from feecalc.analysis.variance.settings import Settings
from feecalc.errors import InputError
from feecalc.money import half_up


class Remitted(Protocol):
    """A remittance as frames, money in cents (Int64): one row a claim, a service line, an adjustment.

    `claims`: claim (its running number), claim_id, payer, payer_id, payee_npi, paid_date, status, filing, and where known
    file, payer_claim, pos, rendering_npi, date_from, reversal, netted. `lines`: claim, line, hcpcs, modifiers, billed_hcpcs,
    billed_modifiers (null where as adjudicated), charge, paid, units and units_billed (thousandths), service_date, allowed
    (null where not stated). `adjustments`: claim, line (null: of the whole claim), group, reason, amount.
    """

    @property
    def claims(self) -> pl.DataFrame:
        """One row a claim."""

    @property
    def lines(self) -> pl.DataFrame:
        """One row a service line."""

    @property
    def adjustments(self) -> pl.DataFrame:
        """One row an adjustment."""


OF_CLAIM: dict[str, Any] = {
    "file": pl.String,
    "payer": pl.String,
    "payer_id": pl.String,
    "payee_npi": pl.String,
    "claim_id": pl.String,
    "payer_claim": pl.String,
    "paid_date": pl.Date,
    "status": pl.String,
    "filing": pl.String,
    "pos": pl.String,
    "rendering_npi": pl.String,
    "date_from": pl.Date,
    "reversal": pl.Boolean,
    "netted": pl.Boolean,
    "remarks": pl.String,
}
OF_LINE: dict[str, Any] = {
    "code_type": pl.String,
    "hcpcs": pl.String,
    "modifiers": pl.String,
    "billed_hcpcs": pl.String,
    "billed_modifiers": pl.String,
    "charge": pl.Int64,
    "paid": pl.Int64,
    "units": pl.Int64,
    "units_billed": pl.Int64,
    "service_date": pl.Date,
    "allowed": pl.Int64,
    "pos": pl.String,
    "rendering_npi": pl.String,
    "remarks": pl.String,
}
SUMS = ("deductible", "coinsurance", "patient_in_one", "sequestration", "mips", "other_adjustments", "other_payer")
UNITS = UNIT_SCALE


def facts(remittance: Remitted, settings: Settings) -> pl.DataFrame:
    """One row a service line, in the order of the remittance: see `docs` of the columns in `result.LINES`.

    `skip` names why a line is not compared (section [[skip]] of the policy file); `denied` says whether nothing is allowed.
    Raises InputError where a frame lacks a column that nothing can stand in for.
    """
    for name, frame, needed in (
        ("lines", remittance.lines, ("claim", "line", "hcpcs", "charge", "paid")),
        ("claims", remittance.claims, ("claim",)),
        ("adjustments", remittance.adjustments, ("claim", "line", "group", "reason", "amount")),
    ):
        missing = [column for column in needed if column not in frame.columns]
        if missing:
            raise InputError(f"The remittance's {name} have no column {', '.join(missing)}.")
    claims = remittance.claims.select(
        "claim", **{f"c_{n}": _column(remittance.claims, n, kind) for n, kind in OF_CLAIM.items()}
    )
    lines = remittance.lines.select("claim", "line", **{n: _column(remittance.lines, n, kind) for n, kind in OF_LINE.items()})
    frame = lines.join(claims, on="claim", how="left", maintain_order="left")
    frame = _named(frame).join(_sums(remittance.adjustments), on=["claim", "line"], how="left", maintain_order="left")
    frame = _of_whole_claims(frame, remittance.adjustments).with_columns(pl.col(SUMS).fill_null(0))
    frame = _allowed(frame)
    return frame.with_columns(skip=_skip(settings)).with_row_index("row")


def whole_claim_adjustments(remittance: Remitted) -> pl.DataFrame:
    """The adjustments of whole claims, which no line can be told to bear: claim, group, reason, amount."""
    return remittance.adjustments.filter(pl.col("line").is_null()).select("claim", "group", "reason", "amount")


def _column(frame: pl.DataFrame, name: str, kind: Any) -> pl.Expr:
    """A column in its type, nulls where the frame has none; lists of remarks become one text."""
    if name not in frame.columns:
        return pl.lit(None, dtype=kind)
    if isinstance(frame.schema[name], pl.List):
        return pl.col(name).list.join(" ")
    return pl.col(name).cast(kind)


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    """What was billed, what the payer made of it, and who furnished it."""
    billed_units = pl.coalesce("units_billed", "units", pl.lit(UNITS))
    procedure = pl.col("code_type").fill_null("HC").is_in(["HC", ""])  # a drug or revenue code is priced elsewhere
    date = pl.coalesce("service_date", "c_date_from")
    return frame.select(
        "claim",
        "line",
        file="c_file",
        payer="c_payer",
        payer_id="c_payer_id",
        npi=pl.coalesce("rendering_npi", "c_rendering_npi", "c_payee_npi"),
        claim_id="c_claim_id",
        payer_claim="c_payer_claim",
        paid_date="c_paid_date",
        service_date=date,
        hcpcs=pl.when(procedure).then(pl.coalesce("billed_hcpcs", "hcpcs")),
        modifiers=pl.coalesce("billed_modifiers", "modifiers", pl.lit("")),
        paid_hcpcs="hcpcs",
        paid_modifiers=pl.col("modifiers").fill_null(""),
        units=pl.when(billed_units > 0).then(billed_units).otherwise(UNITS),
        units_paid=pl.coalesce("units", pl.lit(UNITS)),
        pos=pl.coalesce("pos", "c_pos"),
        charge="charge",
        paid=pl.col("paid").fill_null(0),
        stated="allowed",
        status=pl.col("c_status").fill_null(""),
        filing=pl.col("c_filing").fill_null(""),
        gone=pl.col("c_reversal").fill_null(value=False) | pl.col("c_netted").fill_null(value=False),
        remarks=pl.concat_str("remarks", "c_remarks", separator=" ", ignore_nulls=True).str.strip_chars(),
    )


def _sums(adjustments: pl.DataFrame) -> pl.DataFrame:
    """What the adjustments of a line say, one row a line: the sums SUMS, and `denial`, the largest that denies."""
    reason = pl.col("reason")
    shown = {name: codes.section(name) for name in ("deductible_shown", "coinsurance_shown", "mips_shown")}
    own = {name: codes.section(name)["reason"] for name in ("sequestration_shown", "patient_shown", "other_payer_shown")}
    named = {*own.values(), *shown["mips_shown"]["reasons"]}
    after = [code for code, entry in codes.reasons().items() if entry["class"] == "payment" and code not in named]
    patient = pl.col("group") == "PR"

    def total(which: pl.Expr) -> pl.Expr:
        return pl.col("amount").filter(which).sum()

    known = {code: entry["class"] for code, entry in codes.reasons().items()}
    kind = reason.replace_strict(known, default="denial", return_dtype=pl.String)
    patients_own = patient & (kind == "patient")
    denies = (kind == "denial") | (patient & (kind == "price"))
    largest = pl.col("amount").filter(denies).arg_max()
    return (
        adjustments.lazy()
        .filter(pl.col("line").is_not_null())
        .with_columns(pl.col("group").cast(pl.String), reason.cast(pl.String))
        .group_by("claim", "line")
        .agg(
            deductible=total(patients_own & (reason == shown["deductible_shown"]["reason"])),
            coinsurance=total(
                patients_own & (reason != shown["deductible_shown"]["reason"]) & (reason != own["patient_shown"])
            ),
            patient_in_one=total(reason == own["patient_shown"]),
            sequestration=total(~patient & (reason == own["sequestration_shown"])),
            mips=-total(~patient & reason.is_in(shown["mips_shown"]["reasons"])),
            other_adjustments=total(~patient & reason.is_in(after)),
            other_payer=total(reason == own["other_payer_shown"]),
            denial_group=pl.col("group").filter(denies).get(largest, null_on_oob=True),
            denial=reason.filter(denies).get(largest, null_on_oob=True),
            units_denied=denies.any(),
        )
        .collect()
    )


def _of_whole_claims(frame: pl.DataFrame, adjustments: pl.DataFrame) -> pl.DataFrame:
    """A line without adjustments of its own that is paid nothing is denied for the reason of its whole claim."""
    whole = adjustments.filter(pl.col("line").is_null())
    if whole.is_empty():
        return frame
    first = (
        whole.with_columns(pl.col("group").cast(pl.String), pl.col("reason").cast(pl.String))
        .sort("amount", descending=True, maintain_order=True)
        .group_by("claim", maintain_order=True)
        .agg(whole_group=pl.col("group").first(), whole_reason=pl.col("reason").first())
    )
    silent = pl.col("deductible").is_null() & (pl.col("paid") == 0)
    return (
        frame.join(first, on="claim", how="left", maintain_order="left")
        .with_columns(
            denial_group=pl.when(silent).then("whole_group").otherwise("denial_group"),
            denial=pl.when(silent).then("whole_reason").otherwise("denial"),
        )
        .drop("whole_group", "whole_reason")
    )


def _allowed(frame: pl.DataFrame) -> pl.DataFrame:
    """`allowed` as stated, else from what was paid; `patient`, the patient's part; `denied`, whether nothing is allowed.

    Where the remittance gives the patient's part in one sum, it is parted by the coinsurance percentage of the rest. A share
    of Medicare that bears the assistant's 85 percent to the patient's 20 is brought back to the whole. `unsure` where what is
    worked out may be off: by a cent or two, or because the share is in no known proportion to the patient's part.
    """
    cost = policy.load("cost_sharing")["coinsurance"]
    percent = int(cost["percent"])
    cut = int(policy.percentage("assistant_minutes").percent)
    patient = pl.col("deductible") + pl.col("coinsurance") + pl.col("patient_in_one")
    share = pl.col("paid") + pl.col("sequestration") - pl.col("mips") + pl.col("other_adjustments")
    frame = frame.with_columns(patient=patient, share=share)
    # Everything times the patient's percent and 100, in whole numbers: half a cent of coinsurance moves the share that goes
    # with it by half of (100 - percent) / percent cents, and the share is itself rounded.
    slack = ((100 - percent) + percent) * 50
    scaled, part = pl.col("share") * percent * 100, pl.col("coinsurance") * (100 - percent)
    as_whole, as_cut = ((scaled - part * kept).abs() <= slack for kept in (100, cut))
    is_cut = as_cut & ~as_whole & (pl.col("coinsurance") > 0)
    uncut = [pl.col("share") * 100 // cut + step for step in range(2)]
    fits = [
        (half_up(one * cut, 100) == pl.col("share"))
        & (half_up((one + pl.col("coinsurance")) * percent, 100) == pl.col("coinsurance"))
        for one in uncut
    ]
    back = pl.coalesce(*(pl.when(fit).then(one) for fit, one in zip(fits, uncut, strict=True)), uncut[1])
    derived = pl.col("patient") + pl.when(is_cut).then(back).otherwise("share")
    odd = is_cut | ((pl.col("coinsurance") > 0) & ~as_whole)
    settled = pl.col("patient") + pl.col("share")
    nothing = (settled == 0) & (pl.col("stated").fill_null(0) == 0)
    frame = frame.with_columns(unsure=odd & pl.col("stated").is_null() & ~nothing)
    frame = frame.with_columns(denied=nothing, allowed=pl.when(nothing).then(0).otherwise(pl.coalesce("stated", derived)))
    over = pl.col("patient_in_one") * 100 - pl.col("allowed") * percent
    open_part = (pl.col("patient_in_one") > 0) & (over > 100 - percent)
    in_one = pl.when(open_part).then(half_up(over, 100 - percent)).otherwise(0)
    return frame.with_columns(deductible=pl.col("deductible") + in_one)


def _skip(settings: Settings) -> pl.Expr:
    """Why a line is not compared; null where it is."""
    medicare = codes.section("medicare")
    own = pl.lit(settings.payers == "all") | (pl.col("filing") == "") | pl.col("filing").is_in(medicare["filing"])
    first = pl.col("status").is_in(medicare["primary"])
    rules = [
        ("reversed", pl.col("gone") | (pl.col("status") == "22")),
        ("other_payer", ~own),
        ("secondary", (pl.col("other_payer") != 0) | (~first & ~pl.col("denied"))),
        ("no_code", pl.col("hcpcs").fill_null("") == ""),
        ("fractional_units", pl.col("units") % UNITS != 0),
        ("no_allowed", pl.col("allowed").is_null() | (pl.col("allowed") < 0)),
    ]
    return pl.coalesce(*(pl.when(rule).then(pl.lit(name)) for name, rule in rules))
