"""The part of the bench about the pages: the first one in a browser, and what a change costs on the server."""

import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import polars as pl
from measure import ROOT, Row, paired, timed

from feecalc.api import OpenSchedule

# A visit of 25 lines: therapy, evaluations, manipulation, an office visit with an injection and an x-ray.
VISIT = """
97110 97112 97116 97140 97150 97530 97535 97537 98940 99213 20610 73562 97161
97164 97035 97032 G0283 97113 97124 97542 97750 97760 97761 97763 92507
"""


@contextmanager
def app() -> Iterator[str]:
    """A server of the pages of its own, and its address, at which nothing may answer yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "feecalc", "app", "--port", str(port), "--headless"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def app_start(runs: int) -> list[Row]:
    """From `feecalc app` until a browser, which runs already, shows the first page's answer."""
    chromium = shutil.which("chromium")
    if not chromium:
        print("(no Chromium: the first page is not measured)", file=sys.stderr)
        return []
    from playwright.sync_api import Error, sync_playwright  # only here: nothing else needs a browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])

        def start() -> None:
            with app() as address, browser.new_context() as context:
                page = context.new_page()
                while True:
                    try:
                        page.goto(f"{address}/?code=97110&zip=35203&date=2025-10-15")
                        break
                    except Error:  # it does not listen yet
                        time.sleep(0.02)
                page.get_by_text("Medicare allows").first.wait_for()

        measured = paired("the app from its start to the first page's answer", "3,000 ms", start, runs=runs)
        browser.close()
    return [measured]


def page(runs: int) -> list[Row]:
    """The page's script on the server: first run, and a rerun after a widget changed."""
    from streamlit.testing.v1 import AppTest  # only here: the other measurements need no server

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params.update({"code": "97110", "zip": "35203", "date": "2025-10-15"})
    app.run()
    codes = iter(["97112", "97530", "97116", "97140", "99213", "99214", "97535", "97537", "97150", "G0283"] * 10)
    units = iter(list(range(2, 9)) * 20)

    def change_units() -> None:
        app.number_input(key="units").set_value(next(units)).run()

    def change_code() -> None:
        app.text_input(key="code").set_value(next(codes)).run()

    return [
        paired("page: units changed", "100 ms", change_units, runs=runs),
        paired("page: code changed", "100 ms", change_code, runs=runs),
        *(_visit_page(n, runs) for n in (3, 20)),
    ]


def _visit_page(lines: int, runs: int) -> Row:
    """The page of a visit after its first row's minutes were typed anew, as the grid reports it."""
    from streamlit.testing.v1 import AppTest

    from feecalc.ui import rows

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page("feecalc/ui/pages/price_a_visit.py")
    asked = rows.to_address([rows.for_code(code) for code in VISIT.split()[:lines]])
    app.query_params.update({"date": "2024-08-01", "visit": asked})
    app.run()
    minutes = iter(range(16, 1000))

    def type_minutes() -> None:
        edits = {"edited_rows": {0: {"minutes": str(next(minutes))}}, "added_rows": [], "deleted_rows": []}
        app.session_state[app.data_editor[0].key] = edits
        app.run()

    return paired(f"page: minutes of a visit of {lines} lines typed", "150 ms", type_minutes, runs=runs)


MONTHS, PROVIDERS, PLANS = range(1, 13), range(20), ("Medicare", "Medicaid", "Blue Plan", "Other plan", "Own account")
THERAPY = "97110 97112 97116 97140 97150 97530 97535 97161 97035 G0283"
OFFICE = "99202 99203 99204 99212 99213 99214 99215 G2211 36415 20610"


def practice_csv(opened: OpenSchedule) -> bytes:
    """A practice's year as its system exports it: 20 providers, 12 months, 5 payers, 2 sites, 42 services: 100,800 rows."""
    draw = random.Random(1)
    payable = opened.schedule.table("2025D", "pprrvu").filter(pl.col("status") == "A", pl.col("modifier") == "")
    others = [(code, "") for code in draw.sample(payable["hcpcs"].unique().sort().to_list(), 300)]
    sold = {}
    for provider in PROVIDERS:
        own = [(c, m) for c in THERAPY.split() for m in ("GP", "GP CQ")] if provider % 2 else []
        own += [] if provider % 2 else [(c, m) for c in OFFICE.split() for m in ("", "25")]
        sold[provider] = own + draw.sample(others, 42 - len(own))
    rows = ["CPT,Mod,Qty,Provider,Payer,Location,POS,Month,Charges"]
    for provider in PROVIDERS:
        for month in MONTHS:
            for plan in PLANS:
                for site, pos in (("Main", 11), ("West", 22)):
                    for code, modifier in sold[provider]:
                        units = 1 + int(draw.expovariate(1 / 25))
                        who = f"Provider {provider},{plan},{site},{pos},2025-{month:02}"
                        rows.append(f"{code},{modifier},{units},{who},{units * 120}.00")
    return "\n".join(rows).encode()


# Each lever of the page with the box that moves it, and what it is moved to, run by run; none: it is pulled and let go.
MOVED: dict[str, tuple[str, str, list[Any]]] = {
    "proposed:2027": ("", "", []),
    "floor": ("", "", []),
    "prices": ("selectbox", "what_if_release", ["2024C", "2023C", "2025B", "2022C", "2021C"]),
    "factor": ("text_input", "what_if_factor", ["33.10", "33.20", "33.30", "33.40", "33.50"]),
    "place": ("text_input", "what_if_zip", ["94105", "10001", "60601", "02118", "77002"]),
    "setting": ("button_group", "what_if_setting", []),
    "volume": ("number_input", "what_if_volume", [11.0, 12.0, 13.0, 14.0, 15.0]),
    "assistants": ("number_input", "what_if_assistants", [11.0, 12.0, 13.0, 14.0, 15.0]),
    "group": ("number_input", "what_if_group", [11.0, 12.0, 13.0, 14.0, 15.0]),
}


def practice(opened: OpenSchedule) -> list[Row]:
    """The page *Revenue* on its server with a year of 100,800 rows: from the confirmed columns to the picture, and each lever.

    A lever redraws its own part of the page; what is timed is that part.
    """
    from streamlit.testing.v1 import AppTest

    from feecalc.ui import practice_what_if

    content, redrawn = practice_csv(opened), []
    section = practice_what_if.section

    def clocked(*given: Any) -> None:
        redrawn.append(timed(lambda: section(*given)))

    def fresh() -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.switch_page(str(ROOT / "feecalc" / "ui" / "pages" / "revenue.py")).run()
        app.file_uploader[0].set_value(("year.csv", content, "text/csv")).run()
        return app

    def confirm(app: AppTest) -> None:
        next(button for button in app.button if button.label == "Price these volumes").click().run()
        assert not app.exception, app.exception

    drawn = []
    for _ in range(4):
        app = fresh()
        drawn.append(timed(partial(confirm, app)))
    rows = [_spread("page: 100,800 rows confirmed, priced and drawn", drawn[1:], "2,000 ms")]
    practice_what_if.section = clocked
    try:
        for lever, (kind, key, values) in MOVED.items():
            app.button_group(key="what_if").set_value([lever]).run()
            pulled = redrawn[-1:]
            redrawn.clear()
            for value in values:
                getattr(app, kind)(key=key).set_value(value).run()
                assert not app.exception, app.exception
            rows.append(_spread(f"page: 100,800 rows, lever {lever}", redrawn or pulled, "200 ms"))
            redrawn.clear()
    finally:
        practice_what_if.section = section
    return rows


def _spread(case: str, times: list[float], limit: str) -> Row:
    return Row(case, statistics.median(times), (min(times), max(times)), "", None, None, limit)
