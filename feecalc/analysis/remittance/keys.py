"""Children brought to their parents by place: claims and lines of a batch are numbered from 0, their children in that order.

So nothing has to be looked up: what a join finds by hashing stands at a known place.
"""

import polars as pl


def first_of(keys: pl.Series, values: pl.Series, parents: int) -> pl.Series:
    """For each parent the first of its children's values that is not null; null where it has none."""
    if values.has_nulls():
        known = values.is_not_null()
        keys, values = keys.filter(known), values.filter(known)
    first = keys != keys.shift(1, fill_value=-1)
    if not first.all():
        keys, values = keys.filter(first), values.filter(first)
    return spread(keys, values, parents)


def spread(keys: pl.Series, values: pl.Series, parents: int) -> pl.Series:
    """Values of different parents in ascending order, at the places of their parents; null where a parent has none."""
    if values.len() == parents:
        return values
    place = pl.Series([None], dtype=pl.UInt32).new_from_index(0, parents)
    place = place.scatter(keys.cast(pl.UInt32), pl.int_range(keys.len(), dtype=pl.UInt32, eager=True))
    return values.gather(place)


def sums(keys: pl.Series, values: pl.Series, parents: int) -> pl.Series:
    """For each parent the sum of its children's values, 0 where it has none; what is null counts nothing."""
    last = keys != keys.shift(-1, fill_value=-1)
    totals = values.fill_null(0).cum_sum().filter(last)
    return spread(keys.filter(last), totals - totals.shift(1, fill_value=0), parents).fill_null(0)


def any_null(keys: pl.Series, values: pl.Series, parents: int) -> pl.Series:
    """For each parent whether a value of its children is null."""
    nothing = pl.Series([False]).new_from_index(0, parents)
    if not values.has_nulls():
        return nothing
    return nothing.scatter(keys.filter(values.is_null()).unique(), True)


def joined(keys: pl.Series, codes: pl.Series, parents: int) -> pl.Series:
    """For each parent the codes of its children, blanks between them; "" where it has none."""
    if (keys == keys.shift(1, fill_value=-1)).any():
        together = pl.DataFrame({"key": keys, "code": codes}).group_by("key", maintain_order=True)
        found = together.agg(pl.col("code").unique(maintain_order=True).str.join(" "))
        keys, codes = found["key"], found["code"]
    return spread(keys, codes, parents).fill_null("")
