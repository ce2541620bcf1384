"""From CMS's zips to a store: read, check against policy and against CMS's own cap prices, write whole or not at all."""

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import paths, policy
from feecalc.cms import ReleaseFiles, Source, ZipFile, read_release, read_zip_file, what_is
from feecalc.cms.normalize import EditFile, What, edit_version, read_edit_file
from feecalc.errors import ArchiveError, Problem, RejectedError
from feecalc.money import FACTOR_SCALE
from feecalc.pricing import fee
from feecalc.pricing.explain import decimal
from feecalc.schedule import write_folder


@dataclass(frozen=True)
class Imported:
    """What an import added: its name, where it lies, what was noticed on the way, and the files that it came from."""

    name: str
    folder: Path
    notes: tuple[str, ...]
    files: tuple[str, ...]


def import_file(file: Path) -> Imported:
    """Add one download to the user's store, with the descriptors that the user's own file brings.

    It is a release zip, a ZIP-to-locality zip, an NCCI table (for the four parts of a PTP version: the folder that holds
    them). Raises ArchiveError, LayoutError or RejectedError; nothing is changed then. The same file again changes nothing
    either.
    """
    return next(import_files([file]))


def import_files(files: Sequence[Path]) -> Iterator[Imported]:
    """Add downloads to the user's store one after the other; the parts of one PTP version are added together.

    Errors as `import_file`; what was added before the file in error stays.
    """
    store = paths.home() / "schedule"
    for kind, together in _batches(files):
        yield _add(store, kind, together, mine=True)


def _batches(files: Sequence[Path]) -> list[tuple[What, list[Path]]]:
    """The files in their order, each with what it is; parts of one PTP version stand together where the first one stood."""
    batches: list[tuple[What, list[Path]]] = []
    versions: dict[str, list[Path]] = {}
    for file in files:
        kind = what_is(file)
        version = edit_version(file) if kind == "ncci_ptp" else ""
        if version in versions:
            versions[version].append(file)
            continue
        batches.append((kind, [file]))
        if version:
            versions[version] = batches[-1][1]
    return batches


def _add(store: Path, kind: What, files: list[Path], mine: bool) -> Imported:
    if kind == "release":
        return add_release(store, read_release(files), mine)
    if kind == "zip_locality":
        return add_zip_file(store, read_zip_file(files), mine)
    if kind in {"ncci_ptp", "ncci_mue", "ncci_addon"}:
        return add_edit_file(store, read_edit_file(files), mine)
    raise ArchiveError(
        f"{files[0].name} is neither a release of the fee schedule, nor a ZIP-to-locality file, nor an NCCI table "
        f"(it looks like: {kind})."
    )


def add_release(store: Path, files: ReleaseFiles, mine: bool) -> Imported:
    """Write a release into a store. `mine`: the user's own, kept with its descriptors and beside older copies of its name."""
    name = policy.release_name(files.year, files.quarter, files.conversion_factor)
    effective = dict(policy.known_releases(files.year))[name]
    _check_factor(files, effective)
    notes = list(files.notes)
    tables: dict[str, pl.DataFrame] = {}
    for table in ("pprrvu", "gpci", "anesthesia", "localities"):
        frame = getattr(files, table)
        if frame is not None:
            tables[table] = frame
    if mine and files.descriptions is not None:
        tables["descriptions"] = files.descriptions
    checks: dict[str, Any] = {}
    compared, exact = _caps_agree(files)
    if compared:
        checks["opps_cap_prices"] = {"compared": compared, "exact": exact}
        if exact != compared:
            notes.append(f"{compared - exact:,} of {compared:,} OPPS cap prices differ from the ones that feecalc computes.")
    manifest = {
        "release": name,
        "year": files.year,
        "quarter": files.quarter,
        "effective": effective.isoformat(),
        "released": files.released,
        "conversion_factor": None if files.conversion_factor is None else str(decimal(files.conversion_factor, FACTOR_SCALE)),
        "checks": checks,
        "members": dict(files.members),
        "layouts": dict(files.layouts),
        "meta": dict(files.meta),
        "notes": notes,
        "sources": _sources(files.sources),
    }
    return _write(store / "releases", name, tables, manifest, mine)


def add_zip_file(store: Path, files: ZipFile, mine: bool) -> Imported:
    """Write a ZIP-to-locality file into a store."""
    tables = {name: table for name, table in (("zip5", files.zip5), ("zip9", files.zip9)) if table is not None}
    manifest = {
        "effective": files.effective,
        "members": dict(files.members),
        "layouts": dict(files.layouts),
        "notes": list(files.notes),
        "sources": _sources(files.sources),
    }
    return _write(store / "zip", files.effective, tables, manifest, mine)


def add_edit_file(store: Path, files: EditFile, mine: bool) -> Imported:
    """Write an NCCI table into a store: one folder for each table and quarter."""
    manifest = {
        "table": files.table,
        "quarter": files.quarter,
        "effective": files.effective,
        "version": files.version,
        "members": dict(files.members),
        "layouts": dict(files.layouts),
        "meta": dict(files.meta),
        "notes": list(files.notes),
        "sources": _sources(files.sources),
    }
    return _write(store / "ncci", f"{files.table}-{files.quarter}", {files.table: files.frame}, manifest, mine)


def _write(parent: Path, name: str, tables: dict[str, pl.DataFrame], manifest: dict[str, Any], mine: bool) -> Imported:
    notes = tuple(manifest["notes"])
    files = tuple(source["file"] for source in manifest["sources"])
    if not mine:
        write_folder(parent / name, tables, manifest)
        return Imported(name, parent / name, notes, files)
    folder = parent / f"{name}-{_piece(manifest['sources'])}"
    if folder.exists():
        return Imported(name, folder, (*notes, "It was there already; nothing was changed."), files)
    stamped = {**manifest, "imported_at": dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")}
    write_folder(folder, tables, stamped)
    return Imported(name, folder, notes, files)


def _piece(sources: Sequence[dict[str, str]]) -> str:
    """What tells one import from another of its name: a piece of its source's hash, or of its sources' hashes together."""
    hashes = [source["sha256"] for source in sources]
    whole = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
    return whole[:12]


def _sources(sources: Sequence[Source]) -> list[dict[str, str]]:
    return [{"file": source.name, "sha256": source.sha256} for source in sources]


def _check_factor(files: ReleaseFiles, effective: dt.date) -> None:
    """The release's own conversion factor must be the one of law on its first day, where policy knows that day."""
    law = policy.conversion_factor(effective)
    if files.conversion_factor is None or law is None or law.factor == files.conversion_factor:
        return
    printed, known = (decimal(f, FACTOR_SCALE) for f in (files.conversion_factor, law.factor))
    problem = Problem(
        file=files.members["pprrvu"],
        column="CONV FACTOR",
        value=str(printed),
        message=f"the conversion factor in force on {effective} is {known} (policy/conversion_factors.toml: {law.source})",
    )
    raise RejectedError(f"Release {files.year}{files.quarter}", [problem])


def _caps_agree(files: ReleaseFiles) -> tuple[int, int]:
    """CMS's OPPS cap prices against the engine's: (prices compared, prices exact), both settings."""
    if files.pprrvu is None or files.opps_cap is None or files.gpci is None or files.conversion_factor is None:
        return 0, 0
    gpci = files.gpci.lazy().select(
        "mac", "locality", *(pl.col(part).cast(pl.Int64).alias(f"gpci_{part}") for part in ("work", "pe", "mp"))
    )
    amounts = fee.amounts(pl.lit(files.conversion_factor, dtype=pl.Int64), cap_work="cap_work")
    rows = fee.with_cap_work(files.pprrvu.lazy().with_columns(release=pl.lit("")))
    cms = files.opps_cap.lazy().rename({"nonfacility": "cms_nonfacility", "facility": "cms_facility"}).drop("status")
    exact = (
        cms.join(rows, on=["hcpcs", "modifier"], how="inner")
        .join(gpci, on=["mac", "locality"], how="inner")
        .select(
            amounts["opps_nonfacility"].eq_missing(pl.col("cms_nonfacility")).sum().alias("nonfacility"),
            amounts["opps_facility"].eq_missing(pl.col("cms_facility")).sum().alias("facility"),
        )
        .collect()
    )
    return 2 * files.opps_cap.height, int(exact["nonfacility"][0]) + int(exact["facility"][0])


def build(files: Sequence[Path], store: Path) -> tuple[list[Imported], list[Path]]:
    """Write the store that comes with feecalc from CMS's files: what was added, and the files that are of no known kind.

    The same files give the same bytes: nothing that is written depends on the time, the machine or the order given.
    """
    added: list[Imported] = []
    passed_over: list[Path] = []
    for kind, together in _batches(sorted(files)):
        if kind in {"payment_amounts", "unknown"}:
            passed_over += together
        else:
            added.append(_add(store, kind, together, mine=False))
    return added, passed_over
