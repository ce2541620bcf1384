"""What the files of places have in common: GPCI, anesthesia factors and counties, one row per MAC and locality."""

import polars as pl

from feecalc.cms.raw import Raw

LONGEST_MAC = 12  # what stands in the MAC's place and is longer is a sentence


def place_rows(raw: Raw) -> pl.DataFrame:
    """The rows that describe a place: sentences below the table are left out by what they are, not by their number.

    A footnote is a row whose first cell is a sentence, or that has neither a number for a MAC nor a locality.
    """
    mac, locality = pl.col("mac"), pl.col("locality")
    sentence = (mac.str.len_chars() > LONGEST_MAC) & ~locality.str.contains(r"^\d{1,2}$")
    others = [c for c in raw.frame.columns if c not in {"row", "mac", "locality"}]
    empty = (locality == "") & ~mac.str.contains(r"^\d+$") & pl.all_horizontal(pl.col(c) == "" for c in others)
    label = (locality == "") & mac.str.contains(r"^\*")
    return raw.frame.filter(~(sentence | empty | label))


def starless(name: pl.Expr) -> pl.Expr:
    """A name without the asterisks that point to footnotes, blanks made single."""
    return name.str.replace_all("*", "", literal=True).str.replace_all(r"\s+", " ").str.strip_chars()
