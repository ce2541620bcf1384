"""Therapy units without visits: what the same-day reduction comes to over all ways in which they may lie in visits.

Of a visit's therapy units the one with the highest practice expense is paid in full, every other at the reduced amount
(conventions E7). A month's totals do not tell the visits, so the reduction is not one number. It is bounded, and estimated,
from what the owner says of a visit: how many units it has, and of how many codes.

The units of a pool (one provider's, payer's, site's month) are `N`. Then

- there are `V = N / units per visit` visits, rounded up, and none of them has more than `U` units, the units per visit
  rounded up;
- a visit has at most `m = U - codes per visit + 1` units of one code (room is left for the other codes), and at most one of
  a code that is given once a visit, such as an evaluation; more only where a pool has more than `V` visits can hold so.

With the codes in the order of their practice expense let `T` be the number of visits that have a unit of the first codes up
to one of them, of `S` units. Those visits are led by these codes, and the sum of what leaders save depends on the `T` alone.

- `T` is at most `V` and at most `S`. Dealing the units out one by one in that order reaches this for every code: the
  **least reduction**.
- `T` is at least `S / U`, at least the units of each of the codes over its `m`, no less than what leaves a unit for each
  other visit, and no less than what leaves the later codes room. That gives the **most reduction**. No packing reduces more;
  some mixes have none that reduces quite so much, as the least `T` of one code may rule out that of another.
- The **estimate** takes every visit's codes as drawn at random, by their units: `T = V (1 - (1 - S/N) ^ codes per visit)`,
  rounded, and moved inside the bounds.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import polars as pl

from feecalc.errors import InputError
from feecalc.therapy_codes import units as unit_kinds

MOST = 100  # units of a visit, far beyond any day
ALIKE = ("pool", "key", "tie")  # items that agree in these lead by their line


@dataclass(frozen=True)
class Packing:
    """What the owner says of a therapy visit, on average: how many units it has, and of how many different codes.

    The defaults are a visit of 53 to 67 timed minutes, four units, with one code given for two of them.
    """

    units_per_visit: Decimal | int | float | str = 4
    codes_per_visit: Decimal | int | float | str = 3

    def __post_init__(self) -> None:
        if not 1 <= self.units <= MOST:
            raise InputError(f"Units per visit must be a number from 1 to {MOST}, not {self.units_per_visit}.")
        if not 1 <= self.codes <= self.units:
            raise InputError(
                f"Codes per visit must be a number from 1 to the units per visit ({self.units_per_visit}), "
                f"not {self.codes_per_visit}: a visit has no more codes than units."
            )

    @property
    def units(self) -> Fraction:
        """Units per visit, exactly."""
        return _number(self.units_per_visit, "Units per visit")

    @property
    def codes(self) -> Fraction:
        """Different codes per visit, exactly."""
        return _number(self.codes_per_visit, "Codes per visit")

    @property
    def most_units(self) -> int:
        """`U`, the most units of a visit."""
        return -(-self.units // 1)

    @property
    def most_of_a_code(self) -> int:
        """`m`, the most units of one code in a visit."""
        return int(self.most_units - self.codes // 1 + 1)

    def visits(self, units: int) -> int:
        """`V`, in how many visits so many units lie."""
        return int(-(-units // self.units))

    def __str__(self) -> str:
        return f"{self.units_per_visit} units and {self.codes_per_visit} codes a visit"


def _number(value: Decimal | int | float | str, what: str) -> Fraction:
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{what} must be a number such as 3.5, not {value!r}.") from None


@dataclass(frozen=True)
class Pools:
    """Therapy units by the pool that their unknown visits come from.

    `items`: one row a pool and kind of line: `pool` (whole number), `hcpcs`, `units` (above 0), `key` (its non-facility
    practice expense RVU), `tie` (the full amount, cents), and any columns of what the reduction takes of a unit (cents).
    """

    items: pl.DataFrame
    packing: Packing

    @cached_property
    def codes(self) -> pl.DataFrame:
        """The codes of each pool by practice expense, highest first, with their `units`.

        Beside them the `visits` of the pool, the bounds of `T` (`fewest`, `most`), and `leaders`, the visits that a code leads
        by the estimate.
        """
        packing, once = self.packing, [code for code, unit in unit_kinds().items() if unit.once]
        of_a_code = pl.when(pl.col("hcpcs").is_in(once)).then(1).otherwise(packing.most_of_a_code)
        codes = (
            self.items.group_by("pool", "key", "tie", "hcpcs")
            .agg(pl.col("units").sum())
            .sort("pool", "key", "tie", "hcpcs", descending=[False, True, True, False])
            .with_row_index("place")
            .with_columns(in_all=pl.col("units").sum().over("pool"), so_far=pl.col("units").cum_sum().over("pool"))
            .with_columns(visits=_ceil(pl.col("in_all") * packing.units.denominator, pl.lit(packing.units.numerator)))
            .with_columns(limit=pl.max_horizontal(of_a_code, _ceil(pl.col("units"), pl.col("visits"))).cast(pl.Int64))
        )
        share = 1 - pl.col("so_far") / pl.col("in_all")
        drawn = (pl.col("visits") * (1 - share.pow(float(packing.codes))) + 0.5).floor().cast(pl.Int64)
        return (
            codes.join(_crowded_out(codes, packing.most_units), on="place", how="left", maintain_order="left")
            .with_columns(
                most=pl.min_horizontal("visits", "so_far"),
                fewest=pl.max_horizontal(_least_visits(packing), _ceil(pl.col("units"), pl.col("limit")), "crowded"),
            )
            .with_columns(pl.col("fewest").cum_max().over("pool"))
            .with_columns(led=drawn.clip(pl.col("fewest"), pl.col("most")))
            .with_columns(leaders=pl.col("led") - pl.col("led").shift(fill_value=0).over("pool"))
            .drop("place", "limit", "crowded", "led")
        )

    def visits(self) -> int:
        """In how many visits the units of all pools lie."""
        return int(self.codes.group_by("pool").agg(pl.col("visits").first())["visits"].sum())

    def least_and_most(self, saved: str) -> tuple[int, int]:
        """The least and the most that the reduction takes in all (cents); `saved` names what it takes of a unit."""
        full = int((self.items["units"] * self.items[saved]).sum())
        most, least = (
            found.item()
            for found in pl.collect_all([self._of_leaders(saved, end) for end in (True, False)], engine="in-memory")
        )
        return full - int(most), full - int(least)

    @cached_property
    def _bounds(self) -> pl.DataFrame:
        """What bounds the leaders among the items alike in practice expense and amount."""
        return self.codes.group_by(ALIKE).agg(pl.col("in_all", "visits").first(), pl.col("fewest").max())

    def _of_leaders(self, saved: str, most: bool) -> pl.LazyFrame:
        """What the leaders of all visits save, at most or at least: one number.

        Each visit's leader saves its own amount, so all of them save the sum over the items of `T` times how much an item's
        amount is above the next one's. Where it is below the next one's, the other end of `T` bounds the sum. Items alike in
        practice expense and amount lead by their line: whichever order is the further out.
        """
        ordered = (
            self.items.lazy()
            .select(*ALIKE, "units", saved=pl.col(saved))
            .sort(*ALIKE, "saved", descending=[False, True, True, most])
            .with_columns(so_far=pl.col("units").cum_sum().over("pool"))
        )
        last = pl.struct(ALIKE).is_last_distinct()
        placed = (
            ordered.join(self._bounds.lazy(), on=ALIKE, how="left", maintain_order="left")
            .with_columns(
                most=pl.min_horizontal("visits", "so_far"),
                fewest=pl.max_horizontal(_least_visits(self.packing), pl.when(last).then("fewest")),
                above=pl.col("saved") - pl.col("saved").shift(-1, fill_value=0).over("pool"),
            )
            .with_columns(pl.col("fewest").cum_max().over("pool"))
        )
        end, other = ("most", "fewest") if most else ("fewest", "most")
        times = pl.when(pl.col("above") >= 0).then(end).otherwise(other)
        return placed.select((pl.col("above") * times).sum())


def _least_visits(packing: Packing) -> pl.Expr:
    """The fewest visits for the units so far: `S / U`, and what leaves a unit for each other visit."""
    room = _ceil(pl.col("so_far"), pl.lit(packing.most_units))
    return pl.max_horizontal(room, pl.col("visits") - (pl.col("in_all") - pl.col("so_far")))


def _crowded_out(codes: pl.DataFrame, most_units: int) -> pl.DataFrame:
    """`crowded`, the fewest visits that the first codes must have so that the later ones find room, by `place`.

    The other `V - T` visits hold at most `m` units of each of some later codes, `M` of them together; the rest of these
    codes' `n` units shares the `T` visits with the first codes' `S`: S + n - M (V - T) <= U T. The later codes that need
    the most visits tell most, so they are taken together in that order.
    """
    others = codes.select("pool", other="place", n="units", M="limit").sort(-(pl.col("n") / pl.col("M")), "other")
    later = (
        others.join(codes.select("pool", "place", "so_far", "visits"), on="pool", maintain_order="left")
        .filter(pl.col("other") > pl.col("place"))
        .with_columns(pl.col("n", "M").cum_sum().over("place"))
        .filter(pl.col("M") < most_units)
    )
    beyond = pl.col("so_far") + pl.col("n") - pl.col("M") * pl.col("visits")
    return later.group_by("place").agg(_ceil(beyond, most_units - pl.col("M")).max().alias("crowded"))


def _ceil(number: pl.Expr, by: pl.Expr) -> pl.Expr:
    """A division of whole numbers, rounded up."""
    return (number + by - 1) // by
