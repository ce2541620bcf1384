"""The real app in a real browser: started as a user would start it, and asked from nowhere but this machine."""

import inspect
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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def browser():
    """Chromium. Its tests are skipped where it or playwright is missing."""
    playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


def pytest_generate_tests(metafunc):
    """What a test says of a page's looks holds at both sizes; one that does not ask for its size is run at a desk alone."""
    if "size" in metafunc.fixturenames:
        asks = "size" in inspect.signature(metafunc.function).parameters
        metafunc.parametrize("size", ["desk", "phone"] if asks else ["desk"])


@pytest.fixture
def page(browser, size):
    """A page of the size that notes every host it asks."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.set_default_timeout(60_000)  # a machine that runs other tests beside is slow now and then
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
