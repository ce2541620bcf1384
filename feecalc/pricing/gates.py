"""Whether a line can be priced at all: the reasons in the order of the conventions (B, locality, C1, C3, D).

Each gate is an expression that is true where the line fails it. `reason()` names the first that fails; the outcome and the
sentence of each reason stand in policy/reasons.toml, with their source.
"""

import polars as pl

from feecalc import policy
from feecalc.pricing.fee import has_rvus
from feecalc.pricing.lines import MOST_MODIFIERS


def modifier_kinds() -> dict[str, str]:
    """Every modifier that feecalc knows, with its kind (policy/modifiers.toml)."""
    return {m: group["kind"] for group in policy.load("modifiers")["group"] for m in group["modifiers"]}


def of_kind(kind: str) -> list[str]:
    """The modifiers of a kind."""
    return [m for m, k in modifier_kinds().items() if k == kind]


def has_modifier(*modifiers: str) -> pl.Expr:
    """Whether the line carries any of the modifiers."""
    return pl.any_horizontal([pl.col("_modifiers").list.contains(m) for m in modifiers])


def row_modifier() -> pl.Expr:
    """The modifier that picks the row: 26, TC or 53, else blank; 26 with TC is the whole service (convention B1)."""
    both = has_modifier("26") & has_modifier("TC")
    return (
        pl.when(both)
        .then(pl.lit(""))
        .when(has_modifier("53"))
        .then(pl.lit("53"))
        .when(has_modifier("26"))
        .then(pl.lit("26"))
        .when(has_modifier("TC"))
        .then(pl.lit("TC"))
        .otherwise(pl.lit(""))
    )


def setting() -> pl.Expr:
    """`facility` or `nonfacility` (B2): as stated, else by place of service, else non-facility; null where unsettled."""
    by_pos = {code: entry["setting"] for code, entry in _pos().items() if entry["setting"] != "unsettled"}
    return (
        pl.when(pl.col("_setting").is_not_null())
        .then(pl.when(pl.col("_setting").is_in(["facility", "nonfacility"])).then("_setting"))
        .when(pl.col("_pos").is_not_null())
        .then(pl.col("_pos").replace_strict(by_pos, default=None, return_dtype=pl.String))
        .otherwise(pl.lit("nonfacility"))
    )


def _pos() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = policy.load("places_of_service")["pos"]
    return table


def _pos_in_force() -> pl.Expr:
    """The first date of each place of service code; null for those that are older than the schedule."""
    starts = {code: entry["from"] for code, entry in _pos().items() if "from" in entry}
    return pl.col("_pos").replace_strict(starts, default=None, return_dtype=pl.Date)


def _in_places(name: str) -> pl.Expr:
    return pl.col("_pos").is_in(policy.load("places_of_service")[name]).fill_null(value=False)


def _by_status() -> dict[str, pl.Expr]:
    """The reasons that a status alone gives (C1)."""
    given = policy.load("statuses")["status"]
    reasons = {entry["reason"] for entry in given.values() if "reason" in entry}
    return {
        reason: pl.col("status").is_in([s for s, entry in given.items() if entry.get("reason") == reason])
        for reason in sorted(reasons)
    }


def is_technical() -> pl.Expr:
    """Whether the row pays for equipment and staff: a TC row, a whole test with a TC part, or a technical-only code."""
    return (
        (pl.col("_row_modifier") == "TC")
        | ((pl.col("_row_modifier") == "") & (pl.col("pctc") == "1"))
        | pl.col("pctc").is_in(["3", "4"])
    )


def reason() -> pl.Expr:
    """The first reason, in the order of policy/reasons.toml, why the line is not priced; null where it is."""
    by_pos = pl.col("_setting").is_null() & pl.col("_pos").is_not_null()
    known_pos = pl.col("_pos").is_in(list(_pos()))
    unsettled = [code for code, entry in _pos().items() if entry["setting"] == "unsettled"]
    found = pl.col("status").is_not_null()
    splits = has_modifier("26", "TC")
    gates = {
        "units": pl.col("_units").is_null(),
        "service_date": pl.col("_date").is_null(),
        "too_many_modifiers": pl.col("_modifiers").list.len() > MOST_MODIFIERS,
        "unknown_pos": by_pos & ~known_pos,
        "pos_not_in_force": by_pos & (_pos_in_force() > pl.col("_date")),
        "pos_unsettled": by_pos & pl.col("_pos").is_in(unsettled),
        "unknown_setting": pl.col("_line_setting").is_null(),
        "unknown_participation": pl.col("_participation_stated") & pl.col("_nonpar").is_null(),
        "no_place": pl.col("_locality").is_null() & pl.col("_zip").is_null(),
        "unknown_zip": ~pl.col("_zip_known"),
        "ambiguous_zip": pl.col("_zip_spans"),
        "no_release": pl.col("release").is_null(),
        "unknown_locality": pl.col("gpci_work").is_null(),
        "unknown_code": pl.col("_code_known").is_null(),
        "invalid_modifier": ~found
        | (has_modifier("53") & splits)
        | (has_modifier("26") & has_modifier("TC") & (pl.col("pctc") != "1")),
        "no_qp_factor": pl.col("_qp") & pl.col("_factor").is_null(),
        **_by_status(),
        "restricted_without_rvus": (pl.col("status") == "R") & ~has_rvus(),
        "technical_in_hospital": is_technical() & _in_places("technical_paid_to_facility"),
        "incident_to_in_hospital": pl.col("pctc").is_in(["5", "7"]) & _in_places("hospital"),
        "inpatient_only": (pl.col("pctc") == "8")
        & (pl.col("_pos") != policy.load("places_of_service")["inpatient"]).fill_null(value=True),
        "modifier_not_priced": has_modifier(*of_kind("not_priced")),
        "unknown_modifier": pl.col("_modifiers").list.set_difference(list(modifier_kinds())).list.len() > 0,
    }
    in_order = [code for code in policy.reasons() if code in gates]
    return pl.coalesce([pl.when(gates[code]).then(pl.lit(code)) for code in in_order])


def flags() -> dict[str, pl.Expr]:
    """What a line's answer rests on (policy/flags.toml); true where the flag is raised."""
    pos = policy.load("places_of_service")
    return {
        "release_substituted": pl.col("substituted"),
        "zip_file_substituted": pl.col("_zip_substituted"),
        "qp_default": pl.col("factor_qp").is_not_null() & ~pl.col("_qp"),
        "telehealth_pos": pl.col("_setting").is_null()
        & pl.col("_pos").is_in(pos["telehealth"])
        & (pl.col("_date") < pos["telehealth_settled_from"]),
        "restricted": (pl.col("status") == "R") & has_rvus(),
        "alone_only": pl.col("status") == "T",
        "na_setting": pl.when(pl.col("_line_setting") == "facility").then("na_facility").otherwise("na_nonfacility"),
        "technical_in_facility": is_technical()
        & (pl.col("_line_setting") == "facility")
        & ~_in_places("technical_paid_to_facility"),
        "same_day_rules_not_applied": (pl.col("_units") > 1)
        & (pl.col("mult_proc").is_in(["2", "3", "4", "6", "7"]) | pl.col("bilateral").is_in(["1", "2"])),
    }
