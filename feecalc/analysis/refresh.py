"""Bringing the schedule up to date from CMS: look what there is, fetch, check, and only then let it serve.

Each file is read into a store of its own beside the user's, checked there, and renamed into place: a release serves whole or
not at all, and whatever fails leaves everything as it was. Older releases and older postings of one release stay.
"""

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from feecalc import importing, paths, policy
from feecalc.analysis import postings
from feecalc.analysis.postings import Change
from feecalc.analysis.verify import verify
from feecalc.api import OpenSchedule
from feecalc.cms import archive, catalogue, discovery
from feecalc.cms.catalogue import EDITS, ORACLE, Entry
from feecalc.cms.discovery import DownloadError, UnreachableError
from feecalc.cms.download import Client, Downloaded, FullDiskError, MissingError, locked
from feecalc.cms.normalize import read_edit_file, read_payment_file, read_release, read_zip_file
from feecalc.edits import Edits
from feecalc.errors import ArchiveError, FeecalcError, InputError, NotLoadedError, Problem, RejectedError
from feecalc.schedule import MANIFEST, Folder, Release, Schedule

PATIENCE = 900.0  # seconds to wait for another refresh of the same data folder
PLACES = {"release": "releases", "zip_locality": "zip", **dict.fromkeys(EDITS, "ncci")}
PAYMENTS = "payment_amounts"  # among a manifest's checks: what was compared with CMS's own amounts, file by file
Compared = dict[str, Any]
CHECKED = ("pprrvu", "gpci", "anesthesia")  # what a whole release must hold, and hold as much of as the one before


@dataclass(frozen=True)
class Outcome:
    """What became of one file. `result`: added, reposted, unchanged, failed, or would_fetch (a dry run).

    `problem` says why it failed, and where; `changes` what a posting that was loaded before differs in; row by row that
    stands in the file `differences`.
    """

    kind: str
    name: str
    result: str
    title: str
    address: str = ""
    folder: Path | None = None
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    problem: str = ""
    differences: Path | None = None

    def __str__(self) -> str:
        said = {
            "added": f"{self.title}: added, serving from {self.folder}",
            "reposted": f"{self.title}: posted anew by CMS; the new one serves from {self.folder}, the old one is kept",
            "unchanged": f"{self.title}: unchanged",
            "failed": f"{self.title}: NOT taken over; everything is as it was.\n  {self.problem}",
            "would_fetch": f"{self.title}: would be fetched from {self.address}",
        }[self.result]
        rows = [] if self.differences is None else [f"row by row: {self.differences}"]
        return "\n".join([said, *(f"  {line}" for line in [*self.changes, *rows, *self.notes])])


@dataclass(frozen=True)
class Report:
    """What a refresh did, file by file, and what was noticed on the way."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> list[Outcome]:
        """The files that were not taken over."""
        return [one for one in self.outcomes if one.result == "failed"]

    @property
    def added(self) -> list[Outcome]:
        """The files that serve now and did not before."""
        return [one for one in self.outcomes if one.result in {"added", "reposted"}]

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return asdict(self)


# The terms ------------------------------------------------------------------------------------------------------------------


def terms_file(home: Path | None = None) -> Path:
    """Where the acceptance of the terms is recorded: in the data folder."""
    return (home or paths.home()) / "terms.json"


def accepted(home: Path | None = None) -> bool:
    """Whether the person has accepted the terms as they stand today."""
    try:
        record = json.loads(terms_file(home).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("sha256") == sha256(catalogue.terms().text.encode()).hexdigest()


def accept_terms(home: Path | None = None) -> None:
    """Record that the person accepts the terms: when, which version, and the text itself."""
    terms = catalogue.terms()
    record = {
        "accepted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": terms.version,
        "page": terms.page,
        "sha256": sha256(terms.text.encode()).hexdigest(),
        "text": terms.text,
    }
    with paths.new_file(terms_file(home)) as scratch:
        scratch.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _require_terms(home: Path) -> None:
    if accepted(home):
        return
    terms = catalogue.terms()
    raise InputError(
        f"Nothing is fetched before you have accepted the terms of CMS and the AMA, once:\n\n{terms.text}\n\n"
        f"Read them at {terms.page}, then run `feecalc refresh --accept-terms`."
    )


# What is wanted -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What a refresh is asked for. Without years and releases: every release that is missing since the first year that is
    loaded, new postings of the user's own, and the newest ZIP file. `ncci`: the newest NCCI tables too.
    """

    years: frozenset[int] = frozenset()
    releases: frozenset[str] = frozenset()
    ncci: bool = False

    @classmethod
    def of(cls, years: Iterable[int] = (), releases: Iterable[str] = (), ncci: bool = False) -> "Wanted":
        """As a person gives it; release names in any case. Raises InputError for a year before the first one."""
        wanted = cls(frozenset(years), frozenset(name.strip().upper() for name in releases), ncci)
        first = catalogue.first_year()
        early = [str(year) for year in sorted(wanted.years) if year < first]
        if early:
            raise InputError(f"feecalc fetches releases of {first} and later, not of {', '.join(early)}.")
        return wanted

    def kinds(self) -> list[str]:
        """The kinds of files to look for."""
        zips = [] if self.releases and not self.years else ["zip_locality"]
        return ["release", *zips, *(EDITS if self.ncci else ())]

    def release(self, name: str, schedule: Schedule) -> bool:
        """Whether a release is to be fetched, or asked after."""
        if self.years or self.releases:
            return name in self.releases or (name[:4].isdigit() and int(name[:4]) in self.years)
        held = schedule.releases.get(name)
        if held is None:
            return int(name[:4]) >= min((release.year for release in schedule.releases.values()), default=0)
        return not held.priceable or held.origin == "yours"


def plan(client: Client, wanted: Wanted, schedule: Schedule) -> tuple[list[Entry], list[str]]:
    """What to fetch, in order, and notes. Reads CMS's pages, and no file.

    Raises InputError for a release that neither the catalogue nor CMS's pages know.
    """

    def looked_for(kind: str, name: str) -> bool:
        return kind != "release" or wanted.release(name, schedule)

    found = discovery.discover(client.page, client.base, wanted.kinds(), looked_for)
    by_kind: dict[str, list[Entry]] = {}
    for entry in catalogue.merged(catalogue.known(), found.entries):
        by_kind.setdefault(entry.kind, []).append(entry)
    releases = by_kind["release"]
    if unknown := wanted.releases - {entry.name for entry in releases}:
        newest = releases[-1].name
        said = f"CMS has no release {', '.join(sorted(unknown))}. The newest is {newest}; names are such as {newest}."
        raise InputError("\n".join([said, *found.notes]))
    chosen = [entry for entry in releases if wanted.release(entry.name, schedule)]
    for kind in wanted.kinds():
        if kind == "zip_locality":
            chosen += _newest_zips(by_kind[kind], wanted, found.entries)
        elif kind in EDITS:
            chosen += by_kind[kind][-1:]
    return chosen, found.notes


def _newest_zips(entries: list[Entry], wanted: Wanted, found: list[Entry]) -> list[Entry]:
    """The newest ZIP file; of a year that is asked for its files. CMS keeps little more than the newest one."""
    if wanted.years:
        return [entry for entry in entries if entry.effective and entry.effective.year in wanted.years]
    on_page = [entry for entry in entries if any((one.kind, one.name) == (entry.kind, entry.name) for one in found)]
    return (on_page or entries)[-1:]


# The refresh ----------------------------------------------------------------------------------------------------------------


def refresh(
    wanted: Wanted | None = None,
    *,
    client: Client | None = None,
    home: Path | None = None,
    builtin: Path | None = None,
    dry_run: bool = False,
    take_changed: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """Fetch what is wanted from CMS, check it, and let it serve.

    `take_changed`: take a file whose bytes are not those that the catalogue knows by its address. `tell` hears what is being
    done, a line at a time. Raises InputError before the terms are accepted and for a release that does not exist,
    DownloadError where another refresh holds the data folder, UnreachableError where nobody answers at all; what goes wrong
    with one file is in the report.
    """
    wanted, home, builtin = wanted or Wanted(), home or paths.home(), builtin or paths.builtin()
    client, tell = client or Client(), tell or (lambda line: None)
    if not dry_run:
        _require_terms(home)
        client.agreed = True
    schedule = _opened(builtin, home)
    tell(f"Looking at CMS's pages ({client.base})")
    entries, notes = plan(client, wanted, schedule)
    if dry_run:
        return Report(tuple(_would_fetch(entry, schedule) for entry in entries), tuple(notes))
    busy = f"Another refresh of {home} is at work. Try again when it is done."
    waiting = "Another refresh of this data folder is at work; waiting for it"
    with locked(home / ".refresh.lock", PATIENCE, busy, lambda: tell(waiting)):
        work = _Work(client, home, builtin, take_changed, tell)
        outcomes: list[Outcome] = []
        try:
            for entry in entries:
                outcomes.append(_outcome(work, entry))
        except UnreachableError as error:  # the rest cannot be had either
            outcomes += [_failure(entry, str(error)) for entry in entries[len(outcomes) :]]
        return Report(tuple(outcomes), tuple(notes))


def _outcome(work: "_Work", entry: Entry) -> Outcome:
    """What becomes of one entry; what goes wrong with it is told, and leaves nothing behind. Raises UnreachableError."""
    work.clear()  # what a refresh left that was killed: nobody else is at work here
    try:
        return work.bring(entry)
    except UnreachableError:
        raise
    except FeecalcError as error:
        problem = str(error)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        problem = f"The disk of {work.home} is full. Make room and run it again." if full else str(error)
    finally:
        work.clear()
    return _failure(entry, problem)


def _failure(entry: Entry, problem: str) -> Outcome:
    return Outcome(entry.kind, entry.name, "failed", entry.title, entry.addresses[0], problem=problem)


def _opened(builtin: Path, home: Path) -> Schedule:
    return Schedule((builtin, "built-in"), (home / "schedule", "yours"))


def _would_fetch(entry: Entry, schedule: Schedule) -> Outcome:
    notes = [f"what is known of it: {entry.standing} ({entry.source})"]
    held = schedule.releases.get(entry.name) if entry.kind == "release" else None
    if held is not None:
        notes.append(f"loaded now: {held.origin}, from {', '.join(source['file'] for source in held.sources)}")
    shown = ", ".join(entry.addresses) if entry.parts else entry.addresses[0]
    return Outcome(entry.kind, entry.name, "would_fetch", entry.title, shown, notes=tuple(notes))


class _Work:
    """An entry's way from CMS to the store of one data folder."""

    def __init__(self, client: Client, home: Path, builtin: Path, take_changed: bool, tell: Callable[[str], None]) -> None:
        self.client, self.home, self.builtin, self.take_changed, self.tell = client, home, builtin, take_changed, tell
        self.staging = home / "staging"
        self._page = cache(client.page)

    def clear(self) -> None:
        """Remove whatever is being read in."""
        shutil.rmtree(self.staging, ignore_errors=True)

    def bring(self, entry: Entry) -> Outcome:
        """Fetch, check and take over one entry."""
        self.tell(f"Fetching {entry.title}")
        files, notes = self._fetch(entry)
        place = self.home / "schedule" / PLACES[entry.kind]
        if (held := _holding(place, files)) is not None:
            return Outcome(entry.kind, entry.name, "unchanged", entry.title, files[0].address, held, tuple(notes))
        self.tell(f"Checking {entry.title}")
        notes += _differing_members(entry, files)
        staged = self._stage(entry, files)
        before, neighbour = self._compared(entry, staged)
        _check_rows(entry, staged, neighbour or before, notes)
        compared = self._check_release(entry, staged, neighbour, notes) if entry.kind == "release" else None
        self._record(staged, files, compared)
        differences = None if before is None else postings.record(before, staged)
        folder = _take_over(staged.path, place)
        notes += [str(note) for note in staged.manifest["notes"]]
        done = Outcome(entry.kind, entry.name, "added", entry.title, files[0].address, folder, tuple(notes))
        if before is None or differences is None:
            return done
        result = "reposted" if before.origin == "yours" else "added"
        notes = [*differences.examples(postings.EXAMPLES), *notes]
        rows = folder / postings.FILE if differences.rows.height else None
        return replace(done, result=result, notes=tuple(notes), changes=differences.changes, differences=rows)

    # Fetching ------------------------------------------------------------------------------------------------------------

    def _fetch(self, entry: Entry) -> tuple[list[Downloaded], list[str]]:
        """The entry's file, from the first address that has it, or all of its parts; with what went wrong on the way.

        Raises MissingError where no address has it, DownloadError where one of them might have, on a better day.
        """
        downloads = self.home / "downloads"
        if entry.parts:
            return [self.client.fetch(address, downloads, self._hash(entry, address)) for address in entry.addresses], []
        problems: list[FeecalcError] = []
        for address in entry.addresses:
            try:
                file = self.client.fetch(address, downloads, self._hash(entry, address))
            except (UnreachableError, FullDiskError):
                raise
            except (DownloadError, ArchiveError) as error:
                problems.append(error)
            else:
                return [file], [f"tried before: {problem}" for problem in problems]
        told = "\n  ".join(map(str, problems))
        raise MissingError(told) if all(isinstance(p, MissingError | ArchiveError) for p in problems) else DownloadError(told)

    def _hash(self, entry: Entry, address: str) -> str | None:
        return None if self.take_changed else entry.sha256.get(address)

    # Reading -------------------------------------------------------------------------------------------------------------

    def _stage(self, entry: Entry, files: Sequence[Downloaded]) -> Folder:
        """Read the files into a store of their own in the data folder, on the disk on which they will serve."""
        self.staging.mkdir(parents=True, exist_ok=True)
        store = Path(tempfile.mkdtemp(dir=self.staging))
        read = [file.path for file in files]
        if entry.kind == "release":
            release = read_release(read)
            _require_whole(entry, release.year, release.quarter, release.pprrvu is not None and release.gpci is not None)
            imported = importing.add_release(store, release, mine=True)
            _require_name(entry, imported)
        elif entry.kind == "zip_locality":
            imported = importing.add_zip_file(store, read_zip_file(read), mine=True)
        else:
            imported = importing.add_edit_file(store, read_edit_file(read), mine=True)
        manifest = json.loads((imported.folder / MANIFEST).read_text(encoding="utf-8"))
        return (Release if entry.kind == "release" else Folder)(imported.folder, "yours", manifest)

    def _compared(self, entry: Entry, staged: Folder) -> tuple[Folder | None, Folder | None]:
        """What serves now in the place of what was staged, and the nearest other of its kind: the last one before, else the
        first one after it.
        """
        schedule = _opened(self.builtin, self.home)
        loaded: list[Folder]
        if entry.kind == "release":
            before: Folder | None = schedule.releases.get(str(staged.manifest["release"]))
            loaded = [schedule.releases[name] for name in schedule.priceable()]
        elif entry.kind == "zip_locality":
            effective = date.fromisoformat(staged.manifest["effective"])
            before = schedule.zip_files.get(effective) or schedule.zip9_files.get(effective)
            loaded = list(schedule.zip_files.values())
        else:
            edits = Edits((self.builtin, "built-in"), (self.home / "schedule", "yours"))
            tables = edits.tables[staged.manifest["table"]]
            before = tables.get(staged.manifest["quarter"])
            loaded = list(tables.values())
        others = sorted((one for one in loaded if one is not before), key=lambda one: str(one.manifest["effective"]))
        earlier = [one for one in others if str(one.manifest["effective"]) <= str(staged.manifest["effective"])]
        return before, earlier[-1] if earlier else next(iter(others), None)

    def _record(self, staged: Folder, files: Sequence[Downloaded], compared: list[Compared] | None) -> None:
        """Keep in the staged manifest where the files came from, and how they compared with CMS's own amounts."""
        postings.amend(staged, addresses=[self.client.url(file.address) for file in files])
        if compared is not None:
            postings.amend(staged, checks={**staged.manifest["checks"], PAYMENTS: compared})

    # Checking ------------------------------------------------------------------------------------------------------------

    def _check_release(self, entry: Entry, staged: Folder, neighbour: Folder | None, notes: list[str]) -> list[Compared]:
        """The release has all its places, and prices as CMS's own payment amounts do, where these can be had: what was
        compared, nothing where they cannot.
        """
        name = entry.name
        _check_places(staged, neighbour)
        if why := catalogue.why_caps_differ(name, staged.manifest["checks"]):
            notes.append(f"that cap prices differ is known: {why}")
        self.tell(f"Comparing {entry.title} with CMS's own payment amounts")
        found = discovery.discover(self._page, self.client.base, [ORACLE], lambda kind, named: named == name)
        known = [one for one in catalogue.known() if (one.kind, one.name) == (ORACLE, name)]
        oracles = catalogue.merged(known, found.entries)
        if not oracles:
            notes.append("not compared with CMS's own payment amounts: none are listed for this release")
            return []
        try:
            files, _ = self._fetch(oracles[0])
        except MissingError as error:
            notes.append(f"not compared with CMS's own payment amounts, which are not there: {error}")
            return []
        return _compare(entry, staged, files[0], notes)


def _require_whole(entry: Entry, year: int, quarter: str, whole: bool) -> None:
    """Refuse what is no whole release before anything is made of it."""
    if not whole:
        raise ArchiveError(f"{entry.title}: the download holds no relative values or no GPCIs, so it is not the whole release.")
    if f"{year}{quarter}" not in dict(policy.known_releases(year)):
        raise ArchiveError(f"{entry.title}: the download's title does not tell its quarter. Look at it, and import it by hand.")


def _require_name(entry: Entry, imported: importing.Imported) -> None:
    """Refuse a release that is another than its address says."""
    if imported.name != entry.name:
        raise ArchiveError(
            f"{', '.join(imported.files)} holds release {imported.name}, not {entry.name}. If {entry.name} is a release "
            "between quarters that feecalc does not know, add it to policy/releases.toml with its date and conversion factor."
        )


def _check_places(staged: Folder, neighbour: Folder | None) -> None:
    """Within a year the payment places stay the same: none of them may be missing, nor any be without an anesthesia factor."""
    gpci = staged.read("gpci", ["mac", "locality"])
    problems = []
    if neighbour is not None and neighbour.manifest["year"] == staged.manifest["year"]:
        gone = (
            neighbour.read("gpci", ["mac", "locality"]).join(gpci, on=["mac", "locality"], how="anti").sort("mac", "locality")
        )
        message = f"a place of {neighbour.manifest['release']} is missing, of the same year"
        member = staged.manifest["members"]["gpci"]
        problems += [Problem(member, message, value="-".join(place)) for place in gone.rows()]
    if staged.has("anesthesia"):
        factors = staged.read("anesthesia", ["mac", "locality"])
        without = gpci.join(factors, on=["mac", "locality"], how="anti").sort("mac", "locality")
        member = staged.manifest["members"]["anesthesia"]
        problems += [Problem(member, "a place has no anesthesia factor", value="-".join(place)) for place in without.rows()]
    if problems:
        raise RejectedError(f"Release {staged.manifest['release']}", problems)


def _check_rows(entry: Entry, staged: Folder, neighbour: Folder | None, notes: list[str]) -> None:
    """Each table has about as many rows as the one before it, and none is missing that it had."""
    if neighbour is None:
        notes.append("row counts not compared: nothing of its kind is loaded yet")
        return
    percent = catalogue.rows_percent()
    problems = []
    for table, before in neighbour.manifest["tables"].items():
        if entry.kind == "release" and table not in CHECKED:
            continue
        rows, rows_before = int(staged.manifest["tables"].get(table, {"rows": 0})["rows"]), int(before["rows"])
        if 100 * abs(rows - rows_before) > percent * rows_before:
            if rows == 0 and entry.kind == "zip_locality":  # ZIP5 and ZIP9 are published apart, too
                notes.append(f"no {table} table in this download")
                continue
            message = f"{table} has {rows:,} rows, {neighbour.path.name} has {rows_before:,}: more than {percent} % apart"
            problems.append(Problem(_files(staged), message))
    if problems:
        raise RejectedError(entry.title, problems)


def _compare(entry: Entry, staged: Folder, file: Downloaded, notes: list[str]) -> list[Compared]:
    """The staged release against CMS's own payment amounts, to the cent. Raises RejectedError with the first that differ."""
    opened = OpenSchedule(Schedule((staged.path.parents[1], "yours")))
    kinds = {table.meta["qp"] == "QPP" for table in read_payment_file([file.path])}
    compared: list[Compared] = []
    for qp in sorted(kinds):
        try:
            result = verify(opened, file.path, entry.name, qp)
        except NotLoadedError as error:
            notes.append(f"not compared with {file.path.name}: {error}")
            continue
        if not result.agrees:
            problems = [
                Problem(
                    file.path.name,
                    f"{row['hcpcs']} {row['modifier']}".strip() + f" in {row['mac']}-{row['locality']}: CMS pays {row['cms']}, "
                    f"this release gives {row['feecalc']} ({row['amount']})",
                    row["row"],
                )
                for row in result.differences.iter_rows(named=True)
            ] or [Problem(file.path.name, "none of its rows is in this release")]
            kept = ", ".join(source["file"] for source in staged.manifest["sources"])
            raise RejectedError(
                f"{entry.title} does not give CMS's own payment amounts. It lies in the folder downloads as {kept}; "
                "`feecalc import` takes it over without this comparison",
                problems,
            )
        notes.append(
            f"{result.exact:,} of {result.amounts_compared:,} of CMS's own payment amounts exact"
            + (f", {result.capped:,} equal to the OPPS cap" if result.capped else "")
            + (f", {result.not_in_release:,} rows of codes that are not in the release" if result.not_in_release else "")
            + (" (Qualifying APM Participants)" if qp else "")
        )
        counts = {"compared": result.amounts_compared, "exact": result.exact, "capped": result.capped}
        compared.append({"file": file.path.name, "sha256": file.sha256, "qp": qp, **counts})
    return compared


def _differing_members(entry: Entry, files: Sequence[Downloaded]) -> list[str]:
    """A note for each file inside that is not the one with which feecalc was checked."""
    if not entry.member_sha256:
        return []
    known = {name.lower(): value for name, value in entry.member_sha256.items()}
    notes = []
    for file in files:
        for member in archive.members(file.path):
            expected = known.get(member.base.lower())
            if expected is not None and sha256(member.read()).hexdigest() != expected:
                notes.append(
                    f"{member.base} is not byte for byte the one that feecalc was checked with; CMS has changed it since"
                )
    return notes


# The store ------------------------------------------------------------------------------------------------------------------


def _take_over(folder: Path, place: Path) -> Path:
    """Rename a checked folder into the store; beside one of the same content where CMS went back to an older posting."""
    place.mkdir(parents=True, exist_ok=True)
    target, again = place / folder.name, 1
    while target.exists():
        again += 1
        target = place / f"{folder.name}-{again}"
    folder.rename(target)
    return target


def _holding(place: Path, files: Collection[Downloaded]) -> Path | None:
    """The import of the very same files, where it is the newest of its name, so that it serves."""
    hashes = {file.sha256 for file in files}
    manifests = [
        json.loads(path.read_text(encoding="utf-8")) | {"path": path.parent} for path in place.glob(f"[!.]*/{MANIFEST}")
    ]
    newest: dict[tuple[str, ...], dict[str, Any]] = {}
    for manifest in sorted(manifests, key=lambda one: str(one.get("imported_at") or "")):
        newest[tuple(str(manifest.get(part)) for part in ("release", "table", "effective"))] = manifest
    serving = (one for one in newest.values() if {source["sha256"] for source in one["sources"]} == hashes)
    return next((one["path"] for one in serving), None)


def _files(folder: Folder) -> str:
    return ", ".join(source["file"] for source in folder.sources)


def newer_than(schedule: Schedule, home: Path | None = None) -> list[str]:
    """The releases (and ZIP files, as "ZIP 2026-01-01") that the user's store serves and an opened schedule does not yet.

    Cheap enough to ask with every page: it reads the names of the store's folders, and a manifest only where one is new.
    An opened schedule goes on answering from what it opened; open it anew to have these.
    """
    store = (home or paths.home()) / "schedule"
    releases = _newer(store / "releases", list(schedule.releases.values()), "release")
    zips = [*schedule.zip_files.values(), *schedule.zip9_files.values()]
    return [*releases, *(f"ZIP {name}" for name in _newer(store / "zip", zips, "effective"))]


def _newer(place: Path, opened: Sequence[Folder], name: str) -> list[str]:
    known = {folder.path for folder in opened}
    served: dict[str, str] = {}
    for folder in opened:
        one = str(folder.manifest[name])
        served[one] = max(served.get(one, ""), str(folder.manifest.get("imported_at") or ""))
    if not place.is_dir():
        return []
    fresh = {path for path in place.iterdir() if not path.name.startswith(".")} - known
    found = set()
    for path in fresh:
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if str(manifest.get("imported_at") or "") > served.get(str(manifest[name]), ""):
            found.add(str(manifest[name]))
    return sorted(found)
