"""What a reader hands back."""

from dataclasses import dataclass, field

import polars as pl

from feecalc.cms.archive import Source


@dataclass(frozen=True)
class Table:
    """One CMS file as one of the tables of `feecalc.columns`, sorted by its key.

    `layout` says which shape was read ("pprrvu, csv, 31 columns"); `meta` what the file says about itself (year, quarter,
    factor); `notes` what was mended or left out; `extra` what must be kept apart, such as AMA descriptions.
    """

    frame: pl.DataFrame
    source: Source
    member: str
    layout: str
    meta: dict[str, str]
    notes: tuple[str, ...] = ()
    extra: dict[str, pl.DataFrame] = field(default_factory=dict)
