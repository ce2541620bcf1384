"""Whether a line can be priced at all: the reasons in the order of the conventions (B, locality, C1, C3, D6, D1-D5, D7, D8).

Each gate is an expression that is true where the line fails it. The outcome and the sentence of each reason stand in
policy/reasons.toml, in the same order, with their source.
"""

import polars as pl

from feecalc import policy
from feecalc.pricing.modifiers import MOST


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


def in_places(name: str) -> pl.Expr:
    """Whether the line's place of service is one of a named list of policy/places_of_service.toml.

    A stated setting wins: a place that it contradicts does not count.
    """
    there = pl.col("_pos").is_in(policy.load("places_of_service")[name])
    return (there & (pl.col("_line_setting") == "facility")).fill_null(value=False)


def reasons() -> dict[str, pl.Expr]:
    """Every reason that a line gives by itself, as an expression that is true where it holds."""
    by_pos = pl.col("_setting").is_null() & pl.col("_pos").is_not_null()
    unsettled = [code for code, entry in _pos().items() if entry["setting"] == "unsettled"]
    inpatient = policy.load("places_of_service")["inpatient"]
    anesthesia = pl.col("status") == "J"
    by_status = {r: pl.col("row_reason") == r for r in policy.reasons() if r in _row_reasons()}
    splits = pl.col("pre_op") + pl.col("intra_op") + pl.col("post_op")
    return {
        "units": pl.col("_units").is_null(),
        "service_date": pl.col("_date").is_null(),
        "charge": pl.col("_charge_stated") & pl.col("_charge").is_null(),
        "unknown_practitioner": pl.col("n_who").is_null(),
        "unknown_participation": pl.col("_participation") == "unknown",
        "too_many_modifiers": pl.col("m_count") > MOST,
        "unknown_setting": pl.col("_setting").is_not_null() & pl.col("_line_setting").is_null(),
        "unknown_pos": by_pos & ~pl.col("_pos").is_in(list(_pos())),
        "pos_not_in_force": by_pos & (_pos_in_force() > pl.col("_date")),
        "pos_unsettled": by_pos & pl.col("_pos").is_in(unsettled),
        "no_place": pl.col("_locality").is_null() & pl.col("_zip").is_null(),
        "unknown_zip": ~pl.col("_zip_known"),
        "ambiguous_zip": pl.col("_zip_spans"),
        "no_release": pl.col("release").is_null(),
        "unknown_locality": pl.col("gpci_work").is_null(),
        "unknown_code": pl.col("_code_known").is_null(),
        "invalid_modifier": pl.col("status").is_null()
        | pl.col("m_53_with_part")
        | (pl.col("m_26_and_tc") & (pl.col("pctc") != "1")),
        "no_qp_factor": pl.col("_qp") & pl.col("_factor").is_null(),
        **by_status,
        "anesthesia_modifier": anesthesia & pl.col("m_anesthesia").is_in(["", "conflict"]),
        "anesthesia_base_units": anesthesia & pl.col("_base_units").is_null(),
        "anesthesia_minutes": anesthesia
        & (pl.col("m_anesthesia") != "AD")
        & ~pl.col("_minutes").is_between(1, 1440).fill_null(value=False),
        "anesthesia_factor": anesthesia & pl.col("_anesthesia_factor").is_null(),
        "technical_in_hospital": pl.col("is_technical") & in_places("technical_paid_to_facility"),
        "incident_to_in_hospital": pl.col("pctc").is_in(["5", "7"]) & in_places("hospital"),
        "inpatient_only": (pl.col("pctc") == "8")
        & ~((pl.col("_pos") == inpatient) & (pl.col("_line_setting") == "facility")).fill_null(value=False),
        "by_report": pl.col("m_22") | pl.col("m_by_report"),
        "facility_only_modifier": pl.col("m_facility_only"),
        "sides_conflict": pl.col("m_side") == "conflict",
        "sides_units": (pl.col("m_side") == "50") & (pl.col("_units") != 1),
        "sides_not_applicable": (pl.col("m_side") == "50") & (pl.col("bilateral") == "9"),
        "preoperative_only": pl.col("m_56"),
        "no_split": (pl.col("m_split") != "") & (splits == 0),
        "no_return_share": pl.col("m_78")
        & ~((pl.col("global_days") == "000") | (pl.col("global_days").is_in(["010", "090"]) & (splits > 0))),
        "co_surgeons_not_permitted": pl.col("m_co_surgeon") & (pl.col("co_surgery") == "0"),
        "co_surgeons_by_report": pl.col("m_co_surgeon") & pl.col("co_surgery").is_in(["1", "9"]),
        "team_not_permitted": pl.col("m_66") & (pl.col("team_surgery") == "0"),
        "team_by_report": pl.col("m_66"),
        "assistant_not_paid": pl.col("m_assistant") & (pl.col("assistant_surgery") == "1"),
        "assistant_by_report": pl.col("m_assistant") & (pl.col("assistant_surgery") != "2"),
        "roles_combined": pl.col("m_roles") > 1,
        "no_component_rows": has_cut() & (pl.col("_row_modifier") == "") & (pl.col("pctc") == "1") & ~pl.col("has_parts"),
        "denied_modifier": pl.col("m_denied"),
        "misplaced_anesthesia_modifier": ~anesthesia & (pl.col("m_anesthesia") != ""),
        "unknown_modifier": pl.col("m_unknown"),
        "practitioner_not_yet": pl.col("_not_yet"),
    }


def has_cut() -> pl.Expr:
    """Whether FX, FY or CT stands on the line."""
    return pl.any_horizontal("m_fx", "m_fy", "m_ct")


def _row_reasons() -> set[str]:
    given = policy.load("statuses")["status"].values()
    return {entry["reason"] for entry in given if "reason" in entry} | {"restricted_without_rvus"}


def first_of(gates: dict[str, pl.Expr]) -> pl.Expr:
    """The first reason that holds, in the order of policy/reasons.toml; null where none does."""
    in_order = [code for code in policy.reasons() if code in gates]
    return pl.coalesce([pl.when(gates[code]).then(pl.lit(code)) for code in in_order])


def flags() -> dict[str, pl.Expr]:
    """What a line's answer rests on (policy/flags.toml), as far as the line alone tells; true where the flag is raised."""
    pos = policy.load("places_of_service")
    facility = pl.col("_line_setting") == "facility"
    return {
        "release_substituted": pl.col("substituted"),
        "zip_file_substituted": pl.col("_zip_substituted"),
        "qp_default": pl.col("factor_qp").is_not_null() & ~pl.col("_qp"),
        "telehealth_pos": pl.col("_setting").is_null()
        & pl.col("_pos").is_in(pos["telehealth"])
        & (pl.col("_date") < pos["telehealth_settled_from"]),
        "restricted": pl.col("status") == "R",
        "alone_only": pl.col("status") == "T",
        "na_setting": pl.when(facility).then("na_facility").otherwise("na_nonfacility"),
        "technical_in_facility": pl.col("is_technical") & facility & ~in_places("technical_paid_to_facility"),
        "preventive": pl.col("m_33") | pl.col("m_pt"),
    }
