"""The page *Data*, driven as a person would, without a browser; CMS is a small server on this machine."""

import json
import sys
import time
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from driven import checked, headlines, plain, said, visit
from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).parents[1] / "cms"))
from cms_files import release as small_release
from stand_in import PAYMENTS, RELEASES, ZIPS, StandIn
from whole_release import october

from feecalc.analysis import refresh
from feecalc.api import OpenSchedule
from feecalc.cms import download
from feecalc.cms.download import Progress
from feecalc.ui import releases_fetch, releases_job, releases_loaded, words

PAGE = "feecalc/ui/pages/data.py"
OCTOBER = "/files/zip/rvu26d-updated-09-10-2026.zip"


def visiting(**params: str) -> AppTest:
    return visit(PAGE, **params)


def click(page: AppTest, label: str) -> AppTest:
    return checked(button(page, label).click().run())


def button(page: AppTest, label: str):
    return next(b for b in page.button if b.label == label)


def settled(page: AppTest) -> AppTest:
    """The page after the job at work has ended."""
    until = time.monotonic() + 90
    while (job := releases_job.current()) is not None and job.glance().running:
        assert time.monotonic() < until, job.glance()
        time.sleep(0.05)
    return checked(page.run())


def upload(page: AppTest, key: str, *files: tuple[str, bytes]) -> AppTest:
    given = [(name, content, "application/zip") for name, content in files]
    return checked(page.file_uploader(key=key).set_value(given if key == "data_import" else given[0]).run())


def packed(files: dict[str, str | bytes]) -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.fixture
def site(home, monkeypatch):
    """A cms.gov of this machine that has one new release, asked without pauses."""
    with StandIn() as running:
        for listing in (RELEASES, PAYMENTS, ZIPS):
            running.listing(listing)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv(download.BASE_VARIABLE, running.base)
        monkeypatch.setattr(download, "PAUSE", 0.0)
        running.zip(OCTOBER, october(OpenSchedule()))
        running.listing(RELEASES, (f"{RELEASES}/rvu26d", "RVU26D"))
        running.listing(f"{RELEASES}/rvu26d", (f"/license/ama?file={OCTOBER}", "RVU26D (ZIP)"))
        yield running


def seen(page: AppTest, *wanted: str | int) -> AppTest:
    """The page after a look for some releases."""
    page = checked(page.multiselect(key="data_wanted").set_value(list(wanted)).run())
    return settled(click(page, "See what CMS has"))


# What is loaded -------------------------------------------------------------------------------------------------------------


def test_the_first_screen_says_what_is_loaded_and_what_is_not(home, opened):
    page = visiting()
    (headline,) = headlines(page)
    names = opened.schedule.priceable()
    assert headline.startswith(f"{len(names)} releases of the fee schedule are loaded, {names[0]} to {names[-1]}")
    assert "2024D" in said(page).split("Not loaded: ")[1].split(".")[0]
    assert "Loaded in part, without prices: 2026A" in said(page)
    (chart,) = page.get("vega_lite_chart")
    assert len(json.loads(chart.proto.spec)["layer"]) == 2


def test_every_table_names_file_and_fingerprint(home, opened):
    page = visiting()
    releases, zips, edits = (frame.value for frame in page.dataframe)
    assert releases.shape[0] == len(opened.schedule.releases)
    newest = releases.iloc[0]
    assert (newest["release"], newest["factor"]) == ("2026C", Decimal("33.4009"))
    assert len(newest["sha256"]) == 64
    assert set(zips["origin"]) == {"built in"}
    assert {"Pairs of codes (PTP)", "Unit limits (MUE)", "Add-on codes"} <= set(edits["table"])


def test_a_release_is_looked_into_and_is_in_the_link(home):
    page = visiting(release="2024ar")
    assert "Release 2024AR, in force from March 9, 2024" in said(page).replace("**", "")
    assert page.query_params == {"release": "2024AR"}
    assert "OPPS cap prices exact" in said(page)
    page = checked(page.selectbox(key="data_release").set_value("2025D").run())
    assert "`PPRRVU2025_Oct.csv`" in said(page) or "PPRRVU2025" in said(page)


def test_why_cap_prices_of_a_release_differ_is_told(home):
    page = visiting(release="2024C")
    assert "0 of 33,572 OPPS cap prices exact, the others differ for a known reason" in said(page)
    assert "computed with the superseded factor 32.7442" in said(page)
    assert "Why cap prices differ" not in said(visiting(release="2025D"))


def test_a_link_to_a_release_that_is_not_loaded_is_told(home):
    page = visiting(release="2031A")
    assert "2031A" in said(page)
    assert "cannot be read" in said(page)
    assert page.selectbox(key="data_release").value == "2026C"


def test_spans_tell_what_serves_in_place_of_what_is_missing(opened):
    spans = {span["release"]: span for span in releases_loaded.spans(opened, date(2026, 11, 23))}
    assert (spans["2026D"]["state"], spans["2026D"]["serving"]) == ("not loaded", "2026C")
    assert (spans["2024AR"]["start"], spans["2024AR"]["end"]) == (date(2024, 3, 9), date(2024, 3, 31))
    assert spans["2026A"]["state"] == "in part only"
    assert max(span["end"] for span in spans.values()) == date(2026, 12, 31)


# A refresh ------------------------------------------------------------------------------------------------------------------


def test_a_refresh_from_the_look_to_a_release_that_serves(site, home):
    page = visiting()
    page = seen(page, "2026D")
    assert "1 file can be fetched. Nothing is fetched yet." in headlines(page)
    assert OCTOBER in said(page)
    assert not any(path.endswith(".zip") for path, _ in site.asked)
    assert button(page, "Fetch 1 file").disabled
    assert "American Medical Association" in said(page)
    page = checked(page.checkbox(key="data_terms").check().run())
    assert refresh.accepted(home)
    assert "were accepted on" in said(page)
    page = settled(click(page, "Fetch 1 file"))
    assert "1 file now serves." in headlines(page)
    assert "Release 2026D serves now, for services from October 1, 2026. No restart is needed." in said(page)
    assert headlines(page)[0].endswith("2026D, which is in force.") or date.today() >= date(2027, 1, 1)
    newest = page.dataframe[0].value.iloc[0]
    assert (newest["origin"], newest["address"]) == ("your own", f"{site.base}{OCTOBER}")
    assert "CMS had no payment amounts to compare with" in newest["checked"]
    page = click(page, "Use 2026D: price a code")
    assert "Release 2026D" in said(page).replace("**", "")
    assert page.query_params["date"] == "2026-10-01"


def test_a_new_posting_of_a_release_says_what_it_changes(site, home):
    refresh.accept_terms(home)
    settled(click(seen(visiting(), "2026D"), "Fetch 1 file"))
    raised = pl.when(pl.col("hcpcs") == "97110").then(pl.col("work") + 10).otherwise("work").cast(pl.Int32).alias("work")
    site.zip(OCTOBER, october(OpenSchedule(), lambda rows: rows.with_columns(raised)))
    page = settled(click(seen(visiting(release="2026D"), "2026D"), "Fetch 1 file"))
    assert "posted anew by CMS: the new one serves, the old one is kept" in " ".join(box.label for box in page.expander)
    assert "pprrvu 97110: work 0.45 -> 0.55" in said(page)
    assert "an older posting, kept as 2026D-" in said(page)
    assert ": 1 value differs." in said(page)
    assert "What this posting changes, csv" in {button.proto.label for button in page.get("download_button")}
    (file,) = home.glob("schedule/releases/*/differences.csv")
    assert file.read_text(encoding="utf-8").splitlines()[1:] == ["pprrvu,97110,changed,work,0.45,0.55"]


def test_the_terms_are_asked_for_once(site, home):
    refresh.accept_terms(home)
    page = seen(visiting(), "2026D")
    assert not button(page, "Fetch 1 file").disabled
    assert not [box for box in page.checkbox if box.key == "data_terms"]


def test_a_file_that_fails_its_checks_is_told_in_words_and_changes_nothing(site, home):
    refresh.accept_terms(home)
    site.zip(OCTOBER, packed({"PPRRVU2026_Oct_nonQPP.csv": "nothing", "GPCI2026.csv": "nothing"}))
    page = settled(click(seen(visiting(), "2026D"), "Fetch 1 file"))
    assert "1 file was not taken over." in headlines(page)
    assert any("PPRRVU2026" in error.value for error in page.error)
    assert not list(home.glob("schedule/releases/*"))


def test_another_file_than_the_known_one_is_told_in_the_words_of_the_page(site, home):
    refresh.accept_terms(home)
    (known,) = [one for one in refresh.catalogue.known() if (one.kind, one.name) == ("release", "2026D")]
    site.zip(known.addresses[0], october(OpenSchedule()))
    site.listing(RELEASES)
    page = settled(click(seen(visiting(), "2026D"), "Fetch 1 file"))
    assert "“Take files that CMS has changed”" in said(page)
    assert "--accept-changed" not in said(page)
    page = checked(page.toggle(key="data_changed").set_value(True).run())
    page = settled(click(page, "Fetch 1 file again"))
    assert "1 file now serves." in headlines(page)


def test_nobody_there_is_an_error_in_words(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(download.BASE_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setattr(releases_job, "Client", partial(download.Client, attempts=0, pause=0.0))
    page = seen(visiting(), "2026D")
    text = said(page)
    assert "cannot be reached" in text or "could not be read" in text
    assert "Traceback" not in text


def test_a_bad_address_is_told(home, monkeypatch):
    monkeypatch.setenv(download.BASE_VARIABLE, "cms")
    page = visiting()
    assert any("is no web address" in error.value and "FEECALC" in error.value for error in page.error)
    page = settled(click(page, "See what CMS has"))
    assert "is no web address" in said(page)


def test_a_job_is_seen_by_every_session_started_once_and_can_be_stopped(site, home):
    refresh.accept_terms(home)
    site.fault(OCTOBER, lambda answer: replace(answer, stop_at=60_000, stall=55.0))
    page = click(seen(visiting(), "2026D"), "Fetch 1 file")
    job = releases_job.current()
    until = time.monotonic() + 60
    while not (job.glance().files and job.glance().files[-1].received == 60_000):
        assert time.monotonic() < until, job.glance()
        time.sleep(0.02)
    other = visiting()  # another window, while the work goes on
    assert [b for b in other.button if b.label == "Stop"]
    assert "The other pages go on answering meanwhile" in said(other)
    text = releases_fetch.bar(job.glance().files[-1])[1]
    assert "rvu26d" in text
    assert releases_job.begin(refresh.Wanted(), dry_run=True) is job
    page = click(checked(page.run()), "Stop")
    site.go_on()
    page = settled(page)
    assert "Stopped." in said(page)
    assert not (home / "schedule").exists()
    assert job.glance().stopped
    page = click(page, "Put this away")
    assert releases_job.current() is None


@pytest.mark.parametrize(
    ("file", "share", "text"),
    [
        (Progress("a.zip", 500_000, 2_000_000, 250_000.0), 0.25, "a.zip: 0.5 MB of 2.0 MB (25%), 0.2 MB a second"),
        (Progress("a.zip", 2_000_000, 2_000_000, 250_000.0), 1.0, "a.zip: 2.0 MB, all here"),
        (Progress("a.zip", 1_500, None, 10.0), 0.0, "a.zip: 1.5 kB, 0.0 kB a second"),
    ],
)
def test_a_bar_in_words(file, share, text):
    assert releases_fetch.bar(file) == (share, text)


# Files of one's own ---------------------------------------------------------------------------------------------------------


def test_a_zip_is_added_and_serves(home):
    page = upload(visiting(), "data_import", ("../rvu25d.zip", packed(small_release())))
    page = click(page, "Check and add")
    assert "2025D was added from rvu25d.zip and serves now" in said(page)
    table = page.dataframe[0].value
    assert table[table["release"] == "2025D"]["origin"].item() == "your own"
    assert OpenSchedule().schedule.releases["2025D"].origin == "yours"


def test_files_that_are_none_of_cms_change_nothing_and_say_so(home):
    page = upload(visiting(), "data_import", ("page.zip", b"<html>not found</html>"))
    page = click(page, "Check and add")
    assert any("page.zip" in plain(error.value) for error in page.error)
    assert not (home / "schedule").exists()
    page = upload(page, "data_import", ("rvu25d.zip", packed(small_release())), ("empty.zip", packed({"a.txt": "b"})))
    page = click(page, "Check and add")
    assert "2025D was added" in said(page)
    assert any("empty.zip" in plain(error.value) for error in page.error)


def payments(opened: OpenSchedule, change: dict[str, str] | None = None) -> bytes:
    """CMS's payment amounts of one code in Alabama, as the 2025D schedule has them."""
    zero = "0000000.00"
    frame = opened.fee_schedule("2025D", "10112-00").filter(pl.col("hcpcs").is_in(["99213", "99214"]))
    lines = []
    for row in frame.iter_rows(named=True):
        paid = [f"{float((change or {}).get(row['hcpcs'], row[name])):010.2f}" for name in ("nonfacility", "facility")]
        fields = ["2025", "10112", "00", row["hcpcs"], "  ", *paid, " ", "0", "A", "0", zero, zero, "9", zero, zero]
        lines.append(",".join(f'"{cell}"' for cell in fields))
    return packed({"PFREV4.txt": "\r\n".join(lines) + "\r\n"})


def test_a_payment_file_that_agrees(home, opened):
    page = upload(visiting(), "data_verify", ("pfrev25d.zip", payments(opened)))
    page = click(page, "Compare")
    assert "All 8 amounts of pfrev25d.zip agree with release 2025D to the cent." in headlines(page)


def test_a_payment_file_that_differs_lists_the_rows(home, opened):
    page = upload(visiting(), "data_verify", ("pfrev25d.zip", payments(opened, {"99213": "81.87"})))
    page = click(page, "Compare")
    assert "2 of 8 amounts of pfrev25d.zip differ from release 2025D." in headlines(page)
    differences = page.dataframe[-1].value
    assert set(differences["hcpcs"]) == {"99213"}
    assert differences["amount"].tolist() == ["facility fee", "non-facility fee"]


def test_a_file_without_payment_amounts_is_told(home):
    page = upload(visiting(), "data_verify", ("nothing.zip", packed({"a.txt": "b"})))
    page = click(page, "Compare")
    assert any("nothing.zip" in plain(error.value) for error in page.error)


def test_a_payment_file_against_another_release_differs(home, opened):
    page = upload(visiting(), "data_verify", ("pfrev25d.zip", payments(opened)))
    page = checked(page.selectbox(key="data_verify_release").set_value("2024C").run())
    page = click(page, "Compare")
    assert any("differ from release 2024C" in text for text in headlines(page))


def test_the_words_of_the_glossary_are_there():
    for name in ("refresh", "wanted", "changed_file", "import", "verify"):
        assert len(words.term(name)) > 40
