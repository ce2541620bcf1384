"""The page *Price a visit* in a real browser: built by hand, changed by hand, saved and printed."""

from datetime import date
from pathlib import Path

from looks import headline, sound, whole

from feecalc import open_schedule
from feecalc.ui import visit_answer
from feecalc.ui.where import Where
from feecalc.visit import Item, Visit, price


def at_rest(page, element) -> dict[str, float]:
    """Where an element lies once the answer above it has come to its full height."""
    page.get_by_text("Not a coverage decision").wait_for()
    before = None
    while before != (now := element.bounding_box()):
        before = now
        page.wait_for_timeout(400)
    return now


def write(page, text: str, leave_by: str) -> None:
    """Write into the cell that was chosen, in place of what it holds. It opens by Enter, that of a new row by itself."""
    opened = page.locator("#portal textarea, #portal input")
    for wait in range(40):
        if opened.count():
            break
        if wait % 8 == 7:
            page.keyboard.press("Enter")
        page.wait_for_timeout(100)
    opened.fill(text)
    opened.press(leave_by)
    opened.wait_for(state="hidden")


def fill(page, row: int, column: int, texts: list[str], answer: str) -> str:
    """Write into the cells of a row, counted from 0, from a column on, and give the headline that answers it.

    The grid is a picture, so that a person clicks on a place in it, and once more where it was drawn anew under the hand.
    """
    widths = [34, 70, 84, 68, 92, 90]  # the markers of rows, then the columns
    grid = page.get_by_test_id("stDataFrame")
    for _ in range(100):  # an added code brings a new grid, beside which the old one fades
        if grid.count() == 1:
            break
        page.wait_for_timeout(100)
    grid.scroll_into_view_if_needed()
    at = at_rest(page, grid)
    page.mouse.click(at["x"] + sum(widths[: column + 1]) + 20, at["y"] + 36 + 35 * row + 17)
    for number, text in enumerate(texts, 1):
        write(page, text, "Enter" if number == len(texts) else "Tab")
    return headline(page, answer)


def add(page, code: str) -> None:
    page.get_by_role("searchbox", name="Add a code").fill(code)
    page.get_by_role("button", name=f"Add {code}").click()
    page.get_by_text(f", {code}-").first.wait_for()  # in the lines, which are drawn after the grid


def test_a_visit_built_by_minutes(address, page, size, screenshots):
    page.goto(f"{address}/price_a_visit?date=2025-10-15&visit=none")
    headline(page, "Type a code into the grid")
    fill(page, 0, 0, ["97530", "15"], "$34.61")
    fill(page, 1, 0, ["97110", "30"], "$78.27")
    assert fill(page, 2, 0, ["97140", "15"], "$98.97") == (
        "Medicare allows $98.97 for this visit nationally on October 15, 2025; after coinsurance and sequestration the clinic"
        " receives $97.39."
    )
    assert "visit=97530%3A15m%2C97110%3A30m%2C97140%3A15m" in page.url
    picture = page.get_by_test_id("stVegaLiteChart").first
    picture.get_by_text("−$20.39 (usually CARC 59)").wait_for()
    for total in ("List price: $119.36", "Allowed: $98.97", "Received: $97.39"):
        assert picture.get_by_text(total).count() == 1
    sound(page)
    whole(page, screenshots / f"visit-{size}.png")
    page.get_by_role("radio", name="Assistant").click()
    headline(page, "receives $85.76")
    page.get_by_text("97530-GP-CQ").first.wait_for()
    sound(page)
    whole(page, screenshots / f"visit-assistant-{size}.png")


def test_an_edit_of_a_pair_is_told(address, page, size, screenshots):
    page.goto(f"{address}/price_a_visit?date=2024-08-01&visit=97530:15m,97110:30m,97140:15m")
    headline(page, "August 1, 2024")
    add(page, "97537")
    page.get_by_text("97530 with 97537: this pair is edited.").wait_for()
    page.get_by_text("At stake: $23.97").wait_for()
    sound(page)
    whole(page, screenshots / f"visit-edit-{size}.png")


def test_back_brings_back_the_visit_before(address, page):
    page.goto(f"{address}/price_a_visit?date=2025-10-15&visit=97110:15m")
    headline(page, "$28.79")
    fill(page, 0, 1, ["30"], "$50.62")
    page.wait_for_url("**30m**")
    page.go_back()
    headline(page, "$28.79")
    fill(page, 0, 1, ["45"], "$72.45")


def test_files_of_a_visit(address, page):
    page.goto(f"{address}/price_a_visit?date=2025-10-15&visit=97110:30m")
    headline(page, "$50.62")
    begins = {"Excel": b"PK", "csv": b"line,", "Save the visit": b"{", "Page to print": b"<!doctype html>"}
    for label, first in begins.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=label, exact=True).click()
        assert download.value.suggested_filename.startswith("feecalc-visit-national-2025-10-15")
        assert Path(download.value.path()).read_bytes().startswith(first)


def test_a_printed_visit_is_one_page(browser, tmp_path):
    """A visit with much to say: an assistant, a pair of codes, a bundled code."""
    items = [Item("97530", 15), Item("97537", 20), Item("97116", 20), Item("97010")]
    opened = open_schedule()
    priced = price(Visit(items, date(2024, 8, 1), treated_by="assistant"), opened)
    file = tmp_path / "visit.html"
    sentence = visit_answer.headline(priced, Where(), [])
    file.write_bytes(visit_answer.printable(priced, sentence, [], opened.codes("2024C")))
    printed = browser.new_page()
    printed.goto(file.as_uri())
    assert printed.pdf(format="Letter").count(b"/Type /Page\n") == 1
    printed.close()
