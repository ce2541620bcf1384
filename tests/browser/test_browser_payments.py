"""The page *Check payments* in a real browser: a remittance dropped, a line opened, a workbook opened, a visit explained."""

import io
from pathlib import Path

import openpyxl
from looks import choose, headline, settled, sound, whole

import feecalc

SAMPLE = Path(feecalc.__file__).resolve().parent / "analysis" / "samples" / "remittance.835"


def test_a_remittance_is_dropped_a_line_opened_and_the_workbook_read(address, page, size, screenshots):
    page.goto(f"{address}/check_payments?zip=35203")
    page.get_by_role("button", name="Use the sample").wait_for()
    sound(page)
    whole(page, screenshots / f"payments-empty-{size}.png")
    settled(page)
    page.locator("input[type=file]").first.set_input_files(SAMPLE)
    said = headline(page, "Medicare paid $")
    assert "at ZIP 35203 in Alabama; by the rules it should be $" in said
    page.get_by_test_id("stVegaLiteChart").first.get_by_text("All together").wait_for()
    sound(page)
    whole(page, screenshots / f"payments-{size}.png")
    settled(page)
    page.get_by_test_id("stButtonGroup").get_by_text("Unexplained", exact=True).click()
    settled(page)
    choose(page, "Open a line", "unexplained")
    opened = headline(page, "Claim ")
    assert "too little" in opened or "too much" in opened
    page.get_by_text("What the remittance says").wait_for()
    choose(page, "Draft a letter for a claim", "$")
    page.get_by_text("Subject: Request for a redetermination").wait_for()
    sound(page)
    whole(page, screenshots / f"payments-line-{size}.png")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Everything, Excel").click()
    book = openpyxl.load_workbook(io.BytesIO(Path(caught.value.path()).read_bytes()))
    assert book.sheetnames[:4] == ["Summary", "Causes", "Worklist", "Lines that differ"]
    assert book.sheetnames[-1] == "Sources"
    assert "patient_name" not in [cell.value for row in book["Lines that differ"].iter_rows(max_row=3) for cell in row]


def test_one_explanation_of_benefits(address, page, size, screenshots):
    page.goto(f"{address}/check_payments?door=eob")
    page.get_by_role("button", name="Use an example").click()
    said = headline(page, "for this visit")
    assert "$2.18 too little" in said
    assert "at ZIP 35203 in Alabama on April 10, 2026" in said
    page.get_by_text("Same-day reduction ranked otherwise").first.wait_for()
    sound(page)
    whole(page, screenshots / f"payments-eob-{size}.png")
