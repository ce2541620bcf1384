"""Why a line was paid nothing: what the remittance says, and what NCCI's tables know of it."""

import polars as pl

from feecalc.analysis.variance import codes
from feecalc.edits import VOID, Edits, quarter_of

# Which kinds of denial NCCI's tables may know more of.
PAIRED = ("denied_ncci", "denied_bundled")
COUNTED = ("denied_units",)


def explain(denied: pl.DataFrame, siblings: pl.DataFrame, edits: Edits) -> pl.DataFrame:
    """`row`, `cause` (null where no reason denies), `action`, `edit` (what NCCI's tables say of it, blank where nothing).

    `denied` has `row`, `claim`, `service_date`, `hcpcs`, `units` (whole), `denial`, `remarks`; `siblings` the lines that were
    paid: `claim`, `service_date`, `hcpcs`. A remark speaks before the adjustment reason. A pair of indicator 0 is never
    overturned.
    """
    reasons = {code: one["cause"] for code, one in codes.reasons().items() if "cause" in one}
    of_reason = {code: one["action"] for code, one in codes.reasons().items()}
    remarks = {code: one["cause"] for code, one in codes.remarks().items() if "cause" in one}
    of_remark = {code: one["action"] for code, one in codes.remarks().items() if "action" in one}
    of_cause = {name: one.action for name, one in codes.causes().items()}
    said = pl.col("remarks").fill_null("").str.split(" ")
    read = denied.with_columns(said=said).with_columns(
        by_remark=_first(remarks), action_of_remark=_first(of_remark), by_reason=_looked_up("denial", reasons)
    )
    known = pl.col("denial").is_not_null()
    cause = pl.when(known).then(pl.coalesce("by_remark", "by_reason", pl.lit("denied_other")))
    own = pl.when(pl.col("by_remark").is_null()).then(_looked_up("denial", of_reason))
    read = read.with_columns(cause=cause)
    read = read.with_columns(action=pl.coalesce("action_of_remark", own, _looked_up("cause", of_cause)))
    found = _pairs(read.filter(pl.col("cause").is_in(PAIRED)), siblings, edits)
    limits = _limits(read.filter(pl.col("cause").is_in(COUNTED)), edits)
    read = read.join(pl.concat([found, limits]), on="row", how="left", maintain_order="left")
    return read.select("row", "cause", action=pl.coalesce("edit_action", "action"), edit=pl.col("edit").fill_null(""))


def _looked_up(column: str, table: dict[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(table, default=None, return_dtype=pl.String)


def _first(table: dict[str, str]) -> pl.Expr:
    """What the first of the line's remarks that is in the table stands for."""
    return (
        pl.col("said")
        .list.eval(pl.element().replace_strict(table, default=None, return_dtype=pl.String).drop_nulls())
        .list.first()
    )


EDIT = {"row": pl.UInt32, "edit": pl.String, "edit_action": pl.String}


def _pairs(denied: pl.DataFrame, siblings: pl.DataFrame, edits: Edits) -> pl.DataFrame:
    """The NCCI pair that stands between a denied code (column 2) and another of its claim and day, by the table that serves."""
    asked = denied.select("row", "claim", "service_date", column2="hcpcs").join(
        siblings.select("claim", "service_date", column1="hcpcs").unique(), on=["claim", "service_date"]
    )
    found = []
    for part in _by_quarter(asked):
        on = part["service_date"][0]
        table = edits.serving("ptp", on)
        if table is None:
            continue
        both = [part[column].unique().implode() for column in ("column1", "column2")]
        records = edits.frame(table).filter(pl.col("column1").is_in(both[0]), pl.col("column2").is_in(both[1]))
        ever = (pl.col("deletion") > pl.col("effective")).fill_null(value=True) & (pl.col("indicator").cast(pl.String) != VOID)
        begun = pl.col("effective").is_null() | (pl.col("effective") <= pl.col("service_date"))
        going = pl.col("deletion").is_null() | (pl.col("service_date") <= pl.col("deletion"))
        reaches = table.quarter == quarter_of(on) or table.effective > on
        told = f"NCCI table of {table.quarter}" + ("" if reaches else ", which does not reach this date")
        pairs = part.join(records.filter(ever), on=["column1", "column2"]).filter(begun & going)
        indicator = pl.col("indicator").cast(pl.String)
        first = (
            pairs.with_columns(indicator=indicator)
            .sort("row", "indicator", "column1")
            .group_by("row", maintain_order=True)
            .first()
        )
        found.append(
            first.select(
                "row",
                edit=pl.format(
                    "{} (column 2) is not paid beside {}: indicator {} ({})", "column2", "column1", "indicator", pl.lit(told)
                ),
                edit_action=pl.when(pl.col("indicator") == "0").then(pl.lit("never")).otherwise(pl.lit("modifier")),
            )
        )
    return pl.concat([pl.DataFrame(schema=EDIT), *found])


def _limits(denied: pl.DataFrame, edits: Edits) -> pl.DataFrame:
    """The unit limit (MUE) of a code that was denied for its units."""
    found = []
    for part in _by_quarter(denied):
        on = part["service_date"][0]
        table = edits.serving("mue", on)
        if table is None:
            continue
        same = table.quarter == quarter_of(on)
        told = f"table of {table.quarter}" + ("" if same else ", not that of this date")
        rows = part.join(edits.frame(table).select("hcpcs", "mai", limit="units"), on="hcpcs")
        words = pl.format(
            "{} units billed; the unit limit is {}, indicator {} ({})",
            "units",
            "limit",
            pl.col("mai").cast(pl.String),
            pl.lit(told),
        )
        found.append(rows.select("row", edit=words, edit_action=pl.lit(None, dtype=pl.String)))
    return pl.concat([pl.DataFrame(schema=EDIT), *found])


def _by_quarter(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows with a date of service, by its quarter: the tables are quarterly."""
    dated = rows.filter(pl.col("service_date").is_not_null()).with_columns(_quarter=pl.col("service_date").dt.truncate("1q"))
    return dated.partition_by("_quarter", maintain_order=True, include_key=False)
