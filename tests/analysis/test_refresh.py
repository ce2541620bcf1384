"""The refresh from end to end against a small cms.gov: what serves afterwards is whole, checked, and what CMS posted."""

import csv
import errno
import io
import json
import random
import runpy
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "cms"))
from cms_files import ALASKA, GPCI_HEADINGS, HEADINGS, PLACES, anesthesia, as_csv, counties, gpci, pprrvu, pprrvu_row, zip5
from stand_in import ADDON, MUE, PAYMENTS, PTP, RELEASES, ZIPS, StandIn
from whole_release import january

from feecalc import paths, schedule
from feecalc.analysis import refresh as refreshing
from feecalc.analysis.refresh import Wanted, accept_terms, accepted, newer_than, refresh
from feecalc.api import OpenSchedule
from feecalc.cli.refresh import Bars, bar, line, refresh_command, size
from feecalc.cms import catalogue, download
from feecalc.cms.discovery import DownloadError, UnreachableError
from feecalc.cms.download import Client, Progress
from feecalc.errors import InputError
from feecalc.schedule import Schedule

OCTOBER = "/files/zip/rvu25d-updated-09/11/2025.zip"
MONTHS = {"A": "January", "B": "April", "C": "July", "D": "October"}
EXTRA = "97110"
ANES_HEADINGS = ("Qualifying APM National Anes CF of 20.599835", "Non-Qualifying APM National Anes CF of 20.49754")


# A small cms.gov ------------------------------------------------------------------------------------------------------------


def packed(files: dict[str, str | bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()


def release(
    year=2025, letter="D", version=0, rows=(), places=PLACES, factor="32.3465", extra="%PDF", **changes: str | bytes
) -> bytes:
    """A small release. Its `version` stands in two of its files, so that a mixture of two would be seen."""
    visit = {
        "work_rvu": f"{1.30 + version / 100:.2f}",
        "non_facility_total": f"{2.75 + version / 100:.2f}",
        "facility_total": f"{1.97 + version / 100:.2f}",
    }
    values = [
        pprrvu_row(year, conv_factor=factor, **visit),
        *(pprrvu_row(year, conv_factor=factor, hcpcs=code) for code in rows),
    ]
    headings = [heading.replace("2025", str(year)) for heading in GPCI_HEADINGS]
    indices = [[cell.replace("CY 2025", f"CY {year}") for cell in row] for row in gpci(places, headings)]
    columns = 1 if year < 2026 else 2  # the factor of Qualifying APM Participants stands before the other
    factors = [(place[0], place[2], place[3], *[f"{19.31 + version / 100:.2f}"] * columns) for place in places]
    headed = ANES_HEADINGS if columns == 2 else ("National Anes CF of 20.3178",)
    names = ("Contractor", "Locality", "Locality Name", *headed)
    files: dict[str, str | bytes] = {
        f"PPRRVU{year}_{MONTHS[letter][:3]}.csv": as_csv(pprrvu(values, year, MONTHS[letter])),
        f"GPCI{year}.csv": as_csv(indices),
        f"ANES{year}.csv": as_csv(anesthesia(factors, names)),
        f"{year % 100}LOCCO.csv": as_csv(counties([(place[0], place[2], "OHIO", "AREA", "ALL") for place in places], year)),
    }
    return packed({name: changes.get(name.split(".")[0], content) for name, content in files.items()} | {"notes.pdf": extra})


def amounts(*records: tuple[str, str, str, str, str]) -> bytes:
    """A zip of payment amounts: MAC, locality, code, non-facility, facility."""
    zero = "0000000.00"
    lines = []
    for mac, locality, code, nonfacility, facility in records:
        paid = [f"{float(one):010.2f}" for one in (nonfacility, facility)]
        fields = ["2025", mac, locality, code, "  ", *paid, " ", "0", "A", "0", zero, zero, "9", zero, zero]
        lines.append(",".join(f'"{cell}"' for cell in fields))
    return packed({"PFREV4.txt": "\r\n".join(lines) + "\r\n"})


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def site():
    with StandIn() as running:
        for listing in (RELEASES, PAYMENTS, ZIPS, PTP, MUE, ADDON):
            running.listing(listing)
        post(running, OCTOBER, release())
        yield running


@pytest.fixture
def empty(tmp_path) -> Path:
    """A built-in schedule that holds nothing."""
    folder = tmp_path / "builtin"
    folder.mkdir()
    return folder


def post(site: StandIn, address: str, body: bytes, name: str = "rvu25d") -> None:
    """Post a release as CMS does: on a page of its own that the listing names; earlier links of the page stay."""
    site.zip(address, body)
    names = {path.rsplit("/", 1)[-1] for path in site.paths if path.startswith(f"{RELEASES}/")} | {name}
    site.listing(RELEASES, *[(f"{RELEASES}/{one}", one.upper()) for one in sorted(names)])
    site.listing(f"{RELEASES}/{name}", (f"/license/ama?file={address}", f"{name.upper()} (ZIP)"))


def client(site, **changes) -> Client:
    quick = {"pause": 0.0, "backoff": 0.01, "connect_timeout": 2.0, "read_timeout": 2.0, "attempts": 2}
    return Client(site.base, **(quick | changes))


def run(site, home, empty, *names, **changes):
    accept_terms(home)
    wanted = changes.pop("wanted", Wanted.of(releases=names))
    return refresh(wanted, client=client(site), home=home, builtin=empty, **changes)


def opened(home) -> Schedule:
    return Schedule((home / "schedule", "yours"))


def version_of(found: Schedule, name="2025D") -> int:
    """The version that a release is of; it must be the same in both of its files."""
    work = found.table(name, "pprrvu").row(by_predicate=schedule.pl.col("hcpcs") == "99213", named=True)["work"] - 130
    factors = set(found.table(name, "anesthesia")["factor"] - 1931)
    assert factors == {work}
    for table, counted in found.releases[name].manifest["tables"].items():
        assert found.table(name, table).height == counted["rows"]
    return work


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# The good way ---------------------------------------------------------------------------------------------------------------


def test_from_nothing_to_a_release_that_prices(site, home, empty):
    said = []
    report = run(site, home, empty, "2025d", tell=said.append)
    (outcome,) = report.outcomes
    assert (outcome.result, outcome.problem, report.failed) == ("added", "", [])
    assert outcome.folder.parent == home / "schedule" / "releases"
    prices = OpenSchedule(opened(home))
    quote = prices.price("99213", date="2025-11-03", locality="10112-00")
    assert str(quote.allowed) == "81.86"
    assert said[0].startswith("Looking at CMS's pages")
    assert [line.split()[0] for line in said[1:]] == ["Fetching", "Checking", "Comparing"]
    assert (home / "downloads" / "rvu25d-updated-09-11-2025.zip").read_bytes() == release()
    assert not (home / "staging").exists()


def test_again_changes_nothing_and_asks_only_whether_it_changed(site, home, empty):
    run(site, home, empty, "2025D")
    before = below(home / "schedule")
    asked = len(site.asked)
    report = run(site, home, empty, "2025D")
    assert [one.result for one in report.outcomes] == ["unchanged"]
    assert below(home / "schedule") == before
    zips = [headers for path, headers in site.asked[asked:] if path.endswith(".zip")]
    assert len(zips) == 1
    assert "If-None-Match" in zips[0]


def test_the_default_is_what_is_missing_and_new_postings_of_the_users_own(site, home, empty):
    built_in = opened_release_names(home, empty)
    run(site, home, empty, "2025D")
    wanted = Wanted()
    loaded = Schedule((empty, "built-in"), (home / "schedule", "yours"))
    assert built_in == set()
    assert wanted.release("2025D", loaded)  # the user's own: asked whether it was posted anew
    assert wanted.release("2027A", loaded)  # not loaded
    packaged = Schedule((paths.builtin(), "built-in"))
    assert not wanted.release("2025D", packaged)  # comes with feecalc
    assert wanted.release("2026A", packaged)  # comes in part only
    assert Wanted.of([2025]).release("2025D", packaged)  # asked for by its year
    assert not Wanted.of([2026]).release("2025D", packaged)
    assert not wanted.release("2019A", packaged)  # before the first loaded year: only where it is asked for
    assert Wanted.of([2019]).release("2019A", packaged)


def opened_release_names(home, empty) -> set[str]:
    return set(Schedule((empty, "built-in"), (home / "schedule", "yours")).releases)


def test_next_januarys_release_and_zip_file_need_no_change_of_code(site, home, empty):
    post(site, "/files/zip/rvu27a-updated-01/04/2027.zip", release(2027, "A", factor="33.0000"), "rvu27a")
    address = "/files/zip/zip-code-carrier-locality-file-updated-11-18-2026.zip"
    site.zip(address, packed({"ZIP5_JAN2027.txt": zip5("99501", quarter="20271") + "\r\n"}))
    site.listing(ZIPS, (address, "Zip Code to Carrier Locality File - Updated 11/18/2026 (ZIP)"))
    report = run(site, home, empty, wanted=Wanted.of([2027]))
    assert [(one.kind, one.name, one.result) for one in report.outcomes] == [
        ("release", "2027A", "added"),
        ("zip_locality", "2027-01-01", "added"),
    ], report.outcomes
    found = opened(home)
    assert found.serving(date(2027, 2, 1))[0].name == "2027A"
    assert list(found.zip_files) == [date(2027, 1, 1)]


def test_a_dry_run_fetches_no_zip_and_needs_no_terms(site, home, empty):
    report = refresh(Wanted.of([2025]), client=client(site), home=home, builtin=empty, dry_run=True)
    names = [one.name for one in report.outcomes]
    assert names == ["2025A", "2025B", "2025C", "2025D", "2025-10-01"]
    (october,) = [one for one in report.outcomes if one.name == "2025D"]
    assert (october.result, october.address) == ("would_fetch", OCTOBER)
    assert "secondary" in str(october)
    assert not any(path.endswith(".zip") for path, _ in site.asked)
    assert not home.exists()


def test_nothing_is_fetched_before_the_terms_are_accepted(site, home, empty, monkeypatch):
    with pytest.raises(InputError, match=r"American Medical Association(.|\n)*--accept-terms"):
        refresh(Wanted.of(releases=["2025D"]), client=client(site), home=home, builtin=empty)
    assert site.asked == []
    accept_terms(home)
    record = json.loads(refreshing.terms_file(home).read_text(encoding="utf-8"))
    assert record["text"] == catalogue.terms().text
    assert record["accepted_at"].startswith("20")
    assert accepted(home)
    other = catalogue.Terms("2030-1", "https://www.cms.gov/license/ama", "Other terms.")
    monkeypatch.setattr(catalogue, "terms", lambda: other)
    assert not accepted(home)  # of the old text


def test_the_licence_page_in_between_is_passed_once_the_terms_are_accepted(site, home, empty):
    site.licensed.add(OCTOBER)
    assert [one.result for one in run(site, home, empty, "2025D").outcomes] == ["added"]


def test_releases_and_years_that_do_not_exist_are_told(site, home, empty):
    with pytest.raises(InputError, match=r"no release 2031A\. The newest is 2026D"):
        run(site, home, empty, "2031A")
    with pytest.raises(InputError, match="2019 and later, not of 2018"):
        Wanted.of([2018])


# Where CMS's pages differ from the catalogue --------------------------------------------------------------------------------


def test_a_file_that_moved_to_a_new_dated_name_is_found(site, home, empty):
    del site.paths[OCTOBER]
    moved = "/files/zip/rvu25d-updated-12-01-2025.zip"
    post(site, moved, release())
    (outcome,) = run(site, home, empty, "2025D").outcomes
    assert (outcome.result, outcome.address) == ("added", moved)
    assert site.requests(OCTOBER) == []


def test_the_catalogue_serves_where_the_pages_are_gone_or_their_link_is_dead(site, home, empty):
    del site.paths[RELEASES]
    report = run(site, home, empty, "2025D")
    assert report.outcomes[0].result == "added"
    assert "could not be read" in report.notes[0]
    site.listing(RELEASES, (f"{RELEASES}/rvu25d", "RVU25D"))
    site.listing(f"{RELEASES}/rvu25d", ("/files/zip/rvu25d-updated-12-31-2025.zip", "RVU25D"))
    report = run(site, home, empty, "2025D")
    assert report.outcomes[0].result == "unchanged"
    assert "tried before: " in report.outcomes[0].notes[0]


def test_a_file_that_is_nowhere_is_told_with_every_address(site, home, empty):
    del site.paths[OCTOBER]
    (outcome,) = run(site, home, empty, "2025D").outcomes
    assert outcome.result == "failed"
    assert all(name in outcome.problem for name in (OCTOBER, "rvu25d-0.zip", "rvu25d.zip"))
    assert "NOT taken over" in str(outcome)


def test_another_file_than_the_catalogue_knows_is_taken_only_on_request(site, home, empty):
    (entry,) = [one for one in catalogue.known() if one.name == "2026D" and one.kind == "release"]
    assert entry.sha256
    post(site, entry.addresses[0], release(2026, "D", factor="33.4009"), "rvu26d")
    (outcome,) = run(site, home, empty, "2026D").outcomes
    assert outcome.result == "failed"
    assert "--accept-changed" in outcome.problem
    (outcome,) = run(site, home, empty, "2026D", take_changed=True).outcomes
    assert outcome.result == "added"


# The checks before it serves ------------------------------------------------------------------------------------------------


def refused(site, home, empty, body, says, name="2025D"):
    """What is posted fails, for a reason that is told, and nothing has changed."""
    post(site, OCTOBER, body)
    before = below(home / "schedule")
    (outcome,) = run(site, home, empty, name).outcomes
    assert outcome.result == "failed", outcome
    assert says in outcome.problem
    assert below(home / "schedule") == before
    assert not (home / "staging").exists()


def test_a_layout_or_total_that_is_wrong_changes_nothing(site, home, empty):
    run(site, home, empty, "2025D")
    sheet = pprrvu([[*pprrvu_row(), "1"]], names=[*HEADINGS, "SURPRISE"])
    refused(site, home, empty, release(version=1, PPRRVU2025_Oct=as_csv(sheet)), "SURPRISE")
    wrong = as_csv(pprrvu([pprrvu_row(non_facility_total="9.99")]))
    refused(site, home, empty, release(version=1, PPRRVU2025_Oct=wrong), "do not add up")
    refused(site, home, empty, release(version=1, factor="32.0000"), "conversion factor")
    assert version_of(opened(home)) == 0


def test_a_release_that_is_another_or_in_part_changes_nothing(site, home, empty):
    refused(site, home, empty, release(letter="C"), "holds release 2025C, not 2025D")
    only_places = packed({"GPCI2025.csv": as_csv(gpci())})
    refused(site, home, empty, only_places, "not the whole release")
    refused(site, home, empty, packed({"readme.txt": "nothing"}), "no relative value release")


def test_missing_places_and_factors_and_far_fewer_rows_change_nothing(site, home, empty):
    post(site, "/files/zip/rvu25c.zip", release(letter="C", rows=[EXTRA]), "rvu25c")
    assert run(site, home, empty, "2025C").outcomes[0].result == "added"
    refused(site, home, empty, release(rows=[EXTRA], places=PLACES[1:]), "gpci has 3 rows, 2025C")
    refused(site, home, empty, release(), "pprrvu has 1 rows, 2025C")
    no_factors = {name: content for name, content in unpacked(release(rows=[EXTRA])).items() if "ANES" not in name}
    refused(site, home, empty, packed(no_factors), "anesthesia has 0 rows")


def test_one_place_in_many_is_missed_too(site, home, empty):
    many = tuple((f"{mac:05}", "OH", "00", f"PLACE {mac}", "1", "0.917", "0.957") for mac in range(15202, 15242))
    post(site, "/files/zip/rvu25c.zip", release(letter="C", places=many), "rvu25c")
    assert run(site, home, empty, "2025C").outcomes[0].problem == ""
    refused(
        site, home, empty, release(places=(*many[1:], ALASKA)), "a place of 2025C is missing, of the same year ('15202-00')"
    )
    factors = [(place[0], place[2], place[3], "19.31") for place in many[1:]]
    one_missing = release(places=many, ANES2025=as_csv(anesthesia(factors)))
    refused(site, home, empty, one_missing, "a place has no anesthesia factor ('15202-00')")


def unpacked(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


RIGHT = [("10112", "00", "99213", "81.86", "59.93"), ("02102", "01", "99213", "112.20", "84.92")]


def test_cms_own_amounts_must_agree_to_the_cent(site, home, empty):
    address = "/files/zip/pfrev25d-posted-09-11-2025.zip"
    site.zip(address, amounts(RIGHT[0], (*RIGHT[1][:3], "112.21", "84.92")))
    site.listing(PAYMENTS, (f"{PAYMENTS}/pfrev25d", "PFREV25D"))
    site.listing(f"{PAYMENTS}/pfrev25d", (address, "PFREV25D (ZIP)"))
    refused(site, home, empty, release(), "99213 in 02102-01: CMS pays 112.21, this release gives 112.20")
    site.zip(address, amounts(("10112", "00", "99999", "1.00", "1.00")))
    refused(site, home, empty, release(), "none of its rows is in this release")
    site.zip(address, amounts(*RIGHT))
    (outcome,) = run(site, home, empty, "2025D").outcomes
    assert outcome.result == "added"
    assert "8 of 8 of CMS's own payment amounts exact" in outcome.notes


def test_amounts_that_cannot_be_had_today_are_waited_for(site, home, empty):
    address = "/files/zip/pfrev25d.zip"
    site.zip(address, amounts(*RIGHT))
    site.fault(address, *[lambda answer: replace(answer, status=503, body=b"", etag="")] * 9)
    refused(site, home, empty, release(), "busy or broken")
    site.faults.clear()
    assert run(site, home, empty, "2025D").outcomes[0].result == "added"


def test_without_cms_own_amounts_it_serves_and_says_that_they_were_not_compared(site, home, empty):
    (outcome,) = run(site, home, empty, "2025D").outcomes
    assert any(note.startswith("not compared with CMS's own payment amounts") for note in outcome.notes)


# Postings that replace others -----------------------------------------------------------------------------------------------


def test_a_new_posting_serves_the_old_one_stays_and_the_difference_is_told(site, home, empty):
    run(site, home, empty, "2025D")
    first = below(home / "schedule")
    post(site, "/files/zip/rvu25d-updated-10-15-2025.zip", release(version=3))
    (outcome,) = run(site, home, empty, "2025D").outcomes
    assert outcome.result == "reposted"
    changes = {change.table: change for change in outcome.changes}
    assert (changes["pprrvu"].changed, changes["pprrvu"].added, changes["pprrvu"].removed) == (1, 0, 0)
    assert (changes["anesthesia"].changed, changes["gpci"].changed) == (len(PLACES), 0)
    assert "pprrvu: 1 -> 1 rows; 0 new, 0 gone, 1 changed" in str(outcome)
    assert version_of(opened(home)) == 3
    assert first.items() <= below(home / "schedule").items()
    assert "pprrvu 99213: work 1.30 -> 1.33" in outcome.notes
    assert f"row by row: {outcome.differences}" in str(outcome)
    told = list(csv.DictReader(outcome.differences.read_text(encoding="utf-8").splitlines()))
    assert told[0] == {
        **{"table": "pprrvu", "row": "99213", "what": "changed"},
        **{"column": "work", "before": "1.30", "after": "1.33"},
    }
    assert [(one["row"], one["before"], one["after"]) for one in told[1:]] == [
        (f"{place[0]}-{place[2]}", "19.31", "19.34") for place in sorted(PLACES)
    ]
    (folder,) = {path.split("/")[1] for path in first}
    manifest = opened(home).releases["2025D"].manifest
    assert manifest["replaces"] == {"folder": folder, "origin": "yours", "differences": len(told)}


def test_a_new_posting_with_rows_more_and_rows_less_tells_each_of_them(site, home, empty):
    codes = [f"9712{number}" for number in range(10)]
    post(site, OCTOBER, release(rows=codes))
    run(site, home, empty, "2025D")
    post(site, OCTOBER, release(rows=[*codes[1:], EXTRA]))
    (outcome,) = run(site, home, empty, "2025D").outcomes
    told = list(csv.DictReader(outcome.differences.read_text(encoding="utf-8").splitlines()))
    assert [(one["row"], one["what"]) for one in told] == [(EXTRA, "new"), (codes[0], "gone")]


def test_where_it_came_from_and_how_it_was_checked_is_kept_with_it(site, home, empty):
    address = "/files/zip/pfrev25d.zip"
    run(site, home, empty, "2025D")
    manifest = opened(home).releases["2025D"].manifest
    assert manifest["addresses"] == [f"{site.base}{OCTOBER}"]
    assert manifest["checks"]["payment_amounts"] == []  # CMS had none
    site.zip(address, amounts(*RIGHT))
    post(site, OCTOBER, release(extra="another posting of the same figures"))
    (outcome,) = run(site, home, empty, "2025D").outcomes
    assert (outcome.problem, outcome.result) == ("", "reposted")
    manifest = opened(home).releases["2025D"].manifest
    (compared,) = manifest["checks"]["payment_amounts"]
    assert (compared["file"], compared["compared"], compared["exact"], compared["qp"]) == ("pfrev25d.zip", 8, 8, False)
    assert manifest["replaces"]["differences"] == 0


def test_where_cms_goes_back_to_an_older_posting_that_one_serves_again(site, home, empty):
    for version in (0, 1, 0):
        post(site, OCTOBER, release(version=version))
        assert run(site, home, empty, "2025D").outcomes[0].result in {"added", "reposted"}
        assert version_of(opened(home)) == version
    assert run(site, home, empty, "2025D").outcomes[0].result == "unchanged"
    assert len(list((home / "schedule" / "releases").iterdir())) == 3


def test_a_schedule_that_is_open_learns_what_is_newer(site, home, empty):
    run(site, home, empty, "2025D")
    before = opened(home)
    assert newer_than(before, home) == []
    post(site, "/files/zip/rvu25c.zip", release(letter="C"), "rvu25c")
    post(site, OCTOBER, release(version=1))
    site.zip("/z.zip", b"")
    address = "/files/zip/zip-code-carrier-locality-file-revised-08-14-2025.zip"
    site.zip(address, packed({"ZIP5_OCT2025.txt": zip5("99501") + "\r\n"}))
    site.listing(ZIPS, (address, "ZIP"))
    run(site, home, empty, wanted=Wanted.of([2025], ["2025C"]))
    assert newer_than(before, home) == ["2025C", "2025D", "ZIP 2025-10-01"]
    assert version_of(before) == 0
    assert newer_than(opened(home), home) == []
    assert newer_than(before, home / "nowhere") == []


def test_ncci_tables_come_along_when_asked_for(site, home, empty):
    from test_cms_ncci import ENDED, HARD, MUE_NAME, OPEN, TIMED, VOID, mue_sheet, part

    parts = {}
    for number, row in enumerate([OPEN, ENDED, VOID, HARD], 1):
        address = f"/files/zip/medicare-ncci-2026q4-practitioner-ptp-edits-ccipra-v323r0-f{number}.zip"
        inner, text = part(number, row, version="v323r0")
        parts[address] = packed({inner: text})
        site.zip(address, parts[address])
        site.licensed.add(address)
    site.listing(PTP, *[(f"/license/ama?file={address}", "PTP Edits") for address in parts])
    address = "/files/zip/medicare-ncci-2026-q4-practitioner-services-mue-table.zip"
    inside = MUE_NAME.replace(MUE_NAME[-14:-4], "10-01-2026")
    site.zip(address, packed({inside: as_csv(mue_sheet([TIMED]))}))
    site.listing(MUE, (address, "Practitioner Services MUE Table"))
    report = run(site, home, empty, wanted=Wanted.of(releases=["2025D"], ncci=True))
    results = {(one.kind, one.name): one.result for one in report.outcomes}
    assert results == {
        ("release", "2025D"): "added",
        ("ncci_ptp", "2026Q4"): "added",
        ("ncci_mue", "2026Q4"): "added",
        ("ncci_addon", "2026Q4"): "failed",
    }
    from feecalc.edits import Edits

    tables = Edits((home / "schedule", "yours")).tables
    assert [(list(tables[name]), len(list(tables[name].values()))) for name in ("ptp", "mue")] == [(["2026Q4"], 1)] * 2
    report = run(site, home, empty, wanted=Wanted.of(releases=["2025D"], ncci=True))
    assert [one.result for one in report.outcomes] == ["unchanged", "unchanged", "unchanged", "failed"]
    del site.paths[next(iter(parts))]
    report = run(site, home, empty, wanted=Wanted.of(releases=["2025D"], ncci=True))
    assert [one.result for one in report.outcomes][1] == "failed"


# What goes wrong on this machine --------------------------------------------------------------------------------------------


def test_a_disk_that_fills_while_the_tables_are_written_changes_nothing(site, home, empty, monkeypatch):
    run(site, home, empty, "2025D")
    before = below(home / "schedule")
    post(site, OCTOBER, release(version=1))
    real, calls = Path.write_bytes, []

    def fills(self, content):
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return real(self, content)

    monkeypatch.setattr(Path, "write_bytes", fills)
    (outcome,) = run(site, home, empty, "2025D").outcomes
    assert outcome.result == "failed"
    assert "disk" in outcome.problem
    assert below(home / "schedule") == before
    assert not (home / "staging").exists()
    (outcome,) = run(site, home, empty, "2025D").outcomes
    assert outcome.result == "reposted"


def test_one_file_that_fails_does_not_hold_up_the_others(site, home, empty):
    post(site, "/files/zip/rvu25c.zip", b"PK no zip", "rvu25c")
    report = run(site, home, empty, "2025C", "2025D")
    assert [(one.name, one.result) for one in report.outcomes] == [("2025C", "failed"), ("2025D", "added")]
    assert [one.name for one in report.added] == ["2025D"]
    assert report.as_dict()["outcomes"][0]["problem"]


def test_nobody_there_is_told_at_once(home, empty):
    accept_terms(home)
    nobody = Client("http://127.0.0.1:9", pause=0.0, backoff=0.0, attempts=1)
    with pytest.raises(UnreachableError, match="Check the connection"):
        refresh(Wanted.of([2025]), client=nobody, home=home, builtin=empty)


def test_a_connection_that_ends_halfway_fails_the_rest_without_trying(site, home, empty, monkeypatch):
    real, asked = Client.fetch, []

    def gone(self, address, folder, sha256=None):
        asked.append(address)
        if len(asked) == 3:
            raise UnreachableError(f"{address} cannot be reached")
        return real(self, address, folder, sha256)

    post(site, "/files/zip/rvu25c.zip", release(letter="C"), "rvu25c")
    monkeypatch.setattr(Client, "fetch", gone)
    report = run(site, home, empty, "2025A", "2025C", "2025D")
    assert [one.result for one in report.outcomes] == ["failed", "failed", "failed"]
    assert len(asked) == 3
    assert "cannot be reached" in report.outcomes[2].problem


RUNNER = """
import sys
from pathlib import Path
from feecalc.analysis.refresh import Wanted, accept_terms, refresh
from feecalc.cms.download import Client
home, empty, base = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
accept_terms(home)
print("ready", flush=True)
sys.stdin.readline()
report = refresh(
    Wanted.of(releases=["2025D"]), client=Client(base, pause=0.0, backoff=0.01), home=home, builtin=empty,
    tell=lambda line: print(line, file=sys.stderr),
)
print(report.outcomes[0].result, report.outcomes[0].problem, flush=True)
"""


class Runner:
    """A process that has everything loaded and begins its refresh at a word."""

    def __init__(self, home: Path, empty: Path, site: StandIn) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(home), str(empty), site.base],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def go(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        assert self.process.stdout.readline() == "ready\n"
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self) -> str:
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return out.strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


KILLS = 50


def test_killed_at_any_moment_the_store_serves_a_whole_release(site, home, empty):
    chance = random.Random(20)
    runners = [Runner(home, empty, site) for _ in range(3)]  # the next ones load while one works
    first = runners.pop(0)
    first.go()
    started = time.monotonic()
    assert first.result() == "added"
    longest = 1.3 * (time.monotonic() - started)
    posted = serving = changed = in_part = 0
    for number in range(KILLS):
        runners.append(Runner(home, empty, site))
        runner = runners.pop(0)
        if serving == posted:
            posted += 1
            post(site, OCTOBER, release(version=posted))
        if number % 5 == 0:  # the line falls silent half way, so that some are killed there
            site.faults[OCTOBER] = [lambda answer: replace(answer, stop_at=len(answer.body) // 2, stall=30.0)]
        runner.go()
        time.sleep(chance.uniform(0, longest))
        runner.kill()
        in_part += any(path.name.endswith(".part") for path in (home / "downloads").iterdir())
        site.faults.clear()
        found = opened(home)
        assert found.priceable() == ["2025D"]
        now = version_of(found)
        assert now in {serving, posted}
        changed += now != serving
        longest *= 0.9 if now != serving else 1.1  # some are to end before and some after, however busy the machine is
        serving = now
    for runner in runners:
        runner.kill()
    assert 0 < changed < KILLS  # some were killed before the new one served, and some after
    assert in_part  # and some in the middle of a download
    last = Runner(home, empty, site)
    last.go()
    assert last.result() in {"added", "reposted", "unchanged"}
    assert version_of(opened(home)) == posted
    assert not (home / "staging").exists()
    assert not [path for path in (home / "downloads").iterdir() if ".part" in path.name or path.name.startswith(".rvu")]


def test_two_refreshes_at_once(site, home, empty):
    site.fault(OCTOBER, lambda answer: replace(answer, stop_at=100, stall=0.3))
    both = [Runner(home, empty, site) for _ in range(2)]
    for one in both:
        one.go()
    assert sorted(one.result() for one in both) == ["added", "unchanged"]
    assert len(list((home / "schedule" / "releases").iterdir())) == 1
    unconditional = [headers for headers in site.requests(OCTOBER) if "If-None-Match" not in headers]
    assert len(unconditional) == 2  # the one that was cut, and its second try
    assert version_of(opened(home)) == 0


def test_another_refresh_at_work_is_waited_for_and_told(site, home, empty, monkeypatch):
    monkeypatch.setattr(refreshing, "PATIENCE", 0.3)
    said = []
    accept_terms(home)
    with download.locked(home / ".refresh.lock", 0, "mine"), pytest.raises(DownloadError, match="Another refresh"):
        refresh(Wanted.of(releases=["2025D"]), client=client(site), home=home, builtin=empty, tell=said.append)
    assert "waiting for it" in said[-1]


def test_prices_are_answered_while_it_refreshes(site, home, empty):
    """Schedules that are open go on as they are; ones that are opened meanwhile hold one posting whole."""
    run(site, home, empty, "2025D")
    still = OpenSchedule(opened(home))
    problems: list[BaseException] = []
    answered = {"old": 0, "fresh": 0}
    seen: set[int] = set()
    done = threading.Event()

    def asks() -> None:
        try:
            while not done.is_set():
                quote = still.price("99213", date="2025-11-03", locality="10112-00")
                assert str(quote.allowed) == "81.86"
                answered["old"] += 1
        except BaseException as error:
            problems.append(error)

    def opens() -> None:
        try:
            while not done.is_set():
                found = opened(home)
                seen.add(version_of(found))
                OpenSchedule(found).price("99213", date="2025-11-03", locality="10112-00")
                answered["fresh"] += 1
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=asks), threading.Thread(target=opens)]
    for thread in threads:
        thread.start()
    for version in range(1, 6):
        post(site, OCTOBER, release(version=version))
        assert run(site, home, empty, "2025D").outcomes[0].result == "reposted"
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert answered["old"] > 5
    assert answered["fresh"] > 2
    assert seen <= set(range(6))
    assert len(seen) > 1


# The command ----------------------------------------------------------------------------------------------------------------


def command(site, home, *options, **changes):
    return CliRunner().invoke(refresh_command, ["--from", site.base, "--data-dir", str(home), *options], **changes)


def test_the_command_accepts_fetches_and_reports(site, home, empty, monkeypatch):
    monkeypatch.setattr(paths, "builtin", lambda: empty)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    refused_one = command(site, home, "--release", "2025D")
    assert isinstance(refused_one.exception, InputError)
    dry = command(site, home, "--release", "2025D", "--dry-run")
    assert "would be fetched from" in dry.output
    done = command(site, home, "--release", "2025D", "--accept-terms")
    assert done.exit_code == 0, done.output
    assert "release 2025D: added, serving from" in done.output
    assert "The terms are accepted" in done.output
    assert "100 %" in done.output
    again = command(site, home, "--release", "2025D", "--json")
    assert json.loads(again.stdout)["outcomes"][0]["result"] == "unchanged"
    post(site, OCTOBER, b"no zip at all")
    failed = command(site, home, "--release", "2025D")
    assert failed.exit_code == 1
    assert "NOT taken over" in failed.output


def test_the_built_in_release_is_the_measure_of_what_is_fetched(site, home, monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0.0)
    done = command(site, home, "--release", "2025D", "--accept-terms")
    assert done.exit_code == 1
    assert "pprrvu has 1 rows, 2025C has 19,029: more than 10 % apart" in done.output
    assert not (home / "schedule").exists()


def test_the_script_fetches_zips_for_the_built_in_schedule(site, home, tmp_path, monkeypatch, capsys):
    script = Path(__file__).parents[2] / "scripts" / "download.py"
    out = tmp_path / "raw"
    monkeypatch.setattr(download, "PAUSE", 0.0)

    def runs(*options: str) -> int:
        monkeypatch.setattr(sys, "argv", [str(script), "--from", site.base, "--out", str(out), *options])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(script), run_name="__main__")
        return ended.value.code

    assert runs("--release", "2025D") == 2
    assert "--accept-terms" in capsys.readouterr().err
    assert not out.exists()
    assert runs("--release", "2025D", "--accept-terms") == 0
    said = capsys.readouterr()
    assert said.err.split()[:1] == ["rvu25d-updated-09-11-2025.zip"]  # its bar, all the way
    assert "100 %" in said.err
    assert said.out.endswith("fetched\n")
    assert (out / "rvu25d-updated-09-11-2025.zip").read_bytes() == release()
    del site.paths[OCTOBER]
    assert runs("--release", "2025D") == 1
    known = "/files/zip/rvu26d-updated-08-26-2026.zip"
    post(site, known, release(2026, "D"), "rvu26d")
    assert runs("--release", "2026D") == 1
    assert "not the file that feecalc knows" in capsys.readouterr().err
    assert runs("--release", "2026D", "--accept-changed") == 0


def test_bars_and_sizes(capsys):
    assert bar(50, 100) == "[###############---------------]  50 %"
    assert bar(50, None) == "[..............................]"
    assert (size(6_160_522), size(900)) == ("6.2 MB", "0.9 kB")
    long = Progress("rvu25d-updated-09-11-2025.zip", 1_000_000, 3_345_067, 250_000.0)
    assert line(long, 79) == "  rvu25d-updated-09-11-2025.zip  [##-----]  29 %  1.0 MB of 3.3 MB  0.2 MB/s"
    assert line(long, 60) == "  rvu25d-upd…  [#-----]  29 %  1.0 MB of 3.3 MB  0.2 MB/s"
    assert line(long, 160).startswith("  rvu25d-updated-09-11-2025.zip  [########----------------------]  29 %")
    bars = Bars()
    bars.show(Progress("a.zip", 50, 100, 10.0))
    bars.show(Progress("a.zip", 100, 100, 10.0))
    bars.say("done")
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 2  # without a terminal a file is told once
    assert shown[0].split()[:1] == ["a.zip"]


# CMS's own files ------------------------------------------------------------------------------------------------------------


def test_from_nothing_to_25_releases_of_cms_own_zips_and_then_a_new_one_appears(cms_dir, site, home, empty):
    built_in = Schedule((paths.builtin(), "built-in"))
    names = built_in.priceable()
    for entry in catalogue.known():
        if entry.kind == "release" and entry.name in names:
            slug = f"rvu{entry.name[2:].lower()}"
            post(site, entry.addresses[0], (cms_dir / f"{slug}.zip").read_bytes(), slug)
        if entry.kind == "payment_amounts" and entry.name in {"2025C", "2025D"}:
            text = (cms_dir / "payment" / f"PFREV{entry.name[2:]}.txt").read_bytes()
            site.zip(entry.addresses[0], packed({entry.members[0]: text}))
    # The zips here are packed again, so the hash that is known of CMS's own 2026C is not theirs.
    report = run(site, home, empty, *names, take_changed=True)
    assert [(one.name, one.problem) for one in report.failed] == []
    found = opened(home)
    assert found.priceable() == names
    for name in names:
        for table in ("pprrvu", "gpci", "anesthesia"):
            assert found.table(name, table).equals(built_in.table(name, table)), (name, table)
    compared = {one.name: [note for note in one.notes if "payment amounts exact" in note] for one in report.outcomes}
    assert compared["2025C"] == ["436 of 436 of CMS's own payment amounts exact"]
    assert compared["2025D"] == ["3,052 of 3,052 of CMS's own payment amounts exact"]
    changed = [note for one in report.outcomes for note in one.notes if "byte for byte" in note]
    assert changed == []  # the files inside are CMS's own, to the byte, where their hash is known
    assert len(names) == 25
    # And then January comes, with a release of which the catalogue knows nothing.
    assert "2027A" not in {one.name for one in catalogue.known()}
    address = "/files/zip/rvu27a-updated-01/04/2027.zip"
    post(site, address, january(OpenSchedule(found)), "rvu27a")
    asked = len(site.asked)
    report = run(site, home, empty, wanted=Wanted(), take_changed=True)
    results = {one.name: one.result for one in report.outcomes if one.kind == "release"}
    assert results["2027A"] == "added", report.failed
    assert {name for name, result in results.items() if result == "unchanged"} == set(names)
    new = opened(home)
    assert new.priceable() == [*names, "2027A"]
    assert new.serving(date(2027, 1, 2))[0].name == "2027A"
    whole = [path for path, headers in site.asked[asked:] if path.endswith(".zip") and "If-None-Match" not in headers]
    assert [path for path in whole if path in site.paths] == [address]  # what is here already is only asked after
