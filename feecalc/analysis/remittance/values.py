"""Values of elements: money in cents, units in thousandths, days, procedures. What cannot be read is null."""

import datetime as dt
import re
from decimal import Decimal

import polars as pl

from feecalc.analysis.remittance.delimiters import COMPONENT
from feecalc.analysis.remittance.frames import UNIT_SCALE

_WHOLE_DIGITS = 10  # of an amount; sums of millions of them stay inside 64 bits
_MONEY = rf"^[+-]?(?:[0-9]{{1,{_WHOLE_DIGITS}}}(?:\.[0-9]{{0,2}}0*)?|\.[0-9]{{1,2}}0*)$"
_QUANTITY = rf"^[+-]?(?:[0-9]{{1,{_WHOLE_DIGITS}}}(?:\.[0-9]{{0,3}}0*)?|\.[0-9]{{1,3}}0*)$"
_DAY = "^[0-9]{8}$"
_PLACES = len(str(UNIT_SCALE)) - 1


def cents(text: pl.Expr) -> pl.Expr:
    """Amounts in cents; null where the text is no amount of whole cents."""
    return _scaled(text, _MONEY, 2)


def thousandths(text: pl.Expr) -> pl.Expr:
    """Units and quantities in thousandths; null where the text is none of at most three decimals."""
    return _scaled(text, _QUANTITY, _PLACES)


def _scaled(text: pl.Expr, pattern: str, places: int) -> pl.Expr:
    bare = text.str.strip_chars(" ")  # a blank is none: it does not fit the pattern
    number = pl.when(bare.str.contains(pattern)).then(bare).cast(pl.Decimal(_WHOLE_DIGITS + places + 1, places))
    return number.to_physical().cast(pl.Int64)


def day(text: pl.Expr) -> pl.Expr:
    """Days such as 20260131; null where there is none. Eight signs that are a number from 10000000 are eight digits."""
    eight = (text.str.len_bytes() == 8) & (text.cast(pl.Int32, strict=False) >= 10_000_000)
    return pl.when(eight).then(text).str.to_date("%Y%m%d", strict=False)


def plain(text: pl.Expr) -> pl.Expr:
    """Text without blanks around it; null where nothing is left."""
    return text.str.strip_chars(" ").replace("", None)


def one_amount(text: str | None) -> int | None:
    """As `cents`, of one text."""
    bare = (text or "").strip(" ")
    return int(Decimal(bare).scaleb(2)) if re.fullmatch(_MONEY, bare) else None


def one_day(text: str | None) -> dt.date | None:
    """As `day`, of one text."""
    bare = (text or "").strip(" ")
    try:
        return dt.date.fromisoformat(bare) if re.fullmatch(_DAY, bare) else None
    except ValueError:
        return None


def procedure(text: pl.Series) -> pl.DataFrame:
    """Composites such as HC:97110:GP:CQ as `code_type`, `hcpcs`, `modifiers` and `revenue`.

    Many lines share a composite, so that each is taken apart once. A lone part is the code. The code of type NU is one of
    revenue, and no HCPCS code.
    """
    distinct = pl.DataFrame({"text": text.unique()})
    parts = distinct["text"].str.split_exact(COMPONENT, 6).struct.unnest()
    parts = parts.select(plain(pl.all()).str.to_uppercase())
    lone = pl.col("field_1").is_null()
    read = parts.with_columns(
        code_type=pl.when(~lone).then(pl.col("field_0")),
        code=pl.when(lone).then(pl.col("field_0")).otherwise(pl.col("field_1")),
    )
    of_revenue = (pl.col("code_type") == "NU").fill_null(value=False)
    read = read.select(
        pl.col("code_type"),
        pl.when(~of_revenue).then("code").alias("hcpcs"),
        pl.concat_str([f"field_{n}" for n in range(2, 6)], separator=" ", ignore_nulls=True).alias("modifiers"),
        pl.when(of_revenue).then("code").alias("revenue"),
    )
    found = pl.DataFrame({"text": text})
    return found.join(distinct.hstack(read), on="text", how="left", nulls_equal=True, maintain_order="left").drop("text")
