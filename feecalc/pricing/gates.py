"""Whether a line can be priced at all: the reasons in the order of the conventions (B, locality, C1, C3, D6, D1-D5, D7, D8).

Each gate is an expression that is true where the line fails it. The outcome and the sentence of each reason stand in
policy/reasons.toml, in the same order, with their source.
"""

from functools import cache

import polars as pl

from feecalc import policy
from feecalc.pricing.modifiers import MOST
from feecalc.pricing.outcomes import because

ROW_REASON = "row_reason"  # stands for all the reasons that a status gives by itself


@cache
def places_of_service() -> pl.DataFrame:
    """The place of service table, one row a code: its setting (null where unsettled), first date, and the lists it is on."""
    policy_of = policy.load("places_of_service")
    return pl.DataFrame(
        [
            {
                "_pos": code,
                "p_setting": None if entry["setting"] == "unsettled" else entry["setting"],
                "p_from": entry.get("from"),
                "p_hospital": code in policy_of["hospital"],
                "p_technical": code in policy_of["technical_paid_to_facility"],
                "p_inpatient": code == policy_of["inpatient"],
                "p_telehealth": code in policy_of["telehealth"],
            }
            for code, entry in policy_of["pos"].items()
        ],
        schema={
            "_pos": pl.String,
            "p_setting": pl.String,
            "p_from": pl.Date,
            "p_hospital": pl.Boolean,
            "p_technical": pl.Boolean,
            "p_inpatient": pl.Boolean,
            "p_telehealth": pl.Boolean,
        },
    )


def attach_setting(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`_line_setting` (B2): as stated, else by place of service, else non-facility; null where neither settles it."""
    stated = pl.when(pl.col("_setting").is_in(["facility", "nonfacility"])).then("_setting")
    return frame.join(places_of_service().lazy(), on="_pos", how="left", maintain_order="left").with_columns(
        _line_setting=pl.when(pl.col("_setting").is_not_null())
        .then(stated)
        .when(pl.col("_pos").is_not_null())
        .then("p_setting")
        .otherwise(pl.lit("nonfacility"))
    )


def in_places(listed: str) -> pl.Expr:
    """Whether the line's place of service is on a list (p_hospital …). A stated setting wins: a place it contradicts is not."""
    return (pl.col(listed) & (pl.col("_line_setting") == "facility")).fill_null(value=False)


@cache
def reasons() -> dict[str, pl.Expr]:
    """Every reason that a line gives by its kind, wherever it was furnished, as an expression that is true where it holds."""
    by_pos = pl.col("_setting").is_null() & pl.col("_pos").is_not_null()
    anesthesia = pl.col("status") == "J"
    most_minutes = policy.load("anesthesia_base_units")["time"]["most_minutes"]
    splits = pl.col("pre_op") + pl.col("intra_op") + pl.col("post_op")
    return {
        "units": pl.col("_units").is_null(),
        "service_date": pl.col("_date").is_null(),
        "charge": pl.col("_bad_charge"),
        "unknown_practitioner": pl.col("n_who").is_null(),
        "unknown_participation": pl.col("_participation") == "unknown",
        "too_many_modifiers": pl.col("m_count") > MOST,
        "unknown_setting": pl.col("_setting").is_not_null() & pl.col("_line_setting").is_null(),
        "unknown_pos": by_pos & pl.col("p_hospital").is_null(),
        "pos_not_in_force": by_pos & (pl.col("p_from") > pl.col("_date")),
        "pos_unsettled": by_pos & pl.col("p_hospital").is_not_null() & pl.col("p_setting").is_null(),
        "no_release": pl.col("release").is_null(),
        "unknown_code": pl.col("_code_known").not_().fill_null(value=True),
        "invalid_modifier": pl.col("status").is_null()
        | pl.col("m_53_with_part")
        | (pl.col("m_26_and_tc") & (pl.col("pctc") != "1")),
        "no_qp_factor": pl.col("_qp") & pl.col("_factor").is_null(),
        ROW_REASON: pl.col("row_reason").is_not_null(),
        "anesthesia_modifier": anesthesia & pl.col("m_anesthesia").is_in(["", "conflict"]),
        "anesthesia_base_units": anesthesia & pl.col("_base_units").is_null(),
        "anesthesia_minutes": anesthesia
        & (pl.col("m_anesthesia") != "AD")
        & ~pl.col("_minutes").is_between(1, most_minutes).fill_null(value=False),
        "technical_in_hospital": pl.col("is_technical") & in_places("p_technical"),
        "incident_to_in_hospital": pl.col("pctc").is_in(["5", "7"]) & in_places("p_hospital"),
        "inpatient_only": (pl.col("pctc") == "8") & ~in_places("p_inpatient"),
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


@cache
def reasons_of_place() -> dict[str, pl.Expr]:
    """Every reason that a place gives."""
    return {
        "no_place": pl.col("_locality").is_null() & pl.col("_zip").is_null(),
        "unknown_zip": ~pl.col("_zip_known"),
        "ambiguous_zip": pl.col("_zip_spans"),
        "unknown_locality": pl.col("gpci_work").is_null(),
    }


def of_kind(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The first reason why a line of this kind is not priced (B, C1, C3, D), and its flags.

    `_ghost` marks a line that only modifier 22 keeps from being priced: it keeps its place among the day's surgery.
    """
    return frame.with_columns(
        _kind_reason=first_reason(),
        _ghost=only_22(),
        _is_anesthesia=(pl.col("status") == "J").fill_null(value=False),
        **{f"_flag_{name}": flag.fill_null(value=False) for name, flag in flags().items()},
    )


def of_place(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The first reason why nothing is priced in this place."""
    reasons = [pl.when(fails).then(because(code)) for code, fails in reasons_of_place().items()]
    return frame.with_columns(
        _place_reason=pl.coalesce(reasons), _flag_zip_file_substituted=pl.col("_zip_substituted").fill_null(value=False)
    )


def meet_place(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The first reason of all, by kind and by place, and the locality's anesthesia factor (cents, by QP status)."""
    factor = pl.when("_qp").then(pl.coalesce("anesthesia_qp", "anesthesia")).otherwise("anesthesia")
    no_factor = pl.when(pl.col("_is_anesthesia") & pl.col("_anesthesia_factor").is_null()).then(because("anesthesia_factor"))
    return (
        frame.with_columns(_anesthesia_factor=factor)
        .with_columns(_elsewhere=_first_of("_place_reason", no_factor))
        .with_columns(
            _reason=_first_of("_kind_reason", pl.col("_elsewhere")), _ghost=pl.col("_ghost") & pl.col("_elsewhere").is_null()
        )
        .drop("_kind_reason", "_elsewhere", "_place_reason")
    )


def _first_of(reason: str, other: pl.Expr) -> pl.Expr:
    """The reason that decides first, of two that may be null: an enumeration is in the order in which the rules decide."""
    comes_later = pl.col(reason).is_null() | (other.to_physical() < pl.col(reason).to_physical())
    return pl.when(other.is_null()).then(reason).when(comes_later).then(other).otherwise(reason)


@cache
def first_reason() -> pl.Expr:
    """The first reason of a kind, in the order of policy/reasons.toml; null where none holds."""
    gates = reasons()
    statuses = [code for code in policy.reasons() if code in by_status()]
    in_order = [ROW_REASON if code == statuses[0] else code for code in policy.reasons() if code not in statuses[1:]]
    return pl.coalesce(
        [
            pl.col("row_reason") if code == ROW_REASON else pl.when(gates[code]).then(because(code))
            for code in in_order
            if code in gates
        ]
    )


@cache
def only_22() -> pl.Expr:
    """Whether modifier 22 alone keeps the line from being priced: it keeps its place among the day's surgery (E1)."""
    others = [fails.fill_null(value=False) for code, fails in reasons().items() if code != "by_report"]
    return pl.col("m_22") & ~pl.col("m_by_report") & ~pl.any_horizontal(others)


def by_status() -> set[str]:
    """The reasons that a row's status gives; they stand together in the order, and a row has one at most."""
    given = policy.load("statuses")["status"].values()
    return {entry["reason"] for entry in given if "reason" in entry} | {"restricted_without_rvus"}


@cache
def flags() -> dict[str, pl.Expr]:
    """What a line's answer rests on (policy/flags.toml), as far as the line alone tells; true where the flag is raised."""
    settled = policy.load("places_of_service")["telehealth_settled_from"]
    facility = pl.col("_line_setting") == "facility"
    return {
        "release_substituted": pl.col("substituted"),
        "qp_default": pl.col("factor_qp").is_not_null() & ~pl.col("_qp"),
        "telehealth_pos": pl.col("_setting").is_null() & pl.col("p_telehealth") & (pl.col("_date") < settled),
        "restricted": pl.col("status") == "R",
        "alone_only": pl.col("status") == "T",
        "na_setting": pl.when(facility).then("na_facility").otherwise("na_nonfacility"),
        "technical_in_facility": pl.col("is_technical") & facility & ~in_places("p_technical"),
        "preventive": pl.col("m_33") | pl.col("m_pt"),
    }
