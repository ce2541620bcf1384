"""The real app in a real browser: an answer by typing, no sideways scrolling, and nothing that leaves the machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
QUIET = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LOCAL = {"localhost", "127.0.0.1"}
SIZES = {"desk": (1280, 900), "phone": (390, 844)}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, started as a user would start it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", str(port)]
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        _await(port, server, log)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _await(port: int, server: subprocess.Popen, log: Path) -> None:
    for _ in range(150):
        if server.poll() is not None:
            pytest.fail(f"The app ended at once:\n{log.read_text()}")
        with socket.socket() as probe:
            probe.settimeout(0.3)
            if probe.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(f"The app did not answer within 30 seconds:\n{log.read_text()}")


@pytest.fixture(scope="module")
def browser():
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(params=["desk", "phone"])
def size(request) -> str:
    return request.param


@pytest.fixture
def page(browser, size):
    """A page of the size that notes every host it asks."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname if "://" in request.url else "localhost"))
    page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).hostname))
    yield page
    context.close()
    assert hosts <= LOCAL, f"requests left the machine: {hosts - LOCAL}"


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("FEECALC_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def headline(page, text: str):
    found = page.get_by_role("heading", level=4).filter(has_text=text)
    found.wait_for(timeout=30_000)
    return found.inner_text()


def sound(page) -> None:
    """No failure on the page, and nothing wider than the window."""
    page.get_by_text("Not a coverage decision").wait_for(timeout=30_000)
    assert page.locator("[data-testid=stException]").count() == 0
    assert "Traceback" not in page.inner_text("body")
    widths = (
        "() => [document, ...document.querySelectorAll('[data-testid=stMain]')].map(e => (e.documentElement || e).scrollWidth)"
    )
    assert max(page.evaluate(widths)) <= page.evaluate("() => window.innerWidth")


def whole(page, target: Path) -> None:
    """A picture of the whole page, which scrolls inside Streamlit's frame and not in the window."""
    page.wait_for_timeout(1200)  # charts draw themselves after the words
    size = page.viewport_size
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": height})
    page.wait_for_timeout(500)
    page.screenshot(path=target)
    page.set_viewport_size(size)


def test_a_code_priced_by_typing(address, page, size, screenshots):
    page.goto(f"{address}/?date=2025-10-15&units=3")
    code = page.get_by_role("searchbox", name="Code")
    code.click()
    code.press_sequentially("97110")
    code.press("Tab")
    headline(page, "as the national amount")
    zip_box = page.get_by_role("textbox", name="ZIP code")
    zip_box.fill("35203")
    zip_box.press("Enter")
    assert headline(page, "ZIP 35203").startswith("Medicare allows $68.41 for 3 units of 97110")
    assert "zip=35203" in page.url
    assert page.locator("[data-testid=stMetricValue]").all_inner_texts() == ["$26.83", "$26.83"]
    sound(page)
    whole(page, screenshots / f"priced-{size}.png")


def test_back_brings_back_the_question_before(address, page):
    page.goto(f"{address}/?code=97110&zip=35203&date=2025-10-15")
    headline(page, "$26.83")
    page.get_by_role("spinbutton", name="Units").fill("3")
    page.get_by_role("spinbutton", name="Units").press("Enter")
    headline(page, "$68.41")
    page.wait_for_url("**units=3**")
    page.go_back()
    headline(page, "$26.83 for 1 unit")


@pytest.mark.parametrize(
    ("name", "query", "words"),
    [
        ("empty", "", "start from an example"),
        ("zero", "?code=97010&zip=35203&date=2025-10-15", "Medicare pays nothing separately for 97010"),
        ("cannot-price", "?code=00100&date=2025-10-15", "no amount to show for 00100"),
    ],
)
def test_pages_with_words_in_place_of_an_amount(address, page, size, screenshots, name, query, words):
    page.goto(f"{address}/{query}")
    headline(page, words)
    assert page.locator("[data-testid=stMetricValue]").count() == 0
    sound(page)
    whole(page, screenshots / f"{name}-{size}.png")


def test_an_ambiguous_zip_is_settled_with_one_click(address, page, size, screenshots):
    page.goto(f"{address}/?code=97110&zip=35958&date=2025-10-15")
    page.get_by_role("button", name="Alabama").first.wait_for(timeout=30_000)
    sound(page)
    whole(page, screenshots / f"ambiguous-zip-{size}.png")
    page.get_by_role("button", name="Alabama").first.click()
    assert "$26.83" in headline(page, "in Alabama")


def test_a_download_is_a_workbook(address, page):
    page.goto(f"{address}/?code=97110&zip=35203&date=2025-10-15")
    headline(page, "$26.83")
    with page.expect_download() as download:
        page.get_by_role("button", name="Excel").last.click()
    assert download.value.suggested_filename == "feecalc-97110-10112-00-2025-10-15.xlsx"
    assert Path(download.value.path()).read_bytes()[:2] == b"PK"
