"""The live workbook, worked out anew by LibreOffice: every payment is the engine's, to the cent, before and after a change.

LibreOffice is given a file without the values that feecalc wrote beside its formulas, so what it shows it has calculated.
"""

import datetime as dt
import io
import re
import shutil
import subprocess
import zipfile
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from feecalc.analysis import workbook
from feecalc.errors import InputError, NotLoadedError
from feecalc.locality import Place
from feecalc.money import PER_CENT
from feecalc.pricing import fee

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")

SOFFICE = shutil.which("soffice")
needs_office = pytest.mark.skipif(SOFFICE is None, reason="LibreOffice (soffice) is not installed")
SETTINGS = {"nonfacility": "Non-facility", "facility": "Facility"}
PLACES = ["national", "10112-00", "02118"]  # Alabama; a ZIP of Boston, with its leading zero
BOSTON = "14212-01"
AMOUNTS = {
    "fee": "",
    "OPPS cap": "opps_",
    "later therapy unit": "therapy_",
}


def cents(value):
    """Money of a cell in whole cents; a blank text or cell is None."""
    return None if value in (None, "") else int((Decimal(str(value)) * 100).to_integral_value())


def book_of(content):
    """A workbook with the values of its formulas."""
    return openpyxl.load_workbook(io.BytesIO(content), data_only=True)


def sheets_of(content):
    """Every sheet as a list of rows, each a dict by heading; the sheet of inputs as label -> value."""
    read = {}
    for page in content if isinstance(content, openpyxl.Workbook) else book_of(content):
        rows = [list(row) for row in page.iter_rows(values_only=True)]
        if page.title == "Inputs":
            read["Inputs"] = {row[0]: row[1] for row in rows[5:]}
        else:
            read[page.title] = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    return read


def without_values(content, changes=()):
    """The workbook with some cells typed over, (sheet, key of the row, heading) -> value, and without any formula's value."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    for (sheet, key, heading), value in dict(changes).items():
        page = book[sheet]
        header = 5 if sheet == "Inputs" else 1
        column = [cell.value for cell in page[header]].index(heading)
        rows = [row for row in page.iter_rows(min_row=header + 1) if tuple(c.value or "" for c in row)[: len(key)] == key]
        assert len(rows) == 1, (sheet, key)
        rows[0][column].value = value
    out = io.BytesIO()
    book.save(out)
    formulas = 0
    with zipfile.ZipFile(out) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/sheet"):
                cells = archive.read(name).decode()
                formulas += cells.count("</f>")
                assert not re.search(r"</f><v>[^<]", cells)
    assert formulas > 50
    return out.getvalue()


@pytest.fixture(scope="module")
def recalculated(tmp_path_factory):
    """What LibreOffice makes of a workbook whose formulas have no values."""
    profile = tmp_path_factory.mktemp("office")
    count = iter(range(1000))

    def work_out(content, changes=()):
        folder = profile / f"run{next(count)}"
        folder.mkdir()
        (folder / "in.xlsx").write_bytes(without_values(content, changes))
        done = convert(folder / "in.xlsx", folder / "out", profile / "profile")
        book = book_of(done.read_bytes())
        assert_no_errors(book)
        return sheets_of(book)

    return work_out


def convert(source: Path, folder: Path, profile: Path) -> Path:
    """An xlsx as LibreOffice saves it after loading a file."""
    command = [
        SOFFICE,
        "--headless",
        f"-env:UserInstallation={profile.as_uri()}",
        "--convert-to",
        "xlsx:Calc MS Excel 2007 XML",
    ]
    done = subprocess.run(
        [*command, "--outdir", str(folder), str(source)], capture_output=True, text=True, timeout=240, check=False
    )
    target = folder / f"{source.stem}.xlsx"
    assert target.is_file(), done.stdout + done.stderr
    return target


def assert_no_errors(book):
    wrong = [
        (page.title, cell.coordinate, cell.value)
        for page in book
        for row in page
        for cell in row
        if cell.data_type == "e"
        or (isinstance(cell.value, str) and re.match(r"#(REF|NAME|VALUE|N/A|DIV|NUM|NULL)|Err:", cell.value))
    ]
    assert wrong == []


def half_cents(opened, release):
    """Codes with an amount at one of the places that is an exact half cent, which a careless formula rounds down."""
    tables, factor = opened.schedule.tables([release], zips=False), opened.schedule.release(release).factor
    keys = [("", "national"), ("10112", "00"), ("14212", "01")]
    places = tables.gpci.filter(pl.struct("mac", "locality").map_elements(lambda p: tuple(p.values()) in keys, pl.Boolean))
    rows = tables.rows.filter(pl.col("status").is_in(fee.PRICED_STATUSES)).drop("release").join(places, how="cross")
    figures = rows.with_columns(pl.col("work", "mp", "^pe_.*$").cast(pl.Int64))
    exact = [
        (pl.col("work") * pl.col("gpci_work") + pl.col(f"pe_{setting}") * pl.col("gpci_pe") + pl.col("mp") * pl.col("gpci_mp"))
        * factor
        for setting in SETTINGS
    ]
    tied = figures.filter(pl.any_horizontal(n % PER_CENT == PER_CENT // 2 for n in exact))
    return tied["hcpcs"].unique(maintain_order=True).to_list()


@pytest.fixture(scope="module")
def codes(opened):
    """More than 200 codes of the built-in release: all of therapy, half cents, capped imaging with its parts, and others."""
    rows = opened.schedule.table("2025D", "pprrvu")
    payable = rows.filter(pl.col("status").is_in(fee.PRICED_STATUSES), fee.has_rvus())
    therapy = payable.filter(pl.col("mult_proc") == "5")["hcpcs"].unique(maintain_order=True).to_list()
    capped = payable.filter(fee.is_capped())["hcpcs"].unique(maintain_order=True)
    halves = half_cents(opened, "2025D")
    others = payable.filter(pl.col("modifier").is_in(["", "53"]))["hcpcs"].unique(maintain_order=True).gather_every(55)
    assert len(therapy) >= 30
    assert len(halves) >= 3
    chosen = list(dict.fromkeys([*therapy, *halves, *capped.gather_every(12), "71046", "45378", *others]))
    assert len(chosen) >= 200
    return chosen


@pytest.fixture(scope="module")
def plain(opened, codes):
    return workbook.live(codes, PLACES, "2025D", opened)


@pytest.fixture(scope="module")
def worked_out(plain, recalculated):
    return recalculated(plain)


def engine_amounts(opened, codes, release="2025D", qp=False, factor=None):
    """The engine's fee schedule by (code, modifier, locality), in cents."""
    if factor is None:
        keys = ("national", "10112-00", BOSTON)
        frame = pl.concat([opened.fee_schedule_cents(release, key, qp).cast({pl.Enum: pl.String}) for key in keys])
    else:
        tables = opened.schedule.tables([release], zips=False)
        frame = fee.schedule(tables.rows.lazy(), tables.gpci.lazy(), factor).collect()
    key = pl.when(pl.col("mac") == "").then("locality").otherwise(pl.col("mac") + "-" + pl.col("locality"))
    chosen = frame.with_columns(key=key).filter(
        pl.col("hcpcs").is_in(codes), pl.col("key").is_in(["national", "10112-00", BOSTON])
    )
    return {(row["hcpcs"], row["modifier"], row["key"]): row for row in chosen.iter_rows(named=True)}


def assert_payments(payments, expected):
    """Every amount of the sheet of payments is the engine's, and none is missing."""
    seen = set()
    for row in payments:
        key = (row["Code"], row["Modifier"] or "", row["Locality"])
        seen.add(key)
        for setting, word in SETTINGS.items():
            for heading, prefix in AMOUNTS.items():
                assert cents(row[f"{word}: {heading}"]) == expected[key][f"{prefix}{setting}"], (key, setting, heading)
            capped = expected[key][f"opps_{setting}"]
            lower = expected[key][setting] if capped is None else min(expected[key][setting], capped)
            assert cents(row[f"{word}: lower of fee and cap"]) == lower, (key, setting)
    assert seen == set(expected)
    assert len(payments) == len(seen)


@needs_office
def test_libreoffice_works_out_every_payment_of_the_engine(opened, codes, worked_out):
    expected = engine_amounts(opened, codes)
    assert len({code for code, _, _ in expected}) >= 200
    assert {modifier for _, modifier, _ in expected} == {"", "26", "TC", "53"}
    assert sum(row["opps_nonfacility"] is not None for row in expected.values()) > 100
    assert any(
        row["opps_nonfacility"] is not None and row["opps_nonfacility"] < row["nonfacility"] for row in expected.values()
    )
    assert sum(row["therapy_nonfacility"] is not None for row in expected.values()) > 90
    assert_payments(worked_out["Payments"], expected)


@needs_office
def test_libreoffice_shares_every_payment_as_the_engine_does(opened, worked_out):
    volumes = worked_out["Volumes"]
    keys = [row["Locality"] for row in volumes]
    lines = pl.DataFrame(
        {
            "hcpcs": [row["Code"] for row in volumes],
            "modifiers": [row["Modifier"] or "" for row in volumes],
            "setting": [row["Setting"] for row in volumes],
            "mac": ["" if key == "national" else key[:5] for key in keys],
            "locality": ["national" if key == "national" else key[6:] for key in keys],
            "service_date": [dt.date(2025, 10, 1)] * len(keys),
        }
    ).with_row_index("claim_id")
    priced = opened.price_lines(lines)
    assert priced["outcome"].unique().to_list() == ["priced"]
    columns = {"payment": "allowed", "coinsurance": "coinsurance", "sequestration": "sequestration", "received": "received"}
    for row, answer in zip(volumes, priced.iter_rows(named=True), strict=True):
        for part, column in columns.items():
            assert cents(row[f"A unit: {part}"]) == cents(answer[column]), (row["Code"], row["Locality"], part)


@needs_office
def test_another_conversion_factor_changes_every_payment(opened, codes, plain, recalculated):
    read = recalculated(plain, {("Inputs", ("Conversion factor",), "Value"): 33.1693})
    assert read["Inputs"]["Conversion factor"] == 33.1693
    assert_payments(read["Payments"], engine_amounts(opened, codes, factor=331693))


@needs_office
def test_both_factors_of_2026_and_the_choice_between_them(opened, recalculated):
    chosen = ["97110", "99213", "71046", "70553", "G0283"]
    made = workbook.live(chosen, PLACES, "2026C", opened)
    assert sheets_of(made)["Inputs"]["Conversion factor in use"] == 33.4009
    assert_payments(sheets_of(made)["Payments"], engine_amounts(opened, chosen, "2026C"))
    read = recalculated(made, {("Inputs", ("Clinician is a QP",), "Value"): "yes"})
    assert read["Inputs"]["Conversion factor in use"] == 33.5675
    assert_payments(read["Payments"], engine_amounts(opened, chosen, "2026C", qp=True))
    opened_with_qp = sheets_of(workbook.live(chosen, PLACES, "2026C", opened, qp=True))
    assert opened_with_qp["Inputs"]["Clinician is a QP"] == "yes"
    assert_payments(opened_with_qp["Payments"], engine_amounts(opened, chosen, "2026C", qp=True))


VOLUMES = pl.DataFrame(
    {
        "hcpcs": ["97110", "99213", "71046", "97110"],
        "modifier": ["", "", "26", None],
        "setting": ["nonfacility", "facility", "facility", "nonfacility"],
        "mac": ["10112", "10112", "", "10112"],
        "locality": ["00", "00", "national", "00"],
        "units": [1_000, 37, 11, 1],
        "later_units": [2_500, 0, 0, 0],
    }
)


@needs_office
def test_a_gpci_an_rvu_a_volume_and_the_percentages_change_what_hangs_on_them(opened, recalculated):
    made = workbook.live(["97110", "99213", "71046"], PLACES, "2025D", opened, volumes=VOLUMES)
    read = recalculated(
        made,
        {
            ("GPCIs", ("10112-00",), "Work GPCI"): 1.015,
            ("RVUs", ("97110", "", "A"), "PE RVU, non-facility"): 0.47,
            ("Volumes", ("97110", "", "10112-00", "nonfacility"), "Units"): 1_200,
            ("Inputs", ("Percent of Medicare that the payer pays",), "Value"): 1.125,
            ("Inputs", ("Coinsurance",), "Value"): 0.175,
            ("Inputs", ("Sequestration",), "Value"): 0.0125,
            ("Inputs", ("Therapy: practice expense of later units",), "Value"): 0.35,
        },
    )
    # 97110 in Alabama by hand, in exact integers: work 0.45, PE 0.47, malpractice 0.01; GPCIs 1.015, 0.869, 0.575.
    work_mp, pe, factor = 45 * 1015 + 1 * 575, 47 * 869, 323465
    unit = half_up((work_mp + pe) * factor, 10**7)
    later = half_up((work_mp * 100 + pe * 35) * factor, 10**9)
    row = next(r for r in read["Payments"] if (r["Code"], r["Locality"]) == ("97110", "10112-00"))
    assert cents(row["Non-facility: fee"]) == unit
    assert cents(row["Non-facility: later therapy unit"]) == later
    shares = {}
    for name, amount in (("A unit", unit), ("A later unit", later)):
        payment = half_up(amount * 11250, 10_000)
        coinsurance = half_up(payment * 1750, 10_000)
        sequestration = half_up((payment - coinsurance) * 125, 10_000)
        parts = (payment, coinsurance, sequestration, payment - sequestration)
        shares[name] = dict(zip(workbook.PARTS, parts, strict=True))
    volume = next(r for r in read["Volumes"] if (r["Code"], r["Locality"]) == ("97110", "10112-00") and r["Units"] == 1200)
    for part in workbook.PARTS:
        for name, told in shares.items():
            assert cents(volume[f"{name}: {part}"]) == told[part], (name, part)
        assert cents(volume[f"Volume: {part}"]) == 1200 * shares["A unit"][part] + 2500 * shares["A later unit"][part]
    assert cents(row["Non-facility: volume x payment"]) == cents(volume["Volume: payment"])
    # And the totals are the sums of the volumes, place by place and in all.
    for total in read["Totals"]:
        here = [r for r in read["Volumes"] if total["Locality"] in (r["Locality"], "All places")]
        assert here
        for part in workbook.PARTS:
            assert cents(total[f"Both: {part}"]) == sum(cents(r[f"Volume: {part}"]) for r in here)
        for setting, word in SETTINGS.items():
            assert cents(total[f"{word}: payment"]) == sum(cents(r["Volume: payment"]) for r in here if r["Setting"] == setting)
    assert [total["Locality"] for total in read["Totals"]] == ["national", "10112-00", BOSTON, "All places"]
    assert cents(read["Totals"][0]["Both: payment"]) > 0


@needs_office
def test_sheets_may_be_sorted(opened, recalculated):
    """Rows are found by their code and place, so that the order of the other sheets does not matter."""
    made = workbook.live(["97110", "99213"], ["10112-00", "national"], "2025D", opened)
    book = openpyxl.load_workbook(io.BytesIO(made))
    for sheet in ("RVUs", "GPCIs"):  # the first two rows change places, as a sort would have it; the formulas stay relative
        page = book[sheet]
        for column in range(1, page.max_column + 1):
            above, below = page.cell(2, column), page.cell(3, column)
            if above.data_type != "f":
                above.value, below.value = below.value, above.value
    out = io.BytesIO()
    book.save(out)
    read = recalculated(out.getvalue())
    assert [row["Code"] for row in read["RVUs"]] == ["99213", "97110"]
    assert [row["Locality"] for row in read["GPCIs"]] == ["national", "10112-00"]
    wanted = {k: v for k, v in engine_amounts(opened, ["97110", "99213"]).items() if k[2] != BOSTON}
    assert_payments(read["Payments"], wanted)


@needs_office
def test_libreoffice_keeps_codes_and_places_as_text(opened, tmp_path):
    made = workbook.live(["97110", "99213"], PLACES, "2025D", opened)
    (tmp_path / "in.xlsx").write_bytes(made)
    saved = convert(tmp_path / "in.xlsx", tmp_path / "out", tmp_path / "profile").read_bytes()
    for content in (made, saved):
        book = openpyxl.load_workbook(io.BytesIO(content))
        assert_text(book["RVUs"], "A", {"97110", "99213"})
        assert_text(book["Payments"], "A", {"97110", "99213"})
        assert_text(book["Payments"], "C", {"national", "10112-00", BOSTON})
        assert_text(book["Volumes"], "A", {"97110", "99213"})
        assert_text(book["GPCIs"], "B", {"10112", "14212"})
        assert_text(book["GPCIs"], "C", {"national", "00", "01"})
        assert_text(book["GPCIs"], "E", {"02118"})


def assert_text(page, column, values):
    cells = [cell for cell in page[column][1:] if cell.value not in (None, "")]
    assert {cell.value for cell in cells} == values
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.number_format for cell in cells} == {"@"}


# Without a spreadsheet ---------------------------------------------------------------------------------------------------


def half_up(numerator, denominator):
    return (2 * numerator + denominator) // (2 * denominator)


def test_the_values_beside_the_formulas_are_the_engines(opened, codes, plain):
    """A viewer that does not calculate shows the right numbers."""
    book = book_of(plain)
    read = sheets_of(book)
    assert_payments(read["Payments"], engine_amounts(opened, codes))
    assert_no_errors(book)
    assert {row["Volume: payment"] for row in read["Volumes"]} == {0}


def test_values_of_volumes_and_totals_add_up(opened):
    read = sheets_of(workbook.live(["97110", "99213", "71046"], PLACES, "2025D", opened, volumes=VOLUMES, percent="110"))
    amounts = engine_amounts(opened, ["97110", "99213", "71046"])
    in_alabama = amounts["97110", "", "10112-00"]
    first, later = (half_up(in_alabama[name] * 110, 100) for name in ("nonfacility", "therapy_nonfacility"))
    office = half_up(amounts["99213", "", "10112-00"]["facility"] * 110, 100)
    reading = amounts["71046", "26", "national"]
    reading = half_up(min(reading["facility"], reading["opps_facility"] or reading["facility"]) * 110, 100)
    totals = {row["Locality"]: row for row in read["Totals"]}
    assert cents(totals["10112-00"]["Both: payment"]) == 1_001 * first + 2_500 * later + 37 * office
    assert cents(totals["national"]["Facility: payment"]) == 11 * reading
    assert cents(totals[BOSTON]["Both: payment"]) == 0
    assert cents(totals["All places"]["Both: payment"]) == 1_001 * first + 2_500 * later + 37 * office + 11 * reading


def test_the_same_volumes_at_every_place_are_not_added_up(opened):
    read = sheets_of(workbook.live(["97110"], PLACES, "2025D", opened, volumes=VOLUMES.head(1).drop("mac", "locality")))
    assert [row["Units"] for row in read["Volumes"] if row["Setting"] == "nonfacility"] == [1_000] * 3
    assert "alternative" in read["Totals"][-1]["Locality"]
    assert len(read["Totals"]) == 4


def test_doubles_hold_every_product_of_the_newest_release(opened):
    """The formulas' arithmetic in binary floats, from the natural units of the cells, for every row at every place."""
    release = opened.schedule.newest
    factor = opened.factor(release)
    tables = opened.schedule.tables([release.name], zips=False)
    amounts = fee.schedule(tables.rows.lazy(), tables.gpci.lazy(), factor).collect()

    def whole(column, scale):
        return ((pl.col(column).cast(pl.Float64) / scale) * scale).round()

    def product(rvu, gpci):
        return whole(rvu, 100) * whole(f"gpci_{gpci}", 1000)

    def rounded(numerator, denominator):
        return (numerator / denominator + 0.5).floor().cast(pl.Int64)

    cf = round(factor / 10_000 * 10_000)
    work_mp = product("work", "work") + product("mp", "mp")
    wrong = {}
    for setting in SETTINGS:
        pe = product(f"pe_{setting}", "pe")
        cap = product("work", "work") + product(f"opps_pe_{setting}", "pe") + product("opps_mp", "mp")
        wrong[setting] = (rounded((work_mp + pe) * cf, 10**7) != pl.col(setting)).sum()
        wrong[f"opps_{setting}"] = (rounded(cap * cf, 10**7) != pl.col(f"opps_{setting}")).sum()
        wrong[f"therapy_{setting}"] = (rounded((work_mp * 100 + pe * 50) * cf, 10**9) != pl.col(f"therapy_{setting}")).sum()
    assert amounts.height > 900_000
    assert set(amounts.select(**wrong).row(0)) == {0}


def test_every_release_stays_within_the_bounds_of_the_proof(opened):
    for name in opened.schedule.priceable():
        amounts = opened.fee_schedule_cents(name, "all")
        columns = [f"{prefix}{setting}" for prefix in ("", "opps_") for setting in SETTINGS]
        assert max(amounts[column].max() for column in columns) < 100_000_000, name
        assert max(amounts[f"therapy_{setting}"].max() for setting in SETTINGS) < 1_000_000, name


def test_numbers_look_like_themselves_and_texts_give_no_warning(plain):
    book = openpyxl.load_workbook(io.BytesIO(plain))
    assert book.sheetnames == ["Inputs", "Volumes", "RVUs", "GPCIs", "Payments", "Totals", "Sources"]
    assert book["Inputs"]["B6"].number_format == "0.0000"
    assert book["RVUs"]["E2"].number_format == "0.00"
    assert book["GPCIs"]["F2"].number_format == "0.000"
    assert book["Payments"]["E2"].number_format == "#,##0.00"
    frozen = {page.title: page.freeze_panes for page in book}
    assert frozen == {
        "Inputs": "A6",
        "Volumes": "E2",
        "RVUs": "C2",
        "GPCIs": "B2",
        "Payments": "E2",
        "Totals": "B2",
        "Sources": "B2",
    }
    for page in book:
        assert (page.page_setup.fitToWidth or 1, page.page_setup.fitToHeight, page.sheet_properties.pageSetUpPr.fitToPage) == (
            1,
            0,
            True,
        )
        assert page.print_title_rows
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        assert 'fullCalcOnLoad="1"' in archive.read("xl/workbook.xml").decode()
    assert sum("numberStoredAsText" in sheet for sheet in sheets) == len(book.sheetnames) - 1  # all but Inputs


def test_a_cell_takes_no_more_decimals_than_the_formulas_count_with(plain):
    book = openpyxl.load_workbook(io.BytesIO(plain))
    rules = {
        title: {str(rule.sqref): rule.formula1 for rule in book[title].data_validations.dataValidation}
        for title in ("Inputs", "GPCIs", "RVUs", "Volumes")
    }
    assert "ROUND($B$6,4)=$B$6" in rules["Inputs"]["B6"]
    assert rules["GPCIs"]["F2:F4"] == "AND(ISNUMBER($F2),$F2>=0,$F2<=100,ROUND($F2,3)=$F2)"
    assert any("ROUND($E2,2)=$E2" in rule for rule in rules["RVUs"].values())
    assert any('OR($F2=0,$K2<>"")' in rule for rule in rules["Volumes"].values())


def test_no_text_of_the_caller_becomes_a_formula(opened):
    evil = '=HYPERLINK("http://example.org","click")'
    made = workbook.live(["97110"], ["national"], "2025D", opened, title=evil, notes=[("+1", evil), ("@x", "-2+3")])
    book = openpyxl.load_workbook(io.BytesIO(made))
    assert (book["Inputs"]["A1"].value, book["Inputs"]["A1"].data_type) == (evil, "s")
    texts = [list(row) for row in book["Sources"].iter_rows(min_row=2)]
    assert {cell.data_type for row in texts for cell in row} == {"s"}
    assert [cell.value for cell in texts[-2]] == ["+1", evil]
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert not [name for name in archive.namelist() if "externalLink" in name]
        assert "HYPERLINK" not in "".join(
            re.findall(r"<f>.*?</f>", "".join(archive.read(n).decode() for n in archive.namelist() if n.endswith(".xml")))
        )


def test_sources_name_release_file_and_percentages(opened, plain):
    said = {row["Item"]: row["Value"] for row in sheets_of(plain)["Sources"]}
    source = opened.schedule.release("2025D").sources[0]
    assert said["Release"].startswith("2025D, in force from 2025-10-01")
    assert said[f"File: {source['file']}"] == f"sha256 {source['sha256']}"
    assert "Boston" in said["ZIP 02118"]
    assert {"Coinsurance", "Sequestration", "Therapy reduction", "Assumed: units"} <= said.keys()


def test_percentages_are_those_of_the_releases_first_day(opened):
    rates = {
        name: sheets_of(workbook.live(["99213"], ["national"], name, opened))["Inputs"]["Sequestration"]
        for name in ("2020A", "2021D", "2022B", "2022C")
    }
    assert rates == {"2020A": 0.02, "2021D": 0, "2022B": 0.01, "2022C": 0.02}


def test_rows_without_an_amount_are_listed_with_the_reason(opened):
    read = sheets_of(workbook.live(["99213", "36415", "99999", "00100", "71046-53", "70450"], ["AL"], "2025D", opened))
    listed = {(row["Code"], row["Modifier"] or ""): row for row in read["Not priced"]}
    assert set(listed) == {("36415", ""), ("99999", ""), ("00100", ""), ("71046", "53")}
    assert listed["36415", ""]["Status"] == "X"
    assert all(len(row["Why it has no amount"]) > 20 for row in listed.values())
    assert [(row["Code"], row["Modifier"] or "") for row in read["Payments"]] == [
        ("99213", ""),
        ("70450", ""),
        ("70450", "26"),
        ("70450", "TC"),
    ]


def test_every_row_of_a_release_is_priced_or_has_a_reason(opened):
    """No row falls between the two: the engine knows why each row without an amount has none."""
    rows = opened.schedule.table("2025D", "pprrvu")
    release = opened.schedule.release("2025D")
    codes = rows["hcpcs"].unique(maintain_order=True).to_list()
    priced, unpriced = workbook._rows(codes, release, opened, Place("10112", "00"))
    assert priced.height + len(unpriced) == rows.height
    assert priced.height == 9_133
    assert all(why for *_, why in unpriced)


def test_one_row_of_a_code_and_a_factor_of_ones_own(opened):
    made = workbook.live(["71046-26"], [Place("10112", "00")], "2025D", opened, factor="33.1693")
    read = sheets_of(made)
    assert [(row["Code"], row["Modifier"]) for row in read["Payments"]] == [("71046", "26")]
    assert read["Inputs"]["Conversion factor"] == 33.1693
    expected = engine_amounts(opened, ["71046"], factor=331693)["71046", "26", "10112-00"]["nonfacility"]
    assert cents(read["Payments"][0]["Non-facility: fee"]) == expected


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"codes": []}, "No code"),
        ({"codes": ["9711"]}, "is no code"),
        ({"codes": ["97110-GP"]}, "nor one of its rows"),
        ({"codes": ["36415"]}, "None of the codes has a public amount"),
        ({"places": []}, "No place"),
        ({"places": ["10112-77"]}, "no locality 10112-77"),
        ({"places": ["CA"]}, "payment localities"),
        ({"places": ["00000"]}, "00000"),
        ({"places": [Place("99999", "00")]}, "no locality 99999-00"),
        ({"percent": "112.555"}, "percent of Medicare"),
        ({"percent": "-1"}, "from 0 to 1,000"),
        ({"factor": "33.16931"}, "conversion factor"),
        ({"factor": "0"}, "between 0 and 1,000"),
        ({"volumes": VOLUMES.drop("units")}, "need the columns"),
        ({"volumes": VOLUMES.drop("mac")}, "both or neither"),
        ({"volumes": VOLUMES.with_columns(hcpcs=pl.lit("99999"))}, "no priced row"),
        ({"volumes": VOLUMES.with_columns(setting=pl.lit("office"))}, "'office'"),
        ({"volumes": VOLUMES.with_columns(mac=pl.lit("01112"))}, "none of the workbook's places"),
        ({"volumes": VOLUMES.with_columns(units=pl.lit(1.5))}, "whole numbers"),
        ({"volumes": VOLUMES.with_columns(later_units=pl.lit(1))}, "only therapy codes"),
        ({"volumes": VOLUMES.with_columns(units=pl.lit(10_000_000))}, "No volume"),
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_refused(opened, change, says):
    asked = {"codes": ["97110", "99213", "71046"], "places": ["national", "10112-00"], "release": "2025D", **change}
    with pytest.raises(InputError, match=re.escape(says)):
        workbook.live(opened=opened, **asked)


def test_a_release_that_is_not_loaded_and_a_workbook_too_large(opened, monkeypatch):
    with pytest.raises(NotLoadedError):
        workbook.live(["97110"], ["national"], "1999A", opened)
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    with pytest.raises(InputError, match="more than the 2"):
        workbook.live(["97110"], PLACES, "2025D", opened)


def test_every_test_that_asks_libreoffice_says_so():
    """Without the marker a machine without LibreOffice would fail; with it, and FEECALC_ALL, a skip is a failure."""
    source = Path(__file__).read_text(encoding="utf-8")
    tests = re.findall(r"((?:@.*\n)*)def (test_\w+)\(([^)]*)\)", source)
    asking = {name for _, name, takes in tests if re.search("recalculated|worked_out", takes)}
    assert len(asking) >= 6
    assert asking <= {name for marks, name, _ in tests if "needs_office" in marks}
