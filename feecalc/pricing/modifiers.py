"""What a line's modifiers say, read once for each distinct text of them.

The registry, with every modifier's kind, percent, dates, source and standing, is policy/modifiers.toml.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import polars as pl

from feecalc import policy
from feecalc.pricing.shares import ROLE

MOST = 4  # a claim line has room for four

ROLE_LISTS = ("surgeon", "assistant", "co_surgeon")  # surgical lists that are ranked apart (convention E1)

COLUMNS = {
    "mods": pl.String,
    "m_count": pl.Int8,
    "m_unknown": pl.Boolean,
    "m_row": pl.String,  # "", 26, TC or 53
    "m_26_and_tc": pl.Boolean,
    "m_53_with_part": pl.Boolean,
    "m_by_report": pl.Boolean,  # 52, 56, 66 apart: 52 only
    "m_22": pl.Boolean,
    "m_facility_only": pl.Boolean,
    "m_side": pl.String,  # "", 50, LT, RT, or "conflict"
    "m_split": pl.String,  # "", 54, 55 or 54+55
    "m_56": pl.Boolean,
    "m_78": pl.Boolean,
    "m_66": pl.Boolean,
    "m_role": pl.Int8,  # a surgical list, by its place in ROLE_LISTS
    "m_assistant": pl.Boolean,
    "m_co_surgeon": pl.Boolean,
    "m_as": pl.Boolean,
    "n_role": pl.Int64,  # numerator over ROLE
    "m_roles": pl.Int8,  # how many of 62, 66, 80, 81, 82, AS, 78 and 54/55
    "m_fx": pl.Boolean,
    "m_fy": pl.Boolean,
    "m_ct": pl.Boolean,
    "m_session_apart": pl.Boolean,
    "m_stay_out": pl.Boolean,  # 58, 78, 79
    "m_new_or_staged": pl.Boolean,  # 58, 79
    "m_denied": pl.Boolean,
    "m_anesthesia": pl.String,  # "", one of AA AD QK QX QY QZ, or "conflict"
    "m_33": pl.Boolean,
    "m_pt": pl.Boolean,
    "m_assistant_minutes": pl.Boolean,
    "m_others": pl.String,  # all but LT and RT, in order: what makes the two lines of a pair alike
}


@cache
def registry() -> dict[str, dict[str, Any]]:
    """Every modifier by its code."""
    return {code: entry for entry in policy.load("modifiers")["modifier"] for code in entry["codes"]}


def of_kind(kind: str) -> set[str]:
    """The modifiers of a kind."""
    return {code for code, entry in registry().items() if entry["kind"] == kind}


def same_day(name: str) -> set[str]:
    """The modifiers that take a line out of a same-day list: `session_apart` (E3) or `new_or_staged` (E1, E2)."""
    return set(policy.load("modifiers")["same_day"][name])


def percent(code: str) -> Fraction:
    """The share of the amount that a role or an anesthesia modifier pays."""
    return Fraction(registry()[code]["percent"]) / 100


def read(text: str) -> dict[str, Any]:
    """One modifiers text ("GP KX") as the columns of COLUMNS."""
    given = list(dict.fromkeys(text.split()))
    has = set(given)
    side = has & of_kind("bilateral")
    split = has & of_kind("split")
    roles = has & of_kind("role")
    anesthesia = has & of_kind("anesthesia")
    parts = has & {"26", "TC"}
    exclusive = len(roles) + ("66" in has) + ("78" in has) + bool(split)
    lists = {registry()[code]["list"] for code in roles}
    return {
        "mods": text,
        "m_count": min(len(given), 100),
        "m_unknown": bool(has - set(registry())),
        "m_row": "53" if "53" in has else "" if len(parts) == 2 else "".join(parts),
        "m_26_and_tc": len(parts) == 2,
        "m_53_with_part": "53" in has and bool(parts),
        "m_by_report": "52" in has,
        "m_22": "22" in has,
        "m_facility_only": bool(has & of_kind("facility_only")),
        "m_side": "conflict" if len(side) > 1 else "".join(side),
        "m_split": "+".join(sorted(split)),
        "m_56": "56" in has,
        "m_78": "78" in has,
        "m_66": "66" in has,
        "m_role": next((n for n, name in enumerate(ROLE_LISTS) if name in lists), 0),
        "m_assistant": "assistant" in lists,
        "m_co_surgeon": "co_surgeon" in lists,
        "m_as": "AS" in has,
        "n_role": int(percent(min(roles)) * ROLE) if roles else ROLE,
        "m_roles": exclusive,
        "m_fx": "FX" in has,
        "m_fy": "FY" in has,
        "m_ct": "CT" in has,
        "m_session_apart": bool(has & same_day("session_apart")),
        "m_stay_out": bool(has & (same_day("new_or_staged") | of_kind("return"))),
        "m_new_or_staged": bool(has & same_day("new_or_staged")),
        "m_denied": bool(has & of_kind("denied")),
        "m_anesthesia": "conflict" if len(anesthesia) > 1 else "".join(anesthesia),
        "m_33": "33" in has,
        "m_pt": "PT" in has,
        "m_assistant_minutes": bool(has & {"CQ", "CO"}),
        "m_others": " ".join(sorted(has - {"LT", "RT"})),
    }


@cache
def _plain() -> dict[str, Any]:
    """What no modifier at all says: most lines of most claims."""
    return read("")


def table(texts: Iterable[str]) -> pl.DataFrame:
    """The distinct modifiers texts of a frame, read: one row a text, columns COLUMNS."""
    return pl.DataFrame([read(text) if text else _plain() for text in texts], schema=COLUMNS)


def technology_share(code: str, dates: pl.Expr, one: int) -> pl.Expr:
    """What FX, FY or CT leaves of the technical part on a date, as a numerator over `one` (convention D7)."""
    steps: Sequence[dict[str, Any]] = registry()[code]["dates"]
    share = pl.lit(one, dtype=pl.Int64)
    for step in steps:
        left = (1 - Fraction(step["percent"]) / 100) * one
        share = pl.when(dates >= step["from"]).then(pl.lit(int(left), dtype=pl.Int64)).otherwise(share)
    return share
