"""`feecalc diff` and `feecalc history`: what is printed, files, exit codes."""

import json
from decimal import Decimal

import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner

from feecalc.cli.diff import diff_command, history_command
from feecalc.errors import FeecalcError


def diff(*args: str):
    return CliRunner().invoke(diff_command, ["2025D", "2026C", *args])


def test_the_answer_is_printed_with_its_causes():
    done = diff("--code", "97110-97112", "--zip", "35203")
    assert done.exit_code == 0
    assert done.output.startswith("From 2025D to 2026C Medicare pays more for 2 and less for 0 of 2 amounts")
    assert "in Alabama, AL (10112-00), in the office" in done.output
    assert "Conversion factor (dollars per RVU)" in done.output
    assert "Amounts: 2" in done.output


def test_every_kind_of_file(tmp_path):
    for ending in ("xlsx", "md", "parquet", "json"):
        out = tmp_path / f"changes.{ending}"
        done = diff("--code", "97*", "--locality", "10112-00", "--national", "--out", str(out))
        assert done.exit_code == 0, done.output
        assert out.is_file()
    assert "Amounts" in openpyxl.load_workbook(tmp_path / "changes.xlsx").sheetnames
    assert set(pl.read_parquet(tmp_path / "changes.parquet")["locality"]) == {"10112-00", "national"}
    assert (tmp_path / "changes.md").read_text().startswith("# Medicare fee schedule, 2025D to 2026C")
    assert len(json.loads((tmp_path / "changes.json").read_text())["places"]) == 2


def test_volumes_of_a_practice(tmp_path):
    file = tmp_path / "mix.csv"
    file.write_text("CPT,Qty\n99213,100\n97110,400\n")
    done = diff("--mix", str(file), "--json")
    assert done.exit_code == 0
    found = json.loads(done.output)
    assert {row["code"] for row in found["tables"]["Your volumes"]} == {"99213", "97110"}
    assert found["headlines"][1].startswith("For your volumes 2026C pays $")


def test_a_code_that_is_not_known_is_told():
    done = diff("--code", "97110", "--code", "00000")
    assert done.exit_code == 1
    assert "Not in the fee schedule: 00000." in done.output


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["2019A", "2026C"], "2019A"),
        (["2025D", "2026C", "--locality", "99999-99"], "99999-99"),
        (["2025D", "2026C", "--zip", "00000"], "00000"),
        (["2025D", "2026C", "--code", "00000"], "No code of the list"),
        (["2025D", "2026C", "--out", "changes.docx"], "must end in .xlsx"),
        (["2025D", "2026C", "--out", "nowhere/changes.md"], "nowhere is not a folder"),
    ],
)
def test_what_cannot_be_understood(args, says):
    done = CliRunner().invoke(diff_command, args)
    assert isinstance(done.exception, FeecalcError)
    assert says in str(done.exception)


def test_a_history_is_one_row_a_release(opened):
    done = CliRunner().invoke(history_command, ["97110", "--zip", "35203", "--json"])
    assert done.exit_code == 0
    rows = json.loads(done.output)
    assert [row["release"] for row in rows] == opened.schedule.priceable()
    assert Decimal(rows[-1]["allowed"]) == Decimal("27.20")


def test_a_history_of_a_code_that_is_none():
    done = CliRunner().invoke(history_command, ["97353"])
    assert done.exit_code == 1
    assert "no loaded release has 97353. Near it: " in done.output


def test_a_history_is_of_one_place():
    done = CliRunner().invoke(history_command, ["97110", "--national", "--locality", "10112-00"])
    assert "Give one place" in str(done.exception)
