"""The built-in and the user's schedule: dated releases as tables on disk, opened lazily, written atomically.

A store is a folder with `releases/<name>/` (one per release) and `zip/<date>/` (one per ZIP-to-locality file), each with a
`manifest.json` and one parquet file a table (columns in `feecalc.columns`). Two stores are opened together: the one that
comes with feecalc, and the user's own, which outranks it. In the user's store a folder's name ends in a piece of the
source's sha256, so that a re-posted release lies beside the older one; the newest import serves.
"""

import io
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import paths, policy
from feecalc.errors import NotLoadedError
from feecalc.money import FACTOR_SCALE, scaled

MANIFEST = "manifest.json"
COMPRESSION_LEVEL = 19  # written once, read often

# What a price needs of a release's rows; the page's indicators come from the whole table.
PRICING_COLUMNS = (
    "hcpcs",
    "modifier",
    "status",
    "work",
    "pe_nonfacility",
    "na_nonfacility",
    "pe_facility",
    "na_facility",
    "mp",
    "pctc",
    "global_days",
    "pre_op",
    "intra_op",
    "post_op",
    "mult_proc",
    "bilateral",
    "assistant_surgery",
    "co_surgery",
    "team_surgery",
    "endo_base",
    "opps_pe_nonfacility",
    "opps_pe_facility",
    "opps_mp",
)


@dataclass(frozen=True)
class Folder:
    """One manifest's folder: a release or a ZIP file."""

    path: Path
    origin: str  # "built-in" or "yours"
    manifest: Mapping[str, Any]

    @property
    def sources(self) -> list[dict[str, str]]:
        """The files it was made from, each with `file` and `sha256`."""
        return list(self.manifest["sources"])

    def has(self, table: str) -> bool:
        """Whether the folder holds the table."""
        return table in self.manifest["tables"]

    def read(self, table: str, columns: Iterable[str] | None = None) -> pl.DataFrame:
        """A whole table. Raises NotLoadedError where the folder has none of that name."""
        if not self.has(table):
            raise NotLoadedError(f"{self.path.name} holds no {table} table")
        return pl.read_parquet(self.path / f"{table}.parquet", columns=list(columns) if columns else None)


@dataclass(frozen=True)
class Release(Folder):
    """One release of the fee schedule, in force from `effective` to the day before the next one's."""

    @property
    def name(self) -> str:
        """Its name: year and letter, such as 2025D or 2024AR."""
        return str(self.manifest["release"])

    @property
    def year(self) -> int:
        """Its calendar year."""
        return int(self.manifest["year"])

    @property
    def effective(self) -> date:
        """The first date of service on which it is in force."""
        return date.fromisoformat(self.manifest["effective"])

    @property
    def priceable(self) -> bool:
        """Whether it holds RVUs and GPCIs; a partial release (GPCIs alone) does not price."""
        return self.has("pprrvu") and self.has("gpci")

    @property
    def factor(self) -> int:
        """Its own conversion factor, in ten-thousandths of a dollar, as every row of its file prints it."""
        return scaled(self.manifest["conversion_factor"], FACTOR_SCALE)


@dataclass(frozen=True)
class ZipFile(Folder):
    """One ZIP-to-locality file, serving dates from `effective` on."""

    @property
    def effective(self) -> date:
        """The first day of the quarter that the file is for."""
        return date.fromisoformat(self.manifest["effective"])


@dataclass(frozen=True)
class Tables:
    """What the engine reads, as frames: it never opens a file itself.

    days       one row per day from the first loaded year to the last: `date`, `in_force`, `release`, `substituted`, `factor`,
               `factor_qp` (ten-thousandths of a dollar; `factor_qp` null where only one exists), `zip_file`,
               `zip_substituted`; a day that no release serves is absent
    rows       `release` + PRICING_COLUMNS; one row per release, code and modifier
    gpci       `release`, `mac`, `locality`, `gpci_work`, `gpci_pe`, `gpci_mp` (thousandths), `anesthesia`, `anesthesia_qp`
               (cents; null where CMS prints none); `national` is a locality too
    zips       `zip_file`, `zip`, `zip_mac`, `zip_locality`, `plus_four`
    """

    days: pl.DataFrame
    rows: pl.DataFrame
    gpci: pl.DataFrame
    zips: pl.DataFrame


NATIONAL = "national"  # the locality (with a blank MAC) whose three GPCIs are 1.000


FEW = 12  # releases: up to so many are looked through one by one


class Schedule:
    """Every loaded release and ZIP file. Tables are read at first use and kept."""

    def __init__(self, *stores: tuple[Path, str]) -> None:
        """Open stores, each with its origin; a later store outranks an earlier one."""
        self.releases: dict[str, Release] = {}
        self.zip_files: dict[date, ZipFile] = {}
        self.zip9_files: dict[date, ZipFile] = {}
        for root, origin in stores:
            newest_last = sorted(_manifests(root / "releases"), key=lambda pair: pair[1].get("imported_at") or "")
            for path, manifest in newest_last:
                self.releases[manifest["release"]] = Release(path, origin, manifest)
            newest_last = sorted(_manifests(root / "zip"), key=lambda pair: pair[1].get("imported_at") or "")
            for path, manifest in newest_last:
                zip_file = ZipFile(path, origin, manifest)
                # CMS publishes the two apart; either may be of a quarter that the other is not.
                if zip_file.has("zip5"):
                    self.zip_files[zip_file.effective] = zip_file
                if zip_file.has("zip9"):
                    self.zip9_files[zip_file.effective] = zip_file
        self.releases = dict(sorted(self.releases.items(), key=lambda item: item[1].effective))
        self.zip_files = dict(sorted(self.zip_files.items()))
        self.zip9_files = dict(sorted(self.zip9_files.items()))
        self._frames: dict[tuple[str, str], pl.DataFrame] = {}

    @classmethod
    def open(cls) -> "Schedule":
        """The schedule that comes with feecalc, and the user's own releases over it."""
        return cls((paths.builtin(), "built-in"), (paths.home() / "schedule", "yours"))

    # Releases and dates ------------------------------------------------------------------------------------------------

    def release(self, name: str) -> Release:
        """A loaded, priceable release by name, in any case. Raises NotLoadedError with the names that are loaded."""
        found = self.releases.get(name.strip().upper())
        if found is None:
            raise NotLoadedError(f"Release {name!r} is not loaded. Loaded: {', '.join(self.priceable())}.")
        if not found.priceable:
            raise NotLoadedError(f"Release {found.name} is loaded in part only (no RVUs), so it prices nothing.")
        return found

    def priceable(self) -> list[str]:
        """The names of the releases that can price, oldest first."""
        return [name for name, release in self.releases.items() if release.priceable]

    @property
    def newest(self) -> Release:
        """The newest release that can price."""
        return self.releases[self.priceable()[-1]]

    @cached_property
    def calendar(self) -> pl.DataFrame:
        """Which release serves which dates (convention B3): one row per span, beginning at `from_date`.

        Within a calendar year with any loaded release, a span whose own release is not loaded is served by the newest
        earlier one of that year, else by the oldest later one, and `substituted` says so. Other years serve nothing.
        The conversion factor is that of the date, so a substitute release lends its RVUs and not its factor.
        """
        priceable = [self.releases[name] for name in self.priceable()]
        years = {r.year for r in priceable}
        spans: list[tuple[date, str | None, str | None, bool, int | None, int | None]] = []
        for year in range(min(years, default=2020), max(years, default=2020) + 2):
            loaded = [r for r in priceable if r.year == year]
            if not loaded:
                spans.append((date(year, 1, 1), None, None, False, None, None))
                continue
            for name, effective in policy.known_releases(year):
                earlier = [r for r in loaded if r.effective <= effective]
                serving = next((r for r in loaded if r.name == name), earlier[-1] if earlier else loaded[0])
                law = policy.conversion_factor(effective)
                factor, factor_qp = (law.factor, law.qp) if law else (serving.factor, None)
                spans.append((effective, name, serving.name, serving.name != name, factor, factor_qp))
        return pl.DataFrame(
            spans,
            schema={
                "from_date": pl.Date,
                "in_force": pl.String,
                "release": pl.String,
                "substituted": pl.Boolean,
                "factor": pl.Int64,
                "factor_qp": pl.Int64,
            },
            orient="row",
        ).set_sorted("from_date")

    @cached_property
    def days(self) -> pl.DataFrame:
        """The calendar and the ZIP files day by day, so that lines find both by one plain join on their date."""
        zip_spans = [(start, str(start), False) for start in self.zip_files]
        if zip_spans:  # the first file also serves the dates before it, as a substitute
            zip_spans.insert(0, (date.min, zip_spans[0][1], True))
        zip_files = pl.DataFrame(
            zip_spans,
            schema={"from_date": pl.Date, "zip_file": pl.String, "zip_substituted": pl.Boolean},
            orient="row",
        ).set_sorted("from_date")
        first, last = self.calendar["from_date"][0], self.calendar["from_date"][-1]
        every_day = pl.DataFrame({"date": pl.date_range(first, last, closed="left", eager=True)}).set_sorted("date")
        return (
            every_day.join_asof(self.calendar, left_on="date", right_on="from_date")
            .drop("from_date")
            .join_asof(zip_files, left_on="date", right_on="from_date")
            .drop("from_date")
            .filter(pl.col("release").is_not_null())
        )

    def serving(self, on: date) -> tuple[Release | None, str | None]:
        """The release that serves a date of service, and the name of the one in force, which may not be loaded."""
        place = bisect_right(self._starts, on) - 1
        in_force, release = self._spans[place] if place >= 0 else (None, None)
        return (None, None) if release is None else (self.releases[release], in_force)

    def serving_between(self, first: Any, last: Any) -> set[str]:
        """The names of the releases that serve the dates from `first` to `last`; none where these are None."""
        if not isinstance(first, date) or not isinstance(last, date):
            return set()
        spans = self._spans[max(bisect_right(self._starts, first) - 1, 0) : bisect_right(self._starts, last)]
        return {release for _, release in spans if release is not None}

    @cached_property
    def _starts(self) -> list[date]:
        """The first days of the calendar's spans."""
        return self.calendar["from_date"].to_list()

    @cached_property
    def _spans(self) -> list[tuple[str | None, str | None]]:
        """The release in force and the one that serves, span by span."""
        return self.calendar.select("in_force", "release").rows()

    # Tables ------------------------------------------------------------------------------------------------------------

    def table(self, release: str, table: str) -> pl.DataFrame:
        """A whole table of a release, read once and kept."""
        key = (release, table)
        if key not in self._frames:
            self._frames[key] = self.releases[release].read(table)
        return self._frames[key]

    def tables(self, releases: Iterable[str] | None = None, codes: Iterable[str] | None = None, zips: bool = True) -> Tables:
        """The engine's frames for some releases (default: all) and, where `codes` are given, for these codes alone."""
        names = sorted(set(releases)) if releases is not None else self.priceable()
        if codes is None:
            rows = [self._rows(name) for name in names]
        elif len(names) <= FEW:
            rows = [_with_bases(self._rows(name), set(codes)) for name in names]
        else:
            rows = [_with_bases(self._all_rows, set(codes)).filter(pl.col("release").is_in(names))]
        return Tables(
            days=self.days,
            rows=pl.concat(rows) if rows else _no_rows(),
            gpci=pl.concat([self._gpci(name) for name in names]) if names else _no_gpci(),
            zips=self._zips() if zips else _no_zips(),
        )

    def _rows(self, name: str) -> pl.DataFrame:
        """The rows of a release as the engine joins them, in the order of their codes."""
        return self.table(name, "pprrvu").select(pl.lit(name).alias("release"), *PRICING_COLUMNS)

    @cached_property
    def _all_rows(self) -> pl.DataFrame:
        """The rows of all releases in the order of their codes, so that a code is found in all of them at once."""
        return pl.concat([self._rows(name) for name in self.priceable()]).sort("hcpcs", "release", "modifier")

    def _gpci(self, name: str) -> pl.DataFrame:
        """The places of a release as the engine joins them, the national one among them; worked out once and kept."""
        key = (name, "places")
        if key not in self._frames:
            self._frames[key] = self._places(name)
        return self._frames[key]

    def _places(self, name: str) -> pl.DataFrame:
        columns = [
            pl.lit(name).alias("release"),
            "mac",
            "locality",
            pl.col("work").cast(pl.Int64).alias("gpci_work"),
            pl.col("pe").cast(pl.Int64).alias("gpci_pe"),
            pl.col("mp").cast(pl.Int64).alias("gpci_mp"),
            pl.col("factor").cast(pl.Int64).alias("anesthesia"),
            pl.col("factor_qp").cast(pl.Int64).alias("anesthesia_qp"),
        ]
        places = self.table(name, "gpci")
        if self.releases[name].has("anesthesia"):
            places = places.join(self.table(name, "anesthesia"), on=["mac", "locality"], how="left", maintain_order="left")
        else:
            places = places.with_columns(factor=None, factor_qp=None)
        national = pl.DataFrame({"mac": [""], "locality": [NATIONAL], "work": [1000], "pe": [1000], "mp": [1000]})
        return pl.concat([places.select(columns), national.with_columns(factor=None, factor_qp=None).select(columns)])

    def _zips(self) -> pl.DataFrame:
        """All ZIP files as one table."""
        if not self.zip_files:
            return _no_zips()
        key = ("", "zips")
        if key not in self._frames:
            self._frames[key] = pl.concat(
                zip_file.read("zip5").select(
                    pl.lit(str(start)).alias("zip_file"),
                    "zip",
                    pl.col("mac").alias("zip_mac"),
                    pl.col("locality").alias("zip_locality"),
                    "plus_four",
                )
                for start, zip_file in self.zip_files.items()
            )
        return self._frames[key]


def _with_bases(table: pl.DataFrame, codes: set[str]) -> pl.DataFrame:
    """The rows of some codes and of the bases of their endoscopy families, from a table in the order of its codes."""
    asked = [_of_code(table, code) for code in sorted(codes)]
    bases = {base for rows in asked for base in rows["endo_base"]} - {""} - codes
    return pl.concat([table.clear(), *asked, *(_of_code(table, base) for base in sorted(bases))])


def _of_code(table: pl.DataFrame, code: str) -> pl.DataFrame:
    """The rows of one code; the table is in the order of its codes, so they are found without reading the others."""
    column = table["hcpcs"]
    start = column.search_sorted(code, side="left")
    return table.slice(start, column.search_sorted(code, side="right") - start)


def _no_rows() -> pl.DataFrame:
    from feecalc.columns import PPRRVU

    schema = {"release": pl.String, **{name: PPRRVU[name] for name in PRICING_COLUMNS}}
    return pl.DataFrame(schema=schema)


def _no_gpci() -> pl.DataFrame:
    text = dict.fromkeys(("release", "mac", "locality"), pl.String)
    figures = dict.fromkeys(("gpci_work", "gpci_pe", "gpci_mp", "anesthesia", "anesthesia_qp"), pl.Int64)
    return pl.DataFrame(schema={**text, **figures})


def _no_zips() -> pl.DataFrame:
    text = dict.fromkeys(("zip_file", "zip", "zip_mac", "zip_locality"), pl.String)
    return pl.DataFrame(schema={**text, "plus_four": pl.Boolean})


def _manifests(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The whole folders below `folder`; scratch folders of an interrupted import begin with a dot and are passed over."""
    if not folder.is_dir():
        return []
    found = sorted(p.parent for p in folder.glob(f"*/{MANIFEST}") if not p.parent.name.startswith("."))
    return [(path, json.loads((path / MANIFEST).read_text(encoding="utf-8"))) for path in found]


def write_folder(target: Path, tables: Mapping[str, pl.DataFrame], manifest: Mapping[str, Any]) -> None:
    """Write tables and their manifest as one new folder, which appears whole or not at all. Same input, same bytes."""
    with paths.new_folder(target) as scratch:
        for name, frame in tables.items():
            # Through memory, so that a full disk is Python's own OSError and not an error of the parquet writer.
            buffer = io.BytesIO()
            frame.write_parquet(buffer, compression="zstd", compression_level=COMPRESSION_LEVEL)
            (scratch / f"{name}.parquet").write_bytes(buffer.getvalue())
        counted = {**manifest, "tables": {name: {"rows": frame.height} for name, frame in tables.items()}}
        text = json.dumps(counted, indent=2, ensure_ascii=False, sort_keys=True)
        (scratch / MANIFEST).write_text(text + "\n", encoding="utf-8")
