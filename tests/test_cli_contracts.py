"""`feecalc contracts`: what it prints and writes, and its exit codes."""

import json
from decimal import Decimal

import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner

from feecalc.analysis.contracts_file import loads, sample
from feecalc.analysis.mix import samples
from feecalc.cli.contracts import contracts_command
from feecalc.errors import InputError, NotLoadedError

TERMS = """feecalc_contracts = 1
[[contract]]
payer = "Acme"
default = 110
same_day = false
[contract.fees]
"97161" = "100.00"
"""


def run(*args):
    return CliRunner().invoke(contracts_command, [str(arg) for arg in args])


@pytest.fixture
def clinic(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text("CPT,Qty,Plan,Charge,Paid\n99213,10,Acme,950.00,880.00\n97161,2,acme,240,\n99213,5,Medicare,500,444.75\n")
    return path


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "contracts.toml"
    path.write_text(TERMS)
    return path


def test_the_card(clinic, terms):
    """110 % of 88.95 is 97.85; charges of 95.00 are 2.85 below it, ten times."""
    result = run(clinic, "--contracts", terms, "--national", "--date", "2025-10-15")
    assert result.exit_code == 0, result.output
    for said in ("The contract allows $1,178.50", "of Medicare", "Acme", "no contract", "Charges below what the contract",
                 "97.85", "28.50", "paid percent", "110 % of Medicare", "Payers without a contract: Medicare",
                 "Compared with Medicare as of 2025-10-15", "Column read as payer: Plan"):  # fmt: skip
        assert said in result.stdout
    assert result.stderr == ""


def test_the_answer_in_json(clinic, terms):
    result = run(clinic, "--contracts", terms, "--national", "--year", 2025, "--json")
    answer = json.loads(result.stdout)
    payers = {row["payer"]: row for row in answer["payers"]}
    assert set(payers) == {"Acme", "Medicare"}
    assert payers["Acme"]["compared"] == "1178.50"
    assert payers["Medicare"]["paid_rate"] == "100.00"
    assert payers["Acme"]["paid_rate"] == "98.93"  # 880.00 of 889.50
    assert Decimal(answer["total"]["compared"]) == Decimal("1178.50")
    assert {row["code"]: row["rate"] for row in answer["codes"]}["99213"] == "110.01"
    assert answer["low_charges"][0]["left"] == "28.50"
    assert answer["columns"]["units"] == "Qty"
    assert {row["volume"] for row in answer["across"]} == {"All volume", "Acme"}
    assert answer["unpriced"] == answer["rejects"] == []


def test_the_samples_together():
    for path in samples().values():
        result = run(path, "--contracts", sample(), "--zip", "35203", "--year", 2026)
        assert result.exit_code == 1  # each sample leaves a contract without volume
        assert "compared" in result.stdout
        assert "No row of the file names" in result.stdout


def test_the_sample_to_start_from():
    result = run("--sample")
    assert result.exit_code == 0
    assert len(loads(result.stdout)) == 3


def test_a_workbook_of_all_tables(clinic, terms, tmp_path):
    clinic.write_text("CPT,Qty,Plan,Charge\n99213,10,Acme,950.00\n99499,1,Acme,20\n97010,1,\"=cmd|'/C calc'!A0\",5\n")
    out = tmp_path / "out.xlsx"
    result = run(clinic, "--contracts", terms, "--national", "--year", 2025, "--out", out)
    assert result.exit_code == 0, result.output
    assert "Written to" in result.stderr
    assert "99499, 1 units, cannot be priced: Contractor-priced" in result.stderr
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["Payers", "Percent by code", "Dollars by code", "Codes", "Families", "Each contract everywhere",
                               "Charges too low", "Not priced", "Sources"]  # fmt: skip
    cells = {cell.value for page in book for row in page.iter_rows() for cell in row}
    assert {"Acme", "99213", 110.01, 978.5, "=cmd|'/C calc'!A0"} <= cells
    assert all(cell.data_type != "f" for page in book for row in page.iter_rows() for cell in row)
    for ending in ("csv", "parquet"):
        run(clinic, "--contracts", terms, "--national", "--year", 2025, "--out", tmp_path / f"out.{ending}")
    assert pl.read_parquet(tmp_path / "out.parquet")["code"].to_list() == ["99213", "99499"]
    assert (tmp_path / "out.csv").read_text().startswith("code,family,payer")


def test_a_payers_own_fee_schedule(clinic, terms, tmp_path):
    fees = tmp_path / "fees.csv"
    fees.write_text("CPT,Allowed\n99213,90.00\n")
    alone = json.loads(run(clinic, "--fees", f"Acme={fees}", "--national", "--year", 2025, "--json").stdout)
    assert alone["total"]["compared"] == "900.00"
    assert [row["reason"] for row in alone["unpriced"]] == ["no_rate"]
    added = run(clinic, "--contracts", terms, "--fees", f"ACME={fees}", "--national", "--year", 2025)
    assert "The contract allows $1,100.00" in added.stdout
    assert "1 fees read from fees.csv" in added.stdout


def test_exit_codes(clinic, terms, tmp_path):
    unpriced = tmp_path / "unpriced.csv"
    unpriced.write_text("CPT,Qty,Plan\n99213,1,Acme\n97111,4,Acme\n97140,x,Acme\n")
    result = run(unpriced, "--contracts", terms, "--year", 2025)
    assert result.exit_code == 1
    assert "row 4, column Qty: not a number of units ('x')" in result.stderr
    assert "Acme: 97111, 4 units, cannot be priced: The release has no such code. (rows 3)" in result.stderr
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(TERMS.replace("default", "defalt"))
    for args, says in (
        ([], "what payers agreed to"),
        (["--contracts", wrong, "--year", 2025], "wrong.toml: contract 1 (Acme) has 'defalt'"),
        (["--contracts", terms], "names no dates"),
        (["--contracts", terms, "--year", 2031], "Loaded years"),
        (["--contracts", terms, "--date", "soon"], "not a date"),
        (["--contracts", terms, "--year", 2025, "--date", "2025-01-01"], "not both"),
        (["--contracts", terms, "--year", 2025, "--national", "--zip", "35203"], "not both"),
        (["--contracts", terms, "--year", 2025, "--column", "Plan"], "no two sides"),
        (["--fees", "fees.csv", "--year", 2025], "no two sides"),
        (["--fees", "Acme=none.csv", "--year", 2025], "not a file"),
        (["--contracts", terms, "--year", 2025, "--out", "x.doc"], "must end in"),
    ):
        result = run(clinic, *args)
        assert isinstance(result.exception, InputError | NotLoadedError), args
        assert says in str(result.exception)


def test_a_file_without_charges_or_payments_has_no_empty_columns(tmp_path, terms):
    path = tmp_path / "clinic.csv"
    path.write_text("CPT,Qty,Plan,Month\n97110,10,Acme,2025-03\n97530,10,Acme,2025-03\n")
    result = run(path, "--contracts", terms, "--national", "--units-per-visit", 2, "--codes-per-visit", 1)
    assert result.exit_code == 0, result.output
    header = next(line for line in result.stdout.splitlines() if line.startswith("payer"))
    assert "at least" in header  # the contract pays each unit in full, Medicare does not
    assert not any(word in header for word in ("paid", "beyond", "not priced"))
    assert "The file has no charges" in result.stdout
    assert "Compared with Medicare of each row's own date or month." in result.stdout
