"""A practice's year in every payment locality: the same volumes, as if all of them were given there.

everywhere(price(mix, basis, opened), opened)    # one row a locality, what is allowed most last
"""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from feecalc import locality as places
from feecalc.analysis.mix import Mix
from feecalc.analysis.revenue import Priced, price
from feecalc.api import OpenSchedule
from feecalc.errors import NotLoadedError
from feecalc.locality import Place
from feecalc.money import dollars

AT_ONCE = 200_000  # rows that are priced together: a small practice in all places, a large one place by place


def everywhere(priced: Priced, opened: OpenSchedule, tell: Callable[[int, int], None] | None = None) -> pl.DataFrame:
    """What the volumes of a pricing are allowed in each locality: `mac`, `locality`, `name`, `state`, `allowed`, `received`.

    Everything but the place is as it was, each row's own place is set aside. Amounts are dollars, dearest last; null in a
    locality that leaves more volume without an amount than others do. `tell` hears how many of how many places are done.
    Raises NotLoadedError where no row was priced by any release.
    """
    known = _places(priced, opened)
    rows, nowhere = priced.mix.rows, replace(priced.basis, zip=None, locality=None, state=None)
    step = max(1, AT_ONCE // max(rows.height, 1))
    found = []
    for start in range(0, len(known), step):
        some = known[start : start + step]
        found.append(_sums(price(_at(priced.mix, some), nowhere, opened, priced.packing)))
        if tell is not None:
            tell(start + len(some), len(known))
    sums = pl.concat(found)
    where = pl.DataFrame(
        [(p.mac, p.locality, p.name, p.state) for p in known], schema=["mac", "locality", "name", "state"], orient="row"
    )
    complete = pl.col("missing") == pl.col("missing").min()
    return (
        where.join(sums, on=["mac", "locality"], how="left")
        .with_columns(pl.when(complete).then(dollars(pl.col(name))).alias(name) for name in ("allowed", "received"))
        .drop("missing")
        .sort("allowed", "mac", "locality", nulls_last=True)
    )


def _places(priced: Priced, opened: OpenSchedule) -> list[Place]:
    """The localities that every release knows by which a row was priced."""
    used = priced.rows["release"].drop_nulls().unique().sort().to_list()
    if not used:
        raise NotLoadedError("No row was priced by a release, so that there are no localities to price by.")
    of_each = [{(p.mac, p.locality): p for p in places.places(opened.schedule, name) if p.mac} for name in used]
    return [place for key, place in of_each[-1].items() if all(key in other for other in of_each)]


def _at(mix: Mix, some: list[Place]) -> Mix:
    """The volumes once in each of some places; a visit in one of them is none of another's."""
    none = pl.lit(None, dtype=pl.String)
    there = [
        mix.rows.with_columns(
            zip=none, mac=pl.lit(place.mac), locality=pl.lit(place.locality), visit=pl.col("visit") + f" at {place.key}"
        )
        for place in some
    ]
    return replace(mix, rows=pl.concat(there, rechunk=True))


def _sums(priced: Priced) -> pl.DataFrame:
    """What is allowed and received in each place, in cents, and how many units have no amount there."""
    unknown = pl.col("units").filter(pl.col("allowed").is_null()).abs().sum()
    return priced.rows.group_by("mac", "locality").agg(pl.col("allowed", "received").sum(), missing=unknown)
