"""Printed numbers to exact scaled integers, without a binary float on the way."""

import polars as pl

NUMBER = r"^\d{0,7}(?:\.\d*)?$"  # 9,999,999.99 at most: in cents it fits 32 bits
NOISE = 9  # decimals: what differs from the printed figure by less than 1e-9 is a spreadsheet's binary noise


def scaled(text: pl.Expr, decimals: int) -> pl.Expr:
    """Text to integer: "0.5" is 50 for two decimals; null where the text is no number or has more decimals than that.

    ".10" and "1" count as numbers. An xlsx may hold 1.0489999999999997 where 1.049 is meant;
    digits beyond `decimals` that all but vanish (or all but complete the next unit) are therefore rounded away.
    """
    whole = text.str.replace(r"\..*$", "")
    fraction = text.str.replace(r"^[^.]*\.?", "")
    kept = fraction.str.slice(0, decimals).str.pad_end(decimals, "0")
    rest = fraction.str.slice(decimals).str.strip_chars_end("0")
    number = (whole + kept).cast(pl.Int64, strict=False)
    return (
        pl.when(~text.str.contains(NUMBER) | text.is_in(["", "."]))
        .then(None)
        .when(rest == "")
        .then(number)
        .when(rest.str.starts_with("0" * (NOISE - decimals)))
        .then(number)
        .when(rest.str.starts_with("9" * (NOISE - decimals)))
        .then(number + 1)
    )
