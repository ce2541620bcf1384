"""The readers against CMS's own files. Counts and differences are golden: a change in them is a change in what is read."""

import csv
import functools
import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from feecalc.cms import members, read_payment_file, read_release, read_zip_file, what_is
from feecalc.cms.anesthesia import read_anesthesia
from feecalc.cms.zip_locality import read_zip5
from feecalc.columns import ANESTHESIA, GPCI, LOCALITIES, OPPS_CAP, PPRRVU, ZIP5

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
COUNTS = json.loads((GOLDEN / "row_counts.json").read_text("utf-8"))["releases"]
DIFFERENCES = json.loads((GOLDEN / "form_differences.json").read_text("utf-8"))["differences"]
TABLES = {"pprrvu": PPRRVU, "gpci": GPCI, "anesthesia": ANESTHESIA, "localities": LOCALITIES, "opps_cap": OPPS_CAP}
OF_2025 = ["rvu25a", "rvu25b", "rvu25c", "rvu25d"]
FACTORS = {
    "20": 360_896, "21": 348_931, "22": 346_062, "23": 338_872, "24a": 327_442, "24": 332_875, "25": 323_465, "26": 334_009,
}  # fmt: skip


@functools.cache
def release(folder, name, form="csv"):
    return read_release([folder / f"{name}.zip"], form)


def raw_rows(path, stem):
    """The rows of a csv, read without feecalc: text of the first member whose name contains the stem."""
    with zipfile.ZipFile(path) as archive:
        name = next((n for n in archive.namelist() if stem in n and n.endswith(".csv")), None)
        if name is None:
            return []
        text = archive.read(name).decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text))]


def counted(path):
    """Row counts by a rule of its own: what has digits where a code, a carrier or a price must be."""
    values = [r for r in raw_rows(path, "PPRRVU") if len(r) > 30 and r[5].replace(".", "").isdigit()]
    gpci = [r for r in raw_rows(path, "GPCI") if r[0].isdigit()]
    anes = [r for r in raw_rows(path, "ANES") if r[0].isdigit()]
    counties = {(r[0].zfill(5), r[1].zfill(2)) for r in raw_rows(path, "LOCCO") if r[0].isdigit()}
    caps = [r for r in raw_rows(path, "OPPSCAP") if len(r) > 4 and r[3].isdigit()]
    strays = [r for r in caps if r[3] == "01112" and r[4] in {"17", "18", "26", "71", "72", "73", "74"}]
    return {
        "pprrvu": len(values),
        "gpci": len(gpci),
        "anesthesia": len(anes),
        "localities": len(counties),
        "opps_cap": len(caps) - len(strays),
        "strays": len(strays),
        "strays_active": sum(r[2] == "A" for r in strays),
    }


@pytest.mark.parametrize("name", COUNTS)
def test_golden_counts_are_those_of_the_raw_files(cms_dir, name):
    assert counted(cms_dir / f"{name}.zip") == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_release(cms_dir, name):
    files = release(cms_dir, name)
    read = {table: getattr(files, table) for table in TABLES}
    for table, schema in TABLES.items():
        assert (0 if read[table] is None else read[table].height) == COUNTS[name][table]
        assert read[table] is None or read[table].schema == pl.Schema(schema)
    assert f"rvu{files.year % 100}{files.quarter.lower()}" == name.removesuffix("-partial").removesuffix("r")
    if files.pprrvu is not None:
        assert files.conversion_factor == FACTORS.get(name[3:], FACTORS[name[3:5]])
        assert files.descriptions.select("hcpcs", "modifier").equals(files.pprrvu.select("hcpcs", "modifier"))
        assert "description" not in files.pprrvu.columns
    if strays := COUNTS[name]["strays"]:
        active = COUNTS[name]["strays_active"]
        assert any(f"{strays:,} lines under carrier 01112 left out ({active:,} of status A)" in n for n in files.notes)
    assert (files.gpci["state"].null_count() == 0) == (files.year > 2020)
    assert files.localities.filter(pl.col("state_name") == "").is_empty()
    assert what_is(cms_dir / f"{name}.zip") == "release"


def test_every_release_is_there(cms_dir):
    assert len(COUNTS) == 26
    assert {p.stem for p in cms_dir.glob("rvu*.zip")} == set(COUNTS)


def test_leading_zeros_of_2020d(cms_dir):
    files = release(cms_dir, "rvu20d")
    assert any("272 values of 'HCPCS' had lost their leading zeros" in n for n in files.notes)
    assert files.pprrvu.filter(pl.col("hcpcs") == "00100")["status"].to_list() == ["J"]
    assert set(files.pprrvu["global_days"]) == {"000", "010", "090", "XXX", "YYY", "ZZZ", "MMM"}
    assert set(files.pprrvu["supervision"]) <= {"01", "02", "03", "04", "05", "09", "21", "66", "6A", "7A"}


def test_known_values(cms_dir):
    files = release(cms_dir, "rvu25d")
    columns = ["status", "work", "pe_nonfacility", "pe_facility", "mp", "global_days", "supervision"]
    visit = files.pprrvu.filter(pl.col("hcpcs") == "99213").select(columns)
    assert visit.rows() == [("A", 130, 135, 57, 10, "XXX", "09")]
    assert files.pprrvu.filter("not_used_for_medicare").height == 148
    assert files.pprrvu.filter(pl.col("opps_pe_nonfacility") + pl.col("opps_mp") > 0).height == 1038
    assert files.gpci.filter(pl.col("work") == 1000).height == 51
    assert files.released == "09/11/2025"
    assert files.meta["anesthesia"]["national_factor"] == "20.3178"


def test_two_work_columns_of_january_2026(cms_dir):
    january, july = release(cms_dir, "rvu26a-partial"), release(cms_dir, "rvu26c")
    assert (january.meta["gpci"]["floor"], july.meta["gpci"]["floor"]) == ("both", "with")
    assert january.gpci.filter(pl.col("work") != pl.col("work_unfloored")).height == 47
    assert july.gpci["work_unfloored"].null_count() == 109
    assert january.gpci["work"].equals(july.gpci["work"])
    alabama = january.anesthesia.filter(mac="10112")
    assert alabama.rows() == [("10112", "00", 1953, 1963)]
    assert january.meta["anesthesia"]["national_factor_qp"] == "20.599835"
    assert set(july.pprrvu["pricing_indicator"]) == {"9"}


@pytest.mark.parametrize("name", OF_2025)
@pytest.mark.parametrize("form", ["xlsx", "txt"])
def test_every_form_says_the_same(cms_dir, name, form):
    plain, other = release(cms_dir, name), release(cms_dir, name, form)
    assert {Path(m).suffix for m in other.members.values()} == {f".{form}"}
    assert other.conversion_factor == plain.conversion_factor
    found = []
    for table in (*TABLES, "descriptions"):
        one, two = getattr(plain, table), getattr(other, table)
        assert one.height == two.height
        for column in one.columns:
            if rows := int(one[column].ne_missing(two[column]).sum()):
                found.append((table, column, rows))
    expected = [d for d in DIFFERENCES if d["release"] == name and d["form"] == form]
    assert all(d["reason"] for d in expected)
    assert found == [(d["table"], d["column"], d["rows"]) for d in expected]


def test_the_county_workbook_of_2025_is_only_named_after_2021(cms_dir):
    notes = release(cms_dir, "rvu25d", "xlsx").notes
    assert "25LOCCO.xlsx: the worksheet is named '21LOCCO', but its title says 2025" in notes


def test_zip5(cms_dir):
    path = cms_dir / "zip-code-carrier-locality-2025-10.zip"
    found = read_zip_file([path])
    assert (found.quarter, found.effective, found.zip5.height) == ("20254", "2025-10-01", 42_956)
    assert found.zip5.schema == pl.Schema(ZIP5)
    assert found.zip5["plus_four"].sum() == 580
    txt, xlsx = (next(m for m in members(path) if m.ending == form) for form in ("txt", "xlsx"))
    assert read_zip5(xlsx).frame.equals(read_zip5(txt).frame)
    places = release(cms_dir, "rvu25d").gpci.select("mac", "locality")
    assert found.zip5.select("mac", "locality").unique().sort("mac", "locality").equals(places)
    later = read_zip_file([cms_dir / "zip-code-carrier-locality-2026-01.zip"])
    assert (later.effective, later.zip5.height) == ("2026-01-01", 42_956)


@pytest.mark.parametrize(("name", "rows", "codes"), [("PFREV25C", 109, 1), ("PFREV25D", 763, 7)])
def test_payment_amounts(cms_dir, name, rows, codes):
    path = cms_dir / "payment" / f"{name}.txt"
    (table,) = read_payment_file([path])
    assert table.frame.height == rows
    assert table.frame.select("hcpcs", "modifier").unique().height == codes
    assert table.meta == {"year": "2025", "qp": ""}
    raw = {tuple(f.strip(' "') for f in line.split(",")[1:7]) for line in path.read_text().splitlines() if "TRL" not in line}
    read = table.frame.select("mac", "locality", "hcpcs", "modifier", "nonfacility", "facility").rows()
    assert {(*r[:4], f"{r[4] / 100:010.2f}", f"{r[5] / 100:010.2f}") for r in read} == raw
    assert bool(table.notes) == (name == "PFREV25D")


def test_the_anesthesia_workbook_of_december_2024(cms_dir):
    path = cms_dir / "anesthesia-locality-cf-2025.zip"
    book = next(m for m in members(path) if m.ending == "xlsx")
    assert read_anesthesia(book).frame.equals(release(cms_dir, "rvu25d").anesthesia)


def test_other_downloads_are_told_apart(cms_dir):
    assert what_is(cms_dir / "zip-code-carrier-locality-2025-10.zip") == "zip_locality"
    assert what_is(cms_dir / "payment" / "PFREV25C.txt") == "payment_amounts"
    assert what_is(cms_dir / "anesthesia-base-units-2022.zip") == "unknown"
    assert what_is(cms_dir / "medicare-ncci-2026-q2-practitioner-services-mue-table.zip") == "ncci_mue"
