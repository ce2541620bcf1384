"""A practice's pages in a real browser: a file confirmed and priced, the year changed, a contract added, workbooks opened."""

import io
from pathlib import Path

import openpyxl
from looks import choose, headline, sound, whole

import feecalc

SAMPLES = Path(feecalc.__file__).resolve().parent / "analysis" / "samples"

# The tables of a printed page that reach beyond the column that they stand in.
BEYOND = """
() => [...document.querySelectorAll("section")]
    .filter(part => part.querySelector("table").getBoundingClientRect().right > part.getBoundingClientRect().right + 1)
    .map(part => part.innerText)
"""


def load(page, address: str, path: str = "revenue", then: str = "Medicare allows $") -> None:
    """Upload the sample as a person's own file, and confirm its columns."""
    page.goto(f"{address}/{path}")
    page.get_by_test_id("stFileUploader").wait_for()
    page.locator("input[type=file]").first.set_input_files(SAMPLES / "family_practice.csv")
    headline(page, "is every column read as it should be?")
    page.get_by_role("button", name="Price these volumes").click()
    headline(page, then)


def download(page, label: str) -> bytes:
    with page.expect_download() as caught:
        page.get_by_role("button", name=label, exact=True).first.click()
    return Path(caught.value.path()).read_bytes()


def test_a_practices_file_is_confirmed_priced_and_moved_to_another_year(address, page, size, screenshots):
    page.goto(f"{address}/revenue")
    page.get_by_role("button", name="A small therapy clinic").wait_for()
    sound(page)
    whole(page, screenshots / f"revenue-empty-{size}.png")
    page.locator("input[type=file]").first.set_input_files(SAMPLES / "family_practice.csv")
    headline(page, "is every column read as it should be?")
    sound(page)
    whole(page, screenshots / f"revenue-columns-{size}.png")
    page.get_by_role("button", name="Price these volumes").click()
    first = headline(page, "Medicare allows $")
    assert "July 1, 2026" in first
    page.get_by_test_id("stVegaLiteChart").first.get_by_text("99214").first.wait_for()
    sound(page)
    whole(page, screenshots / f"revenue-{size}.png")
    choose(page, "Prices of", "2024C, from Jul 1, 2024")
    second = headline(page, "July 1, 2024")
    assert first.split("allows ")[1] != second.split("allows ")[1]
    assert page.url.endswith("/revenue?prices=2024C")
    choose(page, "Prices of", "2026C, from Jul 1, 2026")
    headline(page, "July 1, 2026")
    page.get_by_role("button", name="Factor proposed for 2027").click()
    headline(page, "With the factor proposed for 2027 the year pays")
    page.get_by_text("Proposed, not law").wait_for()
    page.get_by_test_id("stVegaLiteChart").get_by_text("All together").wait_for()
    page.get_by_role("button", name="Keep it to compare").click()
    page.get_by_text("What-ifs side by side").wait_for()
    sound(page)
    whole(page, screenshots / f"revenue-what-if-{size}.png")


def test_a_contract_is_added_and_compared(address, page, size, screenshots):
    load(page, address, "contracts?prices=2025D&zip=35203", "What do your payers pay")
    choose(page, "Add a payer", "Commercial", exact=True)
    said = headline(page, "Commercial pays").replace("\u00a0", " ")
    assert said == "Commercial pays 100.0 % of what Medicare allows."
    percent = page.get_by_role("textbox", name="Percent of Medicare")
    percent.fill("112.5")
    percent.press("Enter")
    headline(page, "Commercial pays 112.5")
    page.get_by_test_id("stVegaLiteChart").nth(1).get_by_text("99214").first.wait_for()
    sound(page)
    whole(page, screenshots / f"contracts-{size}.png")
    saved = download(page, "Save the contracts")
    assert b"112.5" in saved
    book = openpyxl.load_workbook(io.BytesIO(download(page, "All tables, Excel")))
    assert book.sheetnames[:2] == ["Payers", "Codes"]
    assert "Commercial pays 112.5" in book["Payers"]["A1"].value


def test_the_files_of_a_year(address, page, browser, tmp_path):
    load(page, address, "revenue?zip=35203")
    book = openpyxl.load_workbook(io.BytesIO(download(page, "All tables, Excel")))
    assert book.sheetnames[0] == "By code"
    by_code = book["By code"]
    assert "Medicare allows $" in by_code["A1"].value
    head = [cell.value for cell in by_code[3]]
    assert head[:2] == ["code", "words"]
    assert isinstance(by_code.cell(4, head.index("allowed") + 1).value, float)
    assert isinstance(by_code.cell(4, 1).value, str)
    assert book.sheetnames[-1] == "Sources"
    live = openpyxl.load_workbook(io.BytesIO(download(page, "Workbook that calculates")))
    assert any(str(cell.value).startswith("=") for row in live["Volumes"].iter_rows() for cell in row)
    print_page = tmp_path / "year.html"
    print_page.write_bytes(download(page, "Page to print"))
    paper = browser.new_page()
    paper.goto(print_page.as_uri())
    assert paper.locator("section table").count() >= 3
    assert paper.evaluate(BEYOND) == []
    assert paper.pdf(format="Letter").count(b"/Type /Page\n") == 1
    paper.close()
