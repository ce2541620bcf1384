"""A schedule with one thing changed: another conversion factor, or work GPCIs without their 1.0 floor.

An altered schedule reads the tables of the one it was made from and keeps what it alters to itself, so that nothing of it is
ever seen by the other. It answers what lines pay. What names the figures of a release itself (`api.fee_schedule`, `history`)
goes by the release's own factor and is not altered.
"""

from functools import cached_property

import polars as pl

from feecalc.errors import InputError, NotLoadedError
from feecalc.schedule import Schedule


def altered(schedule: Schedule, factor: tuple[int, int] | None = None, work_floor: bool = True) -> Schedule:
    """The schedule with another conversion factor on every date, without the work floor, or both.

    `factor` is the one for most clinicians and the one for Qualifying APM Participants, in ten-thousandths of a dollar. The
    factors of anesthesia are figures of their own in CMS's files, and stay. Without the floor a locality has the work GPCI
    that CMS printed "without 1.0 floor"; NotLoadedError where it printed none for the year of a release, when that release is
    first asked for. Raises InputError for a factor that is not above 0. With nothing altered it is the schedule itself.
    """
    if factor is not None and min(factor) <= 0:
        raise InputError("A conversion factor must be above 0.")
    return schedule if factor is None and work_floor else _Altered(schedule, factor, work_floor)


class _Altered(Schedule):
    """Another schedule's releases, with its own calendar of factors and its own GPCIs."""

    def __init__(self, base: Schedule, factor: tuple[int, int] | None, work_floor: bool) -> None:
        super().__init__()
        self.releases, self.zip_files, self.zip9_files = base.releases, base.zip_files, base.zip9_files
        self._base, self._factor, self._work_floor = base, factor, work_floor

    @cached_property
    def calendar(self) -> pl.DataFrame:
        """The calendar of releases, with the altered factors."""
        return self._with_factors(self._base.calendar).set_sorted("from_date")

    def _with_factors(self, spans: pl.DataFrame) -> pl.DataFrame:
        if self._factor is None:
            return spans
        served = pl.col("release").is_not_null()
        return spans.with_columns(
            pl.when(served).then(pl.lit(number, dtype=pl.Int64)).alias(name)
            for name, number in zip(("factor", "factor_qp"), self._factor, strict=True)
        )

    @cached_property
    def days(self) -> pl.DataFrame:
        """The calendar day by day, with the altered factors."""
        return self._with_factors(self._base.days)

    def table(self, release: str, table: str) -> pl.DataFrame:
        """A whole table of a release: the other schedule's own, but for the GPCIs where the floor is off."""
        if table != "gpci" or self._work_floor:
            return self._base.table(release, table)
        key = (release, table)
        if key not in self._frames:
            self._frames[key] = self._without_floor(release)
        return self._frames[key]

    def _without_floor(self, release: str) -> pl.DataFrame:
        """The GPCIs with the work column that CMS printed without the floor, in this release or in another of its year."""
        gpci = self._base.table(release, "gpci")
        year = self.releases[release].year
        of_year = [release, *(r.name for r in self.releases.values() if r.year == year and r.has("gpci"))]
        for name in of_year:
            printed = self._base.table(name, "gpci").select("mac", "locality", "work", unfloored="work_unfloored")
            # Another release lends its column only where its GPCIs with the floor are the same, place by place.
            beside = gpci.join(printed, on=["mac", "locality", "work"], how="left", maintain_order="left")
            if beside["unfloored"].null_count() == 0:
                return beside.with_columns(work="unfloored").select(gpci.columns)
        raise NotLoadedError(
            f"What release {release} pays without the 1.0 work floor is not known: CMS printed no work GPCIs without the floor "
            f"for {year}. Price by a date of a year that has them (2026), or keep the floor."
        )

    @cached_property
    def _all_rows(self) -> pl.DataFrame:
        return self._base._all_rows

    def _gpci(self, name: str) -> pl.DataFrame:
        return self._base._gpci(name) if self._work_floor else super()._gpci(name)

    def _zips(self) -> pl.DataFrame:
        return self._base._zips()
