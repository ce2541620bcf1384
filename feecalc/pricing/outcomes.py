"""Outcomes and their reasons while lines are worked out: an enumeration, in the order in which the rules decide."""

import polars as pl

from feecalc import policy

REASON = pl.Enum(list(policy.reasons()))
OUTCOME = pl.Enum(["priced", "zero", "cannot_price"])


def because(code: str) -> pl.Expr:
    """A reason of policy/reasons.toml, for a line that has none yet."""
    return pl.lit(code, dtype=REASON)


def ending_in(outcome: str) -> list[str]:
    """The reasons that lead to an outcome."""
    return [code for code, reason in policy.reasons().items() if reason.outcome == outcome]


def cannot_be_priced() -> pl.Expr:
    """Whether the line has no public amount."""
    return pl.col("_reason").is_in(pl.Series(ending_in("cannot_price"), dtype=REASON).implode()).fill_null(value=False)


def of(reason: pl.Expr) -> pl.Expr:
    """The outcome of a reason, as text; null where there is none."""
    return reason.cast(pl.String).replace_strict(
        {code: entry.outcome for code, entry in policy.reasons().items()}, default=None, return_dtype=pl.String
    )


# The outcome of each reason, in the order of the reasons: a table to look up, as lines are many.
BY_REASON = pl.Series([reason.outcome for reason in policy.reasons().values()], dtype=OUTCOME)


def outcome() -> pl.Expr:
    """Exactly one outcome a line."""
    return pl.lit(BY_REASON).gather(pl.col("_reason").to_physical()).fill_null(pl.lit("priced", dtype=OUTCOME))
