"""The command line as a process: output, exit codes, files."""

import json
import subprocess
import sys
from decimal import Decimal

import polars as pl
import pytest


def run(*args, **kwargs):
    return subprocess.run([sys.executable, "-m", "feecalc", *args], capture_output=True, text=True, encoding="utf-8", **kwargs)


def answer(*args):
    done = run("price", *args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_price_prints_a_card():
    done = run("price", "97110", "--zip", "35203", "--date", "2025-10-15", "--units", "3")
    assert done.returncode == 0
    assert "$68.41" in done.stdout
    assert done.stderr == ""


def test_price_as_json_has_the_contract_and_money_as_text():
    got = answer("97110", "--zip", "35203", "--date", "2025-10-15")
    keys = {"outcome", "reason", "allowed", "fee", "nonfacility", "facility", "release", "conversion_factor", "rvu", "gpci"}
    assert keys | {"limiting_charge", "source", "steps"} <= set(got)
    assert got["allowed"] == "26.83"
    assert got["rvu"] == {"work": "0.45", "pe": "0.43", "mp": "0.01"}
    assert got["gpci"] == {"work": "1.000", "pe": "0.869", "mp": "0.575"}
    assert got["conversion_factor"] == "32.3465"
    assert got["source"]["file"] == "rvu25d.zip"
    assert got["steps"][0]["to"] == "26.83"


def test_the_places_and_settings_of_the_price_command():
    assert answer("99213", "--national", "--release", "2025D")["allowed"] == "88.95"
    assert answer("99213", "--locality", "10112-00", "--release", "2025d", "--setting", "facility")["allowed"] == "59.93"
    assert answer("99213", "--state", "AL", "--release", "2025D", "--pos", "22")["allowed"] == "59.93"
    assert answer("99213", "--national", "--release", "2026C", "--qp")["allowed"] == "95.67"
    assert answer("71046", "--modifier", "26", "--release", "2025D")["outcome"] == "priced"
    assert answer("99213", "--locality", "10112-00", "--release", "2025D", "--nonpar")["allowed"] == "77.77"


def test_an_answer_that_medicare_pays_nothing_is_an_answer():
    assert answer("97010", "--release", "2025D")["outcome"] == "zero"
    assert answer("99499", "--release", "2025D")["outcome"] == "cannot_price"


@pytest.mark.parametrize(
    ("args", "says", "code"),
    [
        (["97353", "--release", "2025D"], "Did you mean", 1),
        (["99213", "--zip", "00000", "--date", "2025-10-15"], "not in CMS's ZIP-to-locality file", 1),
        (["99213", "--zip", "35958", "--date", "2025-10-15"], "spans several", 1),
        (["99213", "--date", "2019-05-01"], "No release of that calendar year", 1),
        (["99213", "--date", "2027-05-01"], "No release of that calendar year", 1),
        (["99213", "--modifier", "26", "--release", "2025D"], "no separate row", 1),
        (["99213", "--pos", "28", "--release", "2025D"], "not one that Medicare has assigned", 1),
        (["99213", "--units", "0"], "Units must be", 2),
        (["99213", "--units", "-3"], "Units must be", 2),
        (["99213", "--date", "yesterday"], "2025-10-15", 2),
        (["99213", "--release", "1999Z"], "not loaded", 2),
        (["99213", "--zip", "35203", "--national"], "not both", 2),
    ],
)
def test_bad_questions_go_to_stderr_with_an_exit_code(args, says, code):
    done = run("price", *args)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unanswered_question_still_prints_its_json():
    done = run("price", "97353", "--release", "2025D", "--json")
    assert done.returncode == 1
    got = json.loads(done.stdout)
    assert (got["outcome"], got["reason"]) == ("cannot_price", "unknown_code")
    assert "97535" in got["suggestions"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_schedule_writes_every_format(tmp_path, ending):
    out = tmp_path / f"alabama.{ending}"
    done = run("schedule", "--release", "2025D", "--locality", "10112-00", "--out", str(out))
    assert done.returncode == 0, done.stderr
    if ending == "csv":
        lines = out.read_text().splitlines()
        assert lines[0] == (
            "release,mac,locality,hcpcs,modifier,status,nonfacility,facility,opps_nonfacility,opps_facility,"
            "therapy_nonfacility,therapy_facility,nonpar_nonfacility,nonpar_facility,limiting_nonfacility,limiting_facility"
        )
        assert "2025D,10112,00,99213,,A,81.86,59.93,,,,,77.77,56.93,89.44,65.47" in lines
        assert len(lines) == 9_134
    if ending == "parquet":
        frame = pl.read_parquet(out)
        assert frame.height == 9_133
        assert frame.filter(pl.col("hcpcs") == "99213")["nonfacility"].item() == Decimal("81.86")
    if ending == "xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.load_workbook(out, read_only=True)
        assert book.sheetnames == ["Table", "Sources"]
        rows = list(book["Table"].iter_rows(values_only=True))
        found = next(row for row in rows if row[3] == "99213")
        assert found[:8] == ("2025D", "10112", "00", "99213", None, "A", 81.86, 59.93)
        assert any(row[0] == "sha256" for row in book["Sources"].iter_rows(values_only=True))


def test_schedule_for_every_locality(tmp_path):
    out = tmp_path / "all.parquet"
    assert run("schedule", "--release", "2025D", "--all-localities", "--out", str(out)).returncode == 0
    assert pl.scan_parquet(out).select(pl.len()).collect().item() == 9_133 * 109


def test_schedule_refuses_an_ending_it_does_not_know_and_a_folder_that_is_not_there(tmp_path):
    done = run("schedule", "--out", str(tmp_path / "x.pdf"))
    assert (done.returncode, "must end in" in done.stderr) == (2, True)
    done = run("schedule", "--out", str(tmp_path / "none" / "x.csv"))
    assert (done.returncode, "is not a folder" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_listings():
    releases = json.loads(run("releases", "--json").stdout)
    assert next(r["release"] for r in releases if r["rows"]) == "2020A"
    assert {r["origin"] for r in releases} == {"built-in"}
    found = run("localities", "manhattan")
    assert "13202-01" in found.stdout
    nothing = run("localities", "atlantis")
    assert "No locality matches" in nothing.stderr


def test_help_lists_every_command():
    done = run("--help")
    for name in ("price", "schedule", "verify", "releases", "localities", "import", "app"):
        assert name in done.stdout


def test_every_command_of_the_list_is_there_and_explains_itself():
    from click.testing import CliRunner

    from feecalc.cli import COMMANDS, cli

    for name in COMMANDS:
        done = CliRunner().invoke(cli, [name, "--help"])
        assert done.exit_code == 0, name
        assert done.output.startswith("Usage:"), name


# Fee schedules for other systems -------------------------------------------------------------------------------------------


def test_a_fee_schedule_for_billing_software(tmp_path):
    out = tmp_path / "fees.csv"
    asked = (
        "--release",
        "2025D",
        "--release",
        "2026C",
        "--zip",
        "35203",
        "--code",
        "0*",
        "--code",
        "97110",
        "--percent",
        "120",
    )
    done = run("schedule", *asked, "--layout", "import-settings", "--out", str(out))
    assert done.returncode == 0, done.stderr
    lines = out.read_text().splitlines()
    assert lines[0] == "CPT,Modifier,Non-Facility Fee,Facility Fee,Effective Date,End Date"
    assert "97110,,32.20,32.20,2025-10-01,2025-12-31" in lines  # 1.2 x 26.83 = 32.196
    assert "97110,,32.64,32.64,2026-07-01,2026-09-30" in lines  # 1.2 x 27.20; another release is in force from October
    assert lines[1].startswith("0446T,")  # leading zeros stay


def test_the_plainest_file_for_billing_software(tmp_path):
    out = tmp_path / "fees.csv"
    asked = ("--release", "2026C", "--code", "97110", "--code", "71046", "--setting", "nonfacility")
    assert run("schedule", *asked, "--layout", "import", "--out", str(out)).returncode == 0
    lines = out.read_text().splitlines()
    assert lines[0] == "CPT,Modifier,Fee"
    assert "97110,,29.06" in lines
    assert [line.split(",")[1] for line in lines if line.startswith("71046")] == ["", "26", "TC"]


def test_a_list_of_codes_for_several_places_and_releases(tmp_path):
    listed, out = tmp_path / "mine.txt", tmp_path / "fees.parquet"
    listed.write_text("97110\n97140\n00000\n")
    places = ("--locality", "10112-00", "--locality", "01112-05")
    done = run("schedule", "--release", "2025D", "--release", "2026C", *places, "--codes", str(listed), "--out", str(out))
    assert done.returncode == 1
    assert "Not in the fee schedule: 00000." in done.stderr
    frame = pl.read_parquet(out)
    assert frame.height == 8
    assert frame.filter(release="2025D", mac="10112", hcpcs="97110")["nonfacility"].item() == Decimal("26.83")


def test_a_folder_of_every_locality(tmp_path):
    out = tmp_path / "schedules"
    asked = ("schedule", "--release", "2025D", "--release", "2026C", "--all-localities", "--code", "97110", "--out", str(out))
    assert run(*asked).returncode == 0
    frame = pl.scan_parquet(out / "**" / "*.parquet", hive_partitioning=True).collect()
    assert frame.height == 218
    assert frame.filter(release="2025D", locality="10112-00")["nonfacility_allowed"].item() == Decimal("26.83")
    again = run(*asked)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--layout", "import", "--out", "x.csv"], "choose one setting"),
        (["--layout", "import-dated", "--setting", "facility", "--all-localities", "--out", "x.csv"], "is of one place"),
        (
            ["--layout", "import", "--setting", "facility", "--amount", "fee", "--amount", "nonpar", "--out", "x.csv"],
            "one amount",
        ),
        (["--percent", "abc", "--out", "x.csv"], "abc"),
        (["--code", "00000", "--out", "x.csv"], "No code of the list"),
        (["--all-localities", "--national", "--out", "x.csv"], "either --all-localities or single places"),
        (["--layout", "places", "--out", "folder"], "layout long"),
        (["--release", "2031A", "--out", "x.csv"], "2031A"),
    ],
)
def test_a_fee_schedule_that_cannot_be_made(tmp_path, args, says):
    done = run("schedule", *args, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []
