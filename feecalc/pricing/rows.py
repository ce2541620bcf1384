"""What the rules need to know of each row of the fee schedule, worked out once for a table and not once for a line."""

import polars as pl

from feecalc import policy
from feecalc.pricing import fee
from feecalc.pricing.outcomes import REASON, because

LISTS = {"2": "surgery", "3": "surgery", "4": "imaging", "5": "therapy", "6": "cardiovascular", "7": "ophthalmology"}
LIST = pl.Enum(["surgery", "imaging", "therapy", "cardiovascular", "ophthalmology"])
# Every value that an indicator, a status or a global period can have (the readers refuse others).
INDICATORS = pl.Enum([*"0123456789", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "000", "010", "090", "XXX", "YYY", "ZZZ", "MMM"])
ROW_MODIFIERS = pl.Enum(["", "26", "53", "TC"])  # the modifiers that have rows of their own
PLACES = 4  # of them
DIAGNOSTIC = ("imaging", "cardiovascular", "ophthalmology")


def facts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per release, code and modifier, with what the rules ask of it beside its figures.

    `row_reason`   why its status alone keeps it from being priced (C1), a code of policy/reasons.toml
    `list`         the same-day list it belongs to by its MULT PROC
    `family`       the base code of its endoscopy family, for the base's own row too, whose ENDO BASE is blank
    `is_base`      whether it is the base of a family
    `is_capped`    whether it has an OPPS cap
    `is_therapy`   whether it is under the therapy reduction
    `is_technical` whether it pays for equipment and staff (C3)
    `has_parts`    whether it is a whole test whose TC and 26 rows exist and are payable
    `t_…`, `p_…`   the figures of its TC and of its 26 row, where it has parts
    `b_…`          the figures of the base of its family, where they are payable
    """
    key = ["release", "hcpcs"]
    payable = pl.col("status").is_in(fee.PRICED_STATUSES) & fee.has_rvus()
    rvus = ("work", "pe_nonfacility", "pe_facility", "mp")
    capped = ("opps_pe_nonfacility", "opps_pe_facility", "opps_mp")
    technical = _figures(rows, (pl.col("modifier") == "TC") & payable, "t_", (*rvus, *capped, "is_capped"))
    professional = _figures(rows, (pl.col("modifier") == "26") & payable, "p_", rvus)
    bases = (
        rows.lazy().filter(pl.col("endo_base") != "").select("release", hcpcs="endo_base", is_base=pl.lit(value=True)).unique()
    )
    base_rows = _figures(rows, (pl.col("modifier") == "") & payable, "b_", rvus).join(bases, on=key, how="semi")
    whole = (pl.col("modifier") == "") & (pl.col("pctc") == "1")
    by_status = {status: entry.get("reason") for status, entry in policy.load("statuses")["status"].items()}
    return (
        rows.lazy()
        .join(technical, on=key, how="left", maintain_order="left")
        .join(professional, on=key, how="left", maintain_order="left")
        .join(bases, on=key, how="left", maintain_order="left")
        .with_columns(
            row_reason=pl.when((pl.col("status") == "R") & ~fee.has_rvus())
            .then(because("restricted_without_rvus"))
            .otherwise(pl.col("status").replace_strict(by_status, default=None, return_dtype=REASON)),
            list=pl.col("mult_proc").replace_strict(LISTS, default=None, return_dtype=pl.String),
            is_base=pl.col("is_base").fill_null(value=False),
            is_capped=fee.is_capped(),
            is_therapy=fee.is_therapy(),
            is_technical=(pl.col("modifier") == "TC") | whole | pl.col("pctc").is_in(["3", "4"]),
            has_parts=whole & pl.col("t_work").is_not_null() & pl.col("p_work").is_not_null(),
        )
        .with_columns(
            family=pl.when("is_base").then("hcpcs").when(pl.col("endo_base") != "").then("endo_base"),
            list=pl.when("is_base").then(pl.lit("surgery")).otherwise("list"),
        )
        .join(base_rows, left_on=["release", "family"], right_on=key, how="left", maintain_order="left")
        # Small integers until someone reads them: the gates compare them a million times.
        .with_columns(
            pl.col(name).cast(INDICATORS)
            for name in ("status", "pctc", "global_days", "bilateral", "assistant_surgery", "co_surgery", "team_surgery")
        )
        .with_columns(pl.col("list").cast(LIST))
        .collect(engine="in-memory")
    )


def _figures(rows: pl.DataFrame, which: pl.Expr, prefix: str, figures: tuple[str, ...]) -> pl.LazyFrame:
    """The figures of some rows under other names, to lay beside other rows of the same code."""
    found = rows.lazy().filter(which).with_columns(is_capped=fee.is_capped())
    return found.select("release", "hcpcs", *(pl.col(name).alias(f"{prefix}{name}") for name in figures))


class Index:
    """The rows of `facts`, found by one number in place of three texts."""

    def __init__(self, facts: pl.DataFrame) -> None:
        self._releases = pl.Enum(facts["release"].unique().sort())
        self._codes = pl.Enum(facts["hcpcs"].unique().sort())
        numbers = facts.select(self._number("hcpcs"), modifier=pl.col("modifier").cast(ROW_MODIFIERS).to_physical())
        keyed = facts.drop("release", "hcpcs", "modifier").with_columns(_key=numbers["number"] * PLACES + numbers["modifier"])
        self.rows = keyed.sort("_key").drop("_key")
        self._keys = (numbers["number"] * PLACES + numbers["modifier"]).sort()

    def _number(self, code: str) -> pl.Expr:
        """A number for a release and code; null where one of them is in no row."""
        release = pl.col("release").cast(self._releases, strict=False).to_physical().cast(pl.Int64)
        codes = pl.col(code).cast(self._codes, strict=False).to_physical()
        return (release * len(self._codes.categories) + codes).alias("number")

    def attach(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Lay the row of each line's `release`, `_code` and `_row_modifier` beside it, nulls where there is none.

        `_code_known` tells whether the release has the code at all, with this modifier or another.
        """
        if not self._keys.len():
            nothing = self.rows.clear(frame.height) if frame.height else self.rows
            return frame.hstack(nothing.with_columns(_code_known=pl.lit(None, dtype=pl.Boolean)))
        numbers = frame.select(
            self._number("_code"), modifier=pl.col("_row_modifier").cast(ROW_MODIFIERS).to_physical().cast(pl.Int64)
        ).with_columns(key=pl.col("number") * PLACES + pl.col("modifier"))
        last = self._keys.len() - 1
        at = self._keys.search_sorted(numbers["key"]).clip(upper_bound=last)
        of_code = self._keys.search_sorted(numbers["number"] * PLACES).clip(upper_bound=last)
        found = at.zip_with(
            (self._keys.gather(at) == numbers["key"]).fill_null(value=False), at.clear(1).new_from_index(0, at.len())
        )
        known = self._keys.gather(of_code) // PLACES == numbers["number"]
        return frame.hstack(self.rows[found]).with_columns(_code_known=known)
