"""`feecalc check`: an 835 from the disk to its answer, exit codes and files."""

import datetime as dt
import json

import openpyxl
import polars as pl
import pytest
from analysis.x12_writer import Adjustment, Claim, Line, Payment, write
from click.testing import CliRunner

from feecalc.cli.check import check_command
from feecalc.errors import InputError

APRIL = dt.date(2026, 4, 10)


def line(code: str, allowed: int, paid: int, part: int, taken: int, modifiers: tuple[str, ...] = ()) -> Line:
    """A line of 300 dollars, paid as it is said."""
    adjustments = (("CO", "45", 30_000 - allowed), ("PR", "2", part), ("CO", "253", taken))
    return Line(
        code,
        30_000,
        paid,
        modifiers,
        dates=(("472", APRIL),),
        adjustments=tuple(Adjustment(*one) for one in adjustments),
        amounts=(("B6", allowed),),
    )


def claim(number: str, *lines: Line, **more) -> Claim:
    return Claim(number, sum(one.charge for one in lines), sum(one.paid for one in lines), lines=lines, **more)


@pytest.fixture
def remittance(opened, tmp_path):
    """A right visit, one at the facility rate, and a denial."""

    def paid(code: str, **given) -> Line:
        row = opened.price(code, date=APRIL, zip="35203", **given).row
        amounts = (row[f"_{name}"] for name in ("allowed", "coinsurance", "medicare_share", "sequestration"))
        allowed, part, share, taken = amounts
        return line(code, allowed, share - taken, part, taken)

    denied = Line("97110", 30_000, 0, ("GP",), dates=(("472", APRIL),), adjustments=(Adjustment("CO", "50", 30_000),))
    claims = (claim("A1", paid("99213")), claim("A2", paid("99214", setting="facility")), claim("A3", denied))
    path = tmp_path / "era.835"
    path.write_text(write([Payment(claims, date=dt.date(2026, 9, 1))]), encoding="ascii")
    return path


def run(*args: object):
    return CliRunner().invoke(check_command, [str(arg) for arg in args])


def test_the_card_and_the_exit_code(remittance):
    done = run(remittance, "--zip", "35203", "--today", "2026-11-23")
    assert done.exit_code == 1, done.output
    assert "Of 3 lines 3 could be compared" in done.output
    assert "1 match to the cent, 2 are explained" in done.output
    assert "Paid at the other setting's rate" in done.output
    assert "Denied: not found necessary" in done.output
    assert "DOE" not in done.output


def test_settings_change_what_is_expected(remittance):
    causes = {
        setting: json.loads(run(remittance, "--zip", "35203", "--setting", setting, "--json").stdout)["differences"]
        for setting in ("facility", "nonfacility")
    }
    assert [row["claim_id"] for row in causes["facility"]] == ["A1", "A3"]
    assert [row["claim_id"] for row in causes["nonfacility"]] == ["A2", "A3"]


def test_json_has_money_as_text_and_what_to_do(remittance):
    done = run(remittance, "--zip", "35203", "--json", "--today", "2026-11-23", "--by", "code")
    told = json.loads(done.stdout)
    assert told["lines_by_outcome"]["matches"] == 1
    assert {row["hcpcs"] for row in told["by_code"]} == {"99213", "99214", "97110"}
    first = told["worklist"][0]
    assert first["claim_id"] == "A2"
    assert float(first["dollars"]) == pytest.approx(-float(told["differences"][0]["difference"]))
    assert first["limit"] == "2026-12-30"
    assert told["differences"][0]["causes"] == "Paid at the other setting's rate"
    assert "DOE" not in done.stdout


def test_the_worklist_and_a_letter(remittance):
    done = run(remittance, "--zip", "35203", "--worklist", "--today", "2026-11-23")
    assert done.output.index("A2") < done.output.index("A3")
    told = run(remittance, "--zip", "35203", "--letter", "A2", "--today", "2026-11-23")
    assert "Request for a redetermination" in told.output
    assert "Our claim number: A2" in told.output


def test_files(remittance, tmp_path):
    book, table = tmp_path / "out.xlsx", tmp_path / "out.csv"
    assert run(remittance, "--zip", "35203", "--out", book).exit_code == 1
    assert "Worklist" in openpyxl.load_workbook(book).sheetnames
    run(remittance, "--zip", "35203", "--out", table)
    assert pl.read_csv(table)["outcome"].to_list() == ["matches", "explained", "explained"]


def test_the_worklist_as_a_file(remittance, tmp_path):
    table = tmp_path / "ask.csv"
    run(remittance, "--zip", "35203", "--worklist", "--today", "2026-11-23", "--out", table)
    back = pl.read_csv(table)
    assert back["claim_id"].to_list() == ["A2", "A3"]
    assert back["limit"].to_list() == ["2026-12-30", "2026-12-30"]
    assert back["action"][1] == "Ask for a redetermination"


def test_what_is_wrong_with_a_file_is_told_at_its_segment_and_stands_in_the_workbook(remittance, tmp_path):
    text = remittance.read_text()
    start = text.index("CAS*CO*45*")
    damaged = tmp_path / "damaged.835"
    damaged.write_text(text[:start] + text[start:].replace("*45*", "*45*1", 1))
    book = tmp_path / "out.xlsx"
    done = run(damaged, "--zip", "35203", "--out", book)
    segment = text[: text.rindex("SVC*", 0, start)].count("~") + 1
    assert f"damaged.835, segment or row {segment}: The line does not balance" in done.stderr
    listed = openpyxl.load_workbook(book)["How the files were read"]
    assert segment in [row[2] for row in listed.iter_rows(values_only=True)]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "one of ZIP, locality and state"),
        (("--zip", "35203", "--practitioner", "abc"), "1234567890=NP"),
        (("--zip", "35203", "--practitioner", "1234567890=ELF"), "ELF"),
        (("--zip", "35203", "--today", "tomorrow"), "is not a date"),
        (("--zip", "35203", "--letter", "B9"), "No claim"),
        (("--zip", "35203", "--out", "x.txt"), "must end in"),
    ],
)
def test_what_cannot_be_understood(remittance, args, says):
    done = run(remittance, *args)
    assert isinstance(done.exception, InputError)
    assert says in str(done.exception)


def test_the_kind_of_one_practitioner(opened, tmp_path):
    row = opened.price("99213", date=APRIL, zip="35203", provider_type="NP").row
    own = line(
        "99213", row["_allowed"], row["_medicare_share"] - row["_sequestration"], row["_coinsurance"], row["_sequestration"]
    )
    path = tmp_path / "era.835"
    path.write_text(write([Payment((claim("A1", own, rendering="1098765432"),))]), encoding="ascii")
    assert run(path, "--zip", "35203", "--practitioner", "1098765432=np").exit_code == 0
    assert run(path, "--zip", "35203").exit_code == 1


def test_tables_and_remittances_are_compared_together(remittance, tmp_path):
    table = tmp_path / "paper.csv"
    table.write_text("Claim,DOS,CPT,Charge,Allowed,Coins,Ins Pmt\nB1,2026-04-10,99213,300,1.00,0.20,0.80\n")
    told = json.loads(run(remittance, table, "--zip", "35203", "--all-payers", "--json").stdout)
    assert {row["claim_id"] for row in told["differences"]} == {"A2", "A3", "B1"}
    alone = run(table, "--national", "--all-payers", "--column", "paid=Coins", "--json")
    assert json.loads(alone.stdout)["differences"][0]["paid"] == "0.20"
    with pytest.raises(InputError, match="not both"):
        CliRunner().invoke(check_command, [str(table), "--national", "--zip", "35203"], catch_exceptions=False)
    nothing = tmp_path / "void.csv"
    nothing.write_text(" ")
    with pytest.raises(InputError, match=r"void\.csv is empty"):
        CliRunner().invoke(check_command, [str(nothing), "--zip", "35203"], catch_exceptions=False)
