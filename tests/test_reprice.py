"""`feecalc reprice` from file to file: the same answers whatever the batch, every row once, and nothing half-written."""

import datetime as dt
import json
import random
from decimal import Decimal

import polars as pl
import pytest
from click.testing import CliRunner
from reference.claims import random_claims

from feecalc import claims, export
from feecalc.claims import reprice
from feecalc.cli import cli
from feecalc.errors import InputError
from feecalc.pricing.lines import ADDED

HEADER = "claim_id,line,service_date,hcpcs,modifiers,units,locality,charge\n"
GOOD = "A,1,2025-10-15,99213,,1,10112-00,\n"


def frame_of(opened, count=60, seed=3):
    """Random claims as a frame in dollars, with blank claims, missing line numbers and a column that nobody knows."""
    lines = random_claims(opened.schedule, count, seed)
    chance = random.Random(seed)
    for number, line in enumerate(lines):
        for name in ("charge", "deductible_left"):
            if line.get(name) is not None:
                line[name] = f"{Decimal(line[name]) / 100:.2f}"
        line["line"] = None if chance.random() < 0.1 else line["line"]
        line["note"] = f"row {number}"
    return pl.DataFrame(lines, infer_schema_length=None)


@pytest.fixture(scope="module")
def lines(opened):
    return frame_of(opened)


@pytest.fixture(scope="module")
def shuffled(lines):
    return lines.sample(fraction=1, shuffle=True, seed=5)


def settled(frame):
    """A priced frame as a csv file gives it back: no flags are an empty field."""
    return frame.with_columns(pl.col("flags").replace("", None))


def run(source, target, *options):
    return CliRunner().invoke(cli, ["reprice", str(source), "--out", str(target), *options])


def from_csv(opened, tmp_path, content, out="out.csv", **options):
    source = tmp_path / "claims.csv"
    source.write_text(content, encoding="utf-8")
    summary = reprice(source, tmp_path / out, opened, **options)
    read = pl.read_csv if out.endswith("csv") else pl.read_parquet
    return summary, read(tmp_path / out, **({"infer_schema": False} if out.endswith("csv") else {}))


def rejects(tmp_path):
    return pl.read_csv(tmp_path / "out.rejects.csv").rows()


# The same whatever the batch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 7, 1000, 1_000_000])
@pytest.mark.parametrize("order", ["lines", "shuffled"])
def test_every_batch_size_gives_what_pricing_the_whole_frame_gives(opened, tmp_path, request, order, batch):
    frame = request.getfixturevalue(order)
    if batch == 1:
        frame = frame.head(60)
    frame.write_parquet(tmp_path / "claims.parquet")
    summary = reprice(tmp_path / "claims.parquet", tmp_path / "out.parquet", opened, batch=batch)
    result = pl.read_parquet(tmp_path / "out.parquet")
    assert settled(result).equals(settled(opened.price_lines(frame)))
    assert summary.lines == frame.height == sum(summary.outcomes.values())
    assert summary.allowed == result["allowed"].sum()


@pytest.mark.parametrize("batch", [7, 1000])
def test_a_csv_streams_to_the_same_answers(opened, tmp_path, monkeypatch, shuffled, batch):
    monkeypatch.setattr(claims.delimited, "BLOCK", 500)
    shuffled.write_csv(tmp_path / "claims.csv")
    reprice(tmp_path / "claims.csv", tmp_path / "out.csv", opened, batch=batch)
    whole = pl.read_csv(export.csv_bytes(opened.price_lines(shuffled)), infer_schema=False)
    assert settled(pl.read_csv(tmp_path / "out.csv", infer_schema=False)).equals(settled(whole))


def test_a_file_is_never_read_whole(opened, tmp_path, monkeypatch, lines):
    monkeypatch.setattr(claims.delimited, "BLOCK", 500)
    lines.write_csv(tmp_path / "claims.csv")
    seen = []
    price = opened.answers
    monkeypatch.setattr(opened, "answers", lambda frame, explain=False: (seen.append(frame.height), price(frame, explain))[1])
    reprice(tmp_path / "claims.csv", tmp_path / "out.parquet", opened, batch=20)
    assert max(seen) < 40
    assert sum(seen) == lines.height + 1  # a blank line tells the columns


def test_lines_of_a_claim_that_are_far_apart_are_priced_together(opened, tmp_path):
    filler = "".join(f"F{i},1,2025-10-15,99213,,1,10112-00,\n" for i in range(9))
    therapy = "T,{},{},97110,GP,1,10112-00,\n"
    content = HEADER + therapy.format(1, "2025-10-15") + filler + therapy.format(2, "10/15/2025")
    summary, result = from_csv(opened, tmp_path, content, batch=2)
    together, first, second = opened.price_day(["97110-GPx2"], locality="10112-00", date="2025-10-15"), result[0], result[10]
    assert Decimal(first["allowed"][0]) + Decimal(second["allowed"][0]) == together.quotes[0].allowed
    assert first["allowed"][0] != second["allowed"][0]
    assert summary.repairs["dates read as month/day/year"] == 1


def test_progress_is_told_for_every_line_once(opened, tmp_path, shuffled):
    shuffled.write_parquet(tmp_path / "claims.parquet")
    heard = []
    reprice(
        tmp_path / "claims.parquet", tmp_path / "o.csv", opened, batch=50, progress=lambda done, of: heard.append((done, of))
    )
    assert heard == sorted(heard)
    assert heard[-1] == (shuffled.height, shuffled.height)


# Grouping ---------------------------------------------------------------------------------------------------------------


def test_group_by_prices_a_patients_day_together(opened, tmp_path):
    head = "patient_id,Billing NPI,service_date,hcpcs,modifiers,locality\n"
    rows = [f"{p},{n},2025-10-15,97110,GP,10112-00\n" for p, n in ((1, 5), (2, 5), (1, 5), (1, 6), ("", 5), ("", 5))]
    summary, result = from_csv(opened, tmp_path, head + "".join(rows), group_by=["patient_id", "billing_npi"])
    alone, reduced = "26.83", result["allowed"][2]
    assert result["allowed"].to_list() == [alone, alone, reduced, alone, alone, alone]
    assert reduced != alone
    assert result.columns == ["patient_id", "Billing NPI", "service_date", "hcpcs", "modifiers", "locality", *ADDED]
    assert any(note.startswith("2 lines have no patient_id or no Billing NPI") for note in summary.notes)


def test_a_group_column_that_is_not_there_is_named(tmp_path):
    (tmp_path / "c.csv").write_text(HEADER + GOOD)
    done = run(tmp_path / "c.csv", tmp_path / "out.csv", "--group-by", "patient_id")
    assert isinstance(done.exception, InputError)
    assert "no column 'patient_id' to group by" in str(done.exception)
    assert not (tmp_path / "out.csv").exists()


# Rejects ----------------------------------------------------------------------------------------------------------------


def test_every_bad_value_is_listed_and_its_line_comes_out(opened, tmp_path):
    bad = [
        ("A,1,soon,99213,,1,10112-00,", "service_date", "service_date"),
        ("B,1,,99213,,1,10112-00,", "service_date", "service_date"),
        ("C,1,2025-10-15,99213-25,,1,10112-00,", "hcpcs", "unknown_code"),
        ("D,1,2025-10-15,,,1,10112-00,", "hcpcs", "unknown_code"),
        ("E,1,2025-10-15,99213,,0,10112-00,", "units", "units"),
        ("F,1,2025-10-15,99213,,1.5,10112-00,", "units", "units"),
        ("G,1,2025-10-15,99213,,two,10112-00,", "units", "units"),
        ("H,1,2025-10-15,99213,,1,10112-00,-5", "charge", "charge"),
        ('I,1,2025-10-15,99213,,1,10112-00,"12,50"', "charge", "charge"),
        ("J,1,2025-10-15,99213,GP KX 59 76 77,1,10112-00,", "modifiers", "too_many_modifiers"),
    ]
    content = HEADER + GOOD + "".join(line + "\n" for line, _, _ in bad) + GOOD.replace("A", "Z")
    summary, result = from_csv(opened, tmp_path, content)
    assert result["reason"].to_list() == [None, *(reason for _, _, reason in bad), None]
    assert result["outcome"].to_list() == ["priced", *["cannot_price"] * len(bad), "priced"]
    assert [row[:2] for row in rejects(tmp_path)] == [(number, column) for number, (_, column, _) in enumerate(bad, 3)]
    assert summary.rejected_lines == len(bad)
    assert summary.rejects == tmp_path / "out.rejects.csv"


def test_unreadable_minutes_leave_anesthesia_without_a_price(opened, tmp_path):
    head = "claim_id,service_date,hcpcs,modifiers,locality,minutes\n"
    row = "A,2025-10-15,00100,AA,10112-00,{}\n"
    _, result = from_csv(opened, tmp_path, head + row.format(60) + row.format("an hour"))
    assert result["reason"].to_list() == [None, "anesthesia_minutes"]
    assert rejects(tmp_path) == [(3, "minutes", "an hour", "not a whole number of minutes")]


def test_what_has_no_reason_of_its_own_is_told_with_what_it_was_read_as(opened, tmp_path):
    head = "claim_id,service_date,hcpcs,locality,qp,deductible_left\n"
    _, result = from_csv(opened, tmp_path, head + "A,2025-10-15,99213,10112-00,maybe,some\n")
    assert result["deductible"].to_list() == ["0.00"]
    assert [row[3][-12:] for row in rejects(tmp_path)] == ["; read as no", "read as 0.00"]


def test_dates_in_a_column_with_day_first_are_not_guessed(opened, tmp_path):
    rows = [GOOD.replace("2025-10-15", date) for date in ("10/11/2025", "13/10/2025", "2025-10-15")]
    for batch in (1, 100):
        summary, result = from_csv(opened, tmp_path, HEADER + "".join(rows), batch=batch)
        assert result["reason"].to_list() == ["service_date", "service_date", None]
        assert [row[0] for row in rejects(tmp_path)] == [2, 3]
        assert not summary.repairs


def test_us_dates_are_told(opened, tmp_path):
    rows = [GOOD.replace("2025-10-15", date) for date in ("10/11/2025", "1/2/25", "10/15/2025 0:00", "2025-10-15")]
    summary, result = from_csv(opened, tmp_path, HEADER + "".join(rows))
    assert result["outcome"].to_list() == ["priced"] * 4
    assert summary.repairs == {"dates read as month/day/year": 3}


def test_rejects_go_away_when_there_are_none(opened, tmp_path):
    (tmp_path / "claims.csv").write_text(HEADER + GOOD.replace("99213", "9.9"))
    done = run(tmp_path / "claims.csv", tmp_path / "out.csv")
    assert done.exit_code == 1
    assert "Rejected: 1 lines" in done.stderr
    assert (tmp_path / "out.rejects.csv").exists()
    (tmp_path / "claims.csv").write_text(HEADER + GOOD)
    assert run(tmp_path / "claims.csv", tmp_path / "out.csv").exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["claims.csv", "out.csv"]


def test_rows_of_a_parquet_file_count_from_one(opened, tmp_path):
    pl.DataFrame({"hcpcs": ["99213", "?"], "service_date": [dt.date(2025, 10, 15)] * 2}).write_parquet(tmp_path / "c.parquet")
    reprice(tmp_path / "c.parquet", tmp_path / "out.csv", opened)
    assert rejects(tmp_path)[0][0] == 2


# Repairs, duplicates, summary -------------------------------------------------------------------------------------------


def test_what_a_spreadsheet_did_is_mended_and_told(opened, tmp_path):
    head = "Claim ID,Line,Service Date,CPT,Mod1,Mod2,Units,MAC,Locality,POS,Charge\n"
    row = '7,1,10/15/25,97110.0,GP,,2.0,1112,5,2,"$1,000.00"\n'
    summary, result = from_csv(opened, tmp_path, head + row)
    expected = opened.price("97110", units=2, modifiers="GP", locality="01112-05", date="2025-10-15", pos="02")
    assert result["allowed"].to_list() == [str(expected.allowed)]
    assert sum(summary.repairs.values()) == 6
    said = summary.text()
    assert "Column read as hcpcs: CPT" in said
    assert "Repaired: 1 codes that a spreadsheet had made numbers (99213.0)" in said
    assert result["MAC"].to_list() == ["1112"]  # the file's own columns stay as they are


def test_a_zip_without_its_zero(opened, tmp_path):
    _, result = from_csv(opened, tmp_path, "hcpcs,service_date,zip\n99213,2025-10-15,2139\n99213,2025-10-15,02139\n")
    assert result["allowed"].n_unique() == 1
    assert result["outcome"].to_list() == ["priced"] * 2


@pytest.mark.parametrize("batch", [1, 100])
def test_duplicates_are_priced_and_told_with_their_rows(opened, tmp_path, batch):
    other = GOOD.replace("A,1", "A,2")
    summary, result = from_csv(opened, tmp_path, HEADER + GOOD + other + GOOD + GOOD.replace("A,", ","), batch=batch)
    assert result["outcome"].to_list() == ["priced"] * 4
    assert (summary.duplicates, summary.duplicate_rows) == (2, [(2, 4)])
    assert "rows 2 and 4" in summary.text()


def test_the_command_says_what_became_of_the_file_and_no_value_of_it(tmp_path):
    (tmp_path / "claims.csv").write_text(HEADER + GOOD.replace("A,", "SECRET,") + GOOD.replace("99213", "97010"))
    done = run(tmp_path / "claims.csv", tmp_path / "out.csv")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[0] == "2 lines: 1 priced, 1 zero, 0 cannot_price; allowed $81.86 in all"
    assert "SECRET" not in done.stderr


# Kinds of files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
@pytest.mark.parametrize("source", ["csv", "parquet", "xlsx"])
def test_every_kind_of_file_to_every_other(opened, tmp_path, source, ending):
    frame = pl.DataFrame(
        {"hcpcs": ["99213", "97110"], "service_date": [dt.date(2025, 10, 15)] * 2, "locality": ["10112-00"] * 2}
    )
    export.write(frame, tmp_path / f"claims.{source}")
    reprice(tmp_path / f"claims.{source}", tmp_path / f"out.{ending}", opened)
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "xlsx": pl.read_excel}[ending](tmp_path / f"out.{ending}")
    assert [round(float(value), 2) for value in read["allowed"]] == [81.86, 26.83]
    assert read.columns == [*frame.columns, *ADDED]


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_file_of_only_a_header_gives_a_file_of_only_a_header(opened, tmp_path, ending):
    (tmp_path / "claims.csv").write_text(HEADER)
    summary = reprice(tmp_path / "claims.csv", tmp_path / f"out.{ending}", opened)
    assert summary.lines == 0
    assert summary.text().startswith("0 lines: 0 priced")
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "xlsx": pl.read_excel}[ending](tmp_path / f"out.{ending}")
    assert read.columns == [*HEADER.strip().split(","), *ADDED]
    assert read.is_empty()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_explained(opened, tmp_path, ending):
    _, result = from_csv(opened, tmp_path, HEADER + GOOD + GOOD.replace("99213", "97010"), out=f"out.{ending}", explain=True)
    assert "trace" in result.columns
    traces = [json.loads(text) for text in result["trace"]] if ending == "csv" else result["trace"].to_list()
    assert traces[0]
    assert traces[0][-1]["to"] == "81.86"
    assert traces[1] == []


# What stops before anything is written ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "0 bytes"),
        ("code,units\n99213,1\n", "no column 'hcpcs'. It has: code, units"),
        ("hcpcs,Allowed\n99213,1\n", "Rename these columns first, feecalc writes them itself: Allowed"),
        ("hcpcs,a\n99213,1\n99213,1,2\n", "row 3"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path, content, says):
    (tmp_path / "claims.csv").write_text(content)
    (tmp_path / "out.parquet").write_text("an older answer")
    done = run(tmp_path / "claims.csv", tmp_path / "out.parquet")
    assert isinstance(done.exception, InputError)
    assert says in str(done.exception)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["claims.csv", "out.parquet"]
    assert (tmp_path / "out.parquet").read_text() == "an older answer"


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_failure_in_the_middle_leaves_nothing_behind(opened, tmp_path, monkeypatch, ending):
    (tmp_path / "claims.csv").write_text(HEADER + GOOD * 5 + "x" + GOOD.replace("99213", "bad"))
    calls = []
    price = opened.answers

    def fail(frame, explain=False):
        calls.append(frame.height)
        if len(calls) == 3:
            raise MemoryError("no more")
        return price(frame, explain)

    monkeypatch.setattr(opened, "answers", fail)
    with pytest.raises(MemoryError):
        reprice(tmp_path / "claims.csv", tmp_path / f"out.{ending}", opened, batch=1)
    assert [p.name for p in tmp_path.iterdir()] == ["claims.csv"]


def test_too_many_rows_for_a_worksheet_are_refused_before_pricing(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "XLSX_ROWS", 2)
    (tmp_path / "claims.csv").write_text(HEADER + GOOD * 3)
    with pytest.raises(InputError, match="3 rows do not fit a worksheet of 2"):
        reprice(tmp_path / "claims.csv", tmp_path / "out.xlsx", opened)


def test_names_that_cannot_be_written(opened, tmp_path):
    source = tmp_path / "claims.csv"
    source.write_text(HEADER + GOOD)
    for target, says in [
        (tmp_path / "out.txt", "must end in"),
        (tmp_path / "none" / "out.csv", "is not a folder"),
        (source, "is the claims file itself"),
    ]:
        with pytest.raises(InputError, match=says):
            reprice(source, target, opened)
    source.rename(tmp_path / "out.rejects.csv")
    with pytest.raises(InputError, match="is the claims file itself"):
        reprice(tmp_path / "out.rejects.csv", tmp_path / "out.csv", opened)


def test_a_damaged_parquet_file(opened, tmp_path, lines):
    lines.write_parquet(tmp_path / "claims.parquet")
    content = (tmp_path / "claims.parquet").read_bytes()
    (tmp_path / "claims.parquet").write_bytes(content[:200] + bytes(2000) + content[2200:])
    with pytest.raises(InputError, match=r"cannot be read as parquet"):
        reprice(tmp_path / "claims.parquet", tmp_path / "out.csv", opened)
    assert [p.name for p in tmp_path.iterdir()] == ["claims.parquet"]


def test_lists_need_parquet(opened, tmp_path):
    frame = pl.DataFrame({"hcpcs": ["99213"], "codes": [["a", "b"]]})
    frame.write_parquet(tmp_path / "claims.parquet")
    with pytest.raises(InputError, match="the lists of codes"):
        reprice(tmp_path / "claims.parquet", tmp_path / "out.csv", opened)
    reprice(tmp_path / "claims.parquet", tmp_path / "out.parquet", opened)
    assert pl.read_parquet(tmp_path / "out.parquet")["codes"].to_list() == [["a", "b"]]
