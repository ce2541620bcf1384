"""What Medicare should have paid: the lines of a remittance as claim lines, priced by the engine, and settled."""

from collections.abc import Iterable

import polars as pl

from feecalc.analysis.variance.facts import UNITS
from feecalc.analysis.variance.settings import Settings
from feecalc.money import dollars
from feecalc.pricing import engine, settlement
from feecalc.schedule import Schedule

# What of the engine's answer the comparison goes on with, under its names here.
READ = {
    "outcome": "_outcome",
    "reason": "_reason",
    "release": "release",
    "fee": "_fee",
    "expected_allowed": "_allowed",
    "preventive": "_preventive",
    "coinsurance_percent": "_coinsurance_percent",
    "assistant_percent": "_assistant_percent",
    "sequestration_percent": "_sequestration_percent",
}
# The columns that the engine is given; the frames of lines have `row` beside them.
CLAIM_LINE = (
    "line", "service_date", "hcpcs", "modifiers", "mac", "locality", "claim_id", "units", "pos", "setting", "charge",
    "provider_type", "participation", "qp",
)  # fmt: skip
SETTLED = ("deductible", "coinsurance", "share", "sequestration")


def claim_lines(facts: pl.DataFrame, places: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """The lines of `facts` as the engine takes them, in their order; `row` says which is which."""
    kind = pl.lit(settings.provider_type, dtype=pl.String)
    if settings.practitioners:
        kind = pl.col("npi").replace_strict(dict(settings.practitioners), default=kind, return_dtype=pl.String)
    return facts.join(places, on="service_date", how="left", maintain_order="left").select(
        "row",
        "line",
        "service_date",
        "hcpcs",
        "modifiers",
        "mac",
        "locality",
        claim_id="claim",
        units=pl.col("units") // UNITS,
        pos="pos",
        setting=pl.lit(settings.setting, dtype=pl.String),
        charge=dollars(pl.col("charge")),
        provider_type=kind,
        participation=pl.lit("participating" if settings.participating else "nonparticipating"),
        qp=pl.lit(settings.qp),
    )


def rules_for(schedule: Schedule, dates: Iterable[pl.Series], texts: Iterable[pl.Series]) -> engine.Rules:
    """The rules over the releases that serve some dates, for some codes alone."""
    days = pl.concat([one.cast(pl.Date) for one in dates]).drop_nulls().unique()
    serving = schedule.days.select("date", "release").join(pl.DataFrame({"date": days}), on="date", how="semi")
    wanted = {code for one in texts for code in one.drop_nulls().unique()}
    return engine.Rules(schedule.tables(sorted(serving["release"].unique()), wanted, zips=False))


def priced(lines: pl.DataFrame, rules: engine.Rules) -> pl.DataFrame:
    """The lines' `row` and the columns READ, in the lines' order."""
    worked = engine.work_out(lines.select(CLAIM_LINE), rules, every_column=False)
    answer = worked.select(**{name: pl.col(of) for name, of in READ.items()})
    texts = answer.with_columns(pl.col("outcome", "reason", "release").cast(pl.String))
    return lines.select("row").hstack(texts)


def settled(frame: pl.DataFrame, allowed: str, deductible: str) -> pl.DataFrame:
    """Who pays what of an allowed amount: the columns SETTLED in cents, each line by itself with its own open deductible.

    `allowed` and `deductible` name columns of the frame, which has `preventive` and the percentages of READ. Medicare pays
    `share` less `sequestration`.
    """
    numbers = pl.int_range(pl.len(), dtype=pl.UInt32)
    asked = frame.select(
        _row=numbers,
        _day=numbers,
        _order=numbers.cast(pl.Int64),
        _allowed=allowed,
        _open_deductible=pl.col(deductible).fill_null(0),
        _preventive="preventive",
        _coinsurance_percent="coinsurance_percent",
        _assistant_percent="assistant_percent",
        _sequestration_percent="sequestration_percent",
    )
    done = settlement.settle_shares(asked)
    return done.select(
        deductible="_deductible", coinsurance="_coinsurance", share="_medicare_share", sequestration="_sequestration"
    )


def expected(facts: pl.DataFrame, lines: pl.DataFrame, rules: engine.Rules, settings: Settings) -> pl.DataFrame:
    """`facts` with the columns READ and `expected_patient`, `expected_sequestration`, `expected_paid`.

    Lines of a claim and day are priced together. What Medicare denied takes no place from the others of its day; it is itself
    worth what the day would have paid with it, less what the day pays without it.
    """
    compared = facts["skip"].is_null()
    accepted, refused = compared & ~facts["denied"], compared & facts["denied"]
    answer = priced(lines.filter(accepted), rules)
    if refused.any():
        answer = pl.concat([answer, _of_denied(facts, lines, accepted, refused, answer, rules)])
    frame = facts.join(answer, on="row", how="left", maintain_order="left")
    free = pl.lit(0, dtype=pl.Int64)
    open_one = pl.when(settings.deductible == "remitted").then("deductible").otherwise(free)
    frame = frame.with_columns(open_deductible=open_one)
    shares = settled(frame, "expected_allowed", "open_deductible")
    frame = frame.hstack(
        shares.select(
            expected_patient=pl.col("deductible") + pl.col("coinsurance"),
            expected_sequestration="sequestration",
            expected_paid=pl.col("share") - pl.col("sequestration"),
        )
    )
    # Where the remittance leaves open what was allowed, and the patient's part is that of the fee, the fee was allowed.
    fits = pl.col("unsure") & (pl.col("patient") == pl.col("expected_patient"))
    return frame.with_columns(allowed=pl.when(fits).then("expected_allowed").otherwise("allowed"))


def _of_denied(
    facts: pl.DataFrame,
    lines: pl.DataFrame,
    accepted: pl.Series,
    refused: pl.Series,
    without: pl.DataFrame,
    rules: engine.Rules,
) -> pl.DataFrame:
    """What the denied lines would have been worth, in the columns of `priced`."""
    claims = facts.filter(refused)["claim"].unique()
    concerned = facts["claim"].is_in(claims.implode()) & (accepted | refused)
    whole = priced(lines.filter(concerned), rules).join(facts.select("row", "claim", "denied", "service_date"), on="row")
    day = ["claim", "service_date"]
    gained = (
        whole.filter(~pl.col("denied"))
        .join(without.select("row", alone="expected_allowed"), on="row")
        .group_by(day)
        .agg(gained=(pl.col("alone") - pl.col("expected_allowed")).sum())
    )
    # The denied line that the day would have paid most for bears what the others gained by its absence.
    denied = whole.filter("denied").join(gained, on=day, how="left", nulls_equal=True)
    first = pl.col("expected_allowed").rank("ordinal", descending=True).over(day) == 1
    less = pl.when(first).then(pl.col("gained").fill_null(0).clip(lower_bound=0)).otherwise(0)
    worth = (pl.col("expected_allowed") - less).clip(lower_bound=0)
    return denied.with_columns(expected_allowed=worth).select(without.columns)
