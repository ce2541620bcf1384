"""Price a code in a real browser: an answer by typing, no sideways scrolling, and nothing that leaves the machine."""

from pathlib import Path

import pytest
from looks import headline, sound, whole


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
    metrics = page.locator("[data-testid=stMetricValue]")
    metrics.nth(1).wait_for()
    assert metrics.all_inner_texts() == ["$26.83", "$26.83"]
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
    page.get_by_role("button", name="Alabama").first.wait_for()
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
