"""What the rows of a mix have in common, whatever they are priced at: their kinds, their visits, and the pools of the others.

A practice's year has a hundred thousand rows and some thousands of kinds. This is found once for a mix and kept with it, so
that the mix is priced again under another basis by pricing its kinds alone.
"""

from dataclasses import dataclass

import polars as pl

from feecalc.pricing.kinds import as_categories, tell_apart

# What tells rows apart for pricing; `date` is the date of service, else the first day of the month.
OF_KIND = ("hcpcs", "modifiers", "pos", "setting", "zip", "mac", "locality")
# A visit is with one provider, of one payer's patient, at one place; what is known of its day comes in as `date`.
OF_POOL = ("provider", "payer", "site", "pos", "setting", "zip", "mac", "locality")


@dataclass(frozen=True)
class Alike:
    """Rows by what they have in common. Rows are named by their place in the mix, from 0 (`row`).

    kinds      one row a kind: OF_KIND, `date`
    of_row     the kind of each row (UInt32)
    visits     the lines of visits, one row a line: `row`, `kind`, `units` (above 0), `day` (number of the visit and date)
    in_visit   whether a row belongs to a visit with a date, so that its day is known
    items      the other rows together by kind and by the pool that their unknown visits come from: `pool`, `kind`, `units`
    item       the item of each of these rows (null for rows of visits), and `before`, the units of the item before the row
    alone      how many rows take units back of which their visit has none
    """

    kinds: pl.DataFrame
    of_row: pl.Series
    visits: pl.DataFrame
    in_visit: pl.Series
    items: pl.DataFrame
    item: pl.Series
    before: pl.Series
    alone: int


def find(rows: pl.DataFrame) -> Alike:
    """What the rows of a mix (see mix.Mix) have in common."""
    dated = rows.select(*OF_KIND, date=pl.coalesce("service_date", "month"))
    kinds = tell_apart(as_categories(dated))
    of_row = numbered(kinds.of_line, rows.height)
    in_visit = rows.select((pl.col("visit").is_not_null() & pl.col("service_date").is_not_null()).alias("in_visit"))["in_visit"]
    visits, alone = _visits(rows, of_row, in_visit)
    return Alike(kinds.one_of_each(dated), of_row, visits, in_visit, *_items(rows, of_row, in_visit), alone)


def _items(rows: pl.DataFrame, of_row: pl.Series, in_visit: pl.Series) -> tuple[pl.DataFrame, pl.Series, pl.Series]:
    """The rows without visits by pool and kind; the item of each, and the units of the item before it."""
    pools = tell_apart(as_categories(rows.select(*OF_POOL, date=pl.coalesce("service_date", "month"))))
    numbers = [numbered(pools.of_line, rows.height).alias("pool"), of_row.alias("kind"), rows["units"]]
    others = pl.DataFrame(numbers).with_row_index("row").filter(~in_visit)
    alike = tell_apart(others.select("pool", "kind"))
    items = alike.one_of_each(others.select("pool", "kind"))
    others = others.select("row", "units", numbered(alike.of_line, others.height).alias("item"))
    units, before = _added_up(others["units"], others["item"], items.height)
    nothing = pl.Series([None], dtype=pl.UInt32).new_from_index(0, rows.height)
    zeros = pl.Series([0], dtype=pl.Int64).new_from_index(0, rows.height)
    return (
        items.with_columns(units.alias("units")),
        nothing.scatter(others["row"], others["item"]) if others.height else nothing,
        zeros.scatter(others["row"], before) if others.height else zeros,
    )


def _added_up(units: pl.Series, item: pl.Series, items: int) -> tuple[pl.Series, pl.Series]:
    """The units of each item, and those that each row has before it in its own. Items are numbered from 0 as they come.

    In the order of the items one running sum does for all: a sum apart for each of a hundred thousand takes far longer.
    """
    if items == units.len():
        return units, pl.zeros(items, dtype=pl.Int64, eager=True)
    ordered = pl.DataFrame({"item": item, "units": units}).with_row_index("at").sort("item", maintain_order=True)
    up_to = ordered["units"].cum_sum()
    above = up_to - ordered["units"]
    at_first = above.gather(ordered["item"].arg_unique())  # where each item begins
    sums = at_first.shift(-1, fill_value=up_to.last()) - at_first
    before = above - at_first.gather(ordered["item"])
    return sums, pl.zeros(units.len(), dtype=pl.Int64, eager=True).scatter(ordered["at"], before)


def numbered(of_line: pl.Series | None, height: int) -> pl.Series:
    """The number of each row's kind, where each row may be of its own."""
    return pl.int_range(height, dtype=pl.UInt32, eager=True) if of_line is None else of_line


def _visits(rows: pl.DataFrame, of_row: pl.Series, in_visit: pl.Series) -> tuple[pl.DataFrame, int]:
    """The lines of visits, and how many rows take back what their visit has not.

    A row that takes units back takes them from the row of its kind in its visit: what is left is the line, and stands in the
    place of the first of them.
    """
    here = (
        rows.select("visit", "service_date", "units").with_row_index("row").with_columns(of_row.alias("kind")).filter(in_visit)
    )
    if here.is_empty():
        return here.select("row", "kind", "units", day=pl.lit(None, dtype=pl.UInt32)), 0
    days = tell_apart(as_categories(here.select("visit", "service_date")))
    here = here.select("row", "kind", "units", numbered(days.of_line, here.height).alias("day"))
    if (here["units"] > 0).all():
        return here, 0
    line = ["day", "kind"]
    back = here.filter(pl.col("units") < 0).select(line).unique()
    whole = here.join(back, on=line, how="anti", maintain_order="left")
    netted = here.join(back, on=line, how="semi").group_by(line).agg(pl.col("row").min(), pl.col("units").sum())
    left = netted.filter(pl.col("units") > 0).select(here.columns)
    return pl.concat([whole, left]).sort("row"), netted.filter(pl.col("units") < 0).height
