"""The pages of the fee schedules in a real browser: a release fetched in sight, and used without a restart."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT, _await
from looks import choose, headline, sound, whole

sys.path.insert(0, str(Path(__file__).parents[1] / "cms"))
from stand_in import PAYMENTS, RELEASES, ZIPS, StandIn
from whole_release import october

from feecalc.api import OpenSchedule

OCTOBER = "/files/zip/rvu26d-updated-09-10-2026.zip"


def raised(rows: pl.DataFrame) -> pl.DataFrame:
    """2026C with a tenth of a point more work for exercise, and one code gone."""
    work = pl.when(pl.col("hcpcs") == "97110").then(pl.col("work") + 10).otherwise("work").cast(rows.schema["work"])
    return rows.filter(pl.col("hcpcs") != "97542").with_columns(work.alias("work"))


@pytest.fixture(scope="module")
def october_zip() -> bytes:
    return october(OpenSchedule(), raised)


@pytest.fixture
def site(october_zip) -> Iterator[StandIn]:
    """A cms.gov of this machine that has one new release; the line is cut half way, then stalls for a while."""
    with StandIn() as running:
        for listing in (RELEASES, PAYMENTS, ZIPS):
            running.listing(listing)
        running.zip(OCTOBER, october_zip)
        running.listing(RELEASES, (f"{RELEASES}/rvu26d", "RVU26D"))
        running.listing(f"{RELEASES}/rvu26d", (f"/license/ama?file={OCTOBER}", "RVU26D (ZIP)"))
        half = len(october_zip) // 2
        running.fault(
            OCTOBER,
            lambda answer: replace(answer, stop_at=half, stall=0.2),
            lambda answer: replace(answer, stop_at=20_000, stall=55.0),
        )
        yield running


@pytest.fixture
def own_address(site, tmp_path) -> Iterator[str]:
    """The app with a data folder of its own, which fetches from the stand-in."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "FEECALC_HOME": str(tmp_path / "feecalc-home"),
        "FEECALC_CMS_URL": site.base,
        "NO_PROXY": "127.0.0.1,localhost",
    }
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", str(port)]
    log = tmp_path / "log.txt"
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        _await(port, server, log)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def pressed(page, label: str) -> None:
    page.get_by_role("button", name=label).first.click()


def test_what_is_loaded(address, page, size, screenshots):
    page.goto(f"{address}/data")
    headline(page, "releases of the fee schedule are loaded")
    page.get_by_test_id("stVegaLiteChart").first.wait_for()
    sound(page)
    whole(page, screenshots / f"data-{size}.png")


def test_a_release_is_fetched_with_its_progress_in_sight_and_serves_at_once(own_address, site, page, screenshots, browser):
    page.goto(f"{own_address}/data")
    headline(page, "releases of the fee schedule are loaded")
    choose(page, "Years or releases", "2026D", typed="2026D")
    page.keyboard.press("Escape")
    pressed(page, "See what CMS has")
    headline(page, "1 file can be fetched")
    page.get_by_text("I have read the terms and accept them").click()
    page.get_by_text("were accepted on").wait_for()
    sound(page)
    whole(page, screenshots / "data-look.png")
    pressed(page, "Fetch 1 file")
    page.get_by_text(re.compile(r"\(5\d%\)")).wait_for()
    bars = page.get_by_test_id("stProgress")
    assert bars.count() == 2
    assert "rvu26d-updated-09-10-2026.zip: 0.1 MB of 0.2 MB" in bars.last.inner_text()
    whole(page, screenshots / "data-progress.png")
    other = answering(browser, own_address)
    site.go_on()
    headline(page, "1 file now serves.")
    page.get_by_text("Release 2026D serves now").wait_for()
    sound(page)
    whole(page, screenshots / "data-done.png")
    answers_from_the_new_one(other)
    pressed(page, "What changed since 2026C")
    headline(page, "From 2026C to 2026D Medicare pays more for")
    choose(page, "Codes", "Therapy codes")
    said = headline(page, "of therapy codes nationally")
    assert "pays more for 1 and less for 0 of" in said
    assert "codes=therapy" in page.url
    page.get_by_test_id("stVegaLiteChart").last.get_by_text("97110").first.wait_for()
    page.get_by_text("1 code is gone").wait_for()
    with page.expect_download() as download:
        pressed(page, "Changelog")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "feecalc-changes-2026C-2026D-national.md"
    assert "| 97110 |" in text
    assert "| 97542 |" in text


def answering(browser, address: str):
    """Another window, while the work goes on: it answers, from the release that serves in place of the one that is missing."""
    other = browser.new_page()
    other.goto(f"{address}/?code=97110&date=2026-11-02")
    assert "$29.06" in headline(other, "for 1 unit of 97110")
    other.get_by_text("Release 2026D is in force on this date but is not loaded; 2026C serves in its place.").wait_for()
    return other


def answers_from_the_new_one(other) -> None:
    """The same window at its next click."""
    other.get_by_role("spinbutton", name="Units").fill("2")
    other.keyboard.press("Tab")
    headline(other, "for 2 units of 97110")
    assert "Release 2026D" in other.inner_text("body")
    assert "not loaded" not in other.inner_text("body")
    other.close()


def test_what_changed_and_a_codes_years(address, page, size, screenshots):
    page.goto(f"{address}/what_changed?before=2025D&after=2026C&zip=35203&code=97110")
    headline(page, "From 2025D to 2026C Medicare pays more for")
    page.get_by_text("One unit of 97110 paid").wait_for()
    page.get_by_test_id("stVegaLiteChart").nth(3).wait_for()
    sound(page)
    whole(page, screenshots / f"changed-{size}.png")


def test_an_export_is_seen_before_it_is_taken(address, page, size, screenshots):
    page.goto(f"{address}/export_schedules?places=national,10112-00&layout=places&codes=therapy&percent=120")
    headline(page, "therapy codes of release 2026C for 2 places, at 120 percent of Medicare")
    page.get_by_test_id("stDataFrame").wait_for()
    sound(page)
    whole(page, screenshots / f"export-{size}.png")
    begins = {"csv": b"release,hcpcs,modifier,", "Excel": b"PK", "Parquet": b"PAR1"}
    for label, first in begins.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=label, exact=True).click()
        assert download.value.suggested_filename.startswith("feecalc-schedule-2026C-2-places.")
        assert Path(download.value.path()).read_bytes().startswith(first)
