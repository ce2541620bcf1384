"""KX and medical-review thresholds: the yearly table, running totals by pool, and history files."""

import datetime as dt
import tomllib
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from feecalc import policy
from feecalc.errors import InputError
from feecalc.thresholds import KX, REVIEW, Line, Running, kx, notes, pool_of, pools, read_history, review, totals

# One visit: 97530 x1, 97110 x2, 97140 x1 at 2026's national non-QP amounts, by the line: 35.07 + 44.42 + 21.21 = 100.70.
VISIT = [Line(1, "PT", "35.07"), Line(2, "PT", "44.42"), Line(3, "PT", "21.21")]


# The table ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "amount", "standing"),
    [
        (2018, "2010.00", "assumed"),
        (2019, "2040.00", "assumed"),
        (2020, "2080.00", "assumed"),
        (2021, "2110.00", "assumed"),
        (2022, "2150.00", "sourced"),
        (2023, "2230.00", "sourced"),
        (2024, "2330.00", "sourced"),
        (2025, "2410.00", "secondary"),
        (2026, "2480.00", "sourced"),
    ],
)
def test_the_kx_threshold_of_each_year(year, amount, standing):
    found = kx(year)
    assert (found.kind, found.year, found.amount, found.standing) == (KX, year, Decimal(amount), standing)
    assert found.source
    assert str(year) in found.sentence


@pytest.mark.parametrize("year", [2000, 2017, 2027, 2030])
def test_a_year_without_a_value_is_not_known(year):
    assert kx(year).cents is None
    assert kx(year).amount is None
    assert "not known" in kx(year).sentence


def test_the_review_threshold_and_its_disputed_end():
    for year in (2018, 2026, 2027):
        assert review(year).amount == Decimal("3000.00")
        assert review(year).standing == "secondary"
        assert "2027 or 2028" in review(year).sentence
    assert review(2028).cents is None
    assert "2027 or 2028" in review(2028).sentence
    assert review(2017).cents is None
    assert review(2029).cents is None
    assert (review(2026).kind, kx(2026).kind) == (REVIEW, KX)


def test_the_policy_is_whole():
    table = tomllib.loads((policy.FOLDER / "thresholds.toml").read_text(encoding="utf-8"))
    years = [entry["year"] for entry in table["kx"]]
    assert years == list(range(years[0], years[0] + len(years))), "no year is left out between the first and the last"
    for entry in [*table["kx"], *table["review"], *table["note"].values()]:
        assert entry["source"].strip()
        assert entry["standing"] in policy.STANDINGS
    pooled = [name for pool in table["pool"] for name in pool["disciplines"]]
    assert sorted(pooled) == sorted(entry["name"] for entry in policy.load("therapy_codes")["discipline"])


def test_what_is_not_verified_is_said():
    said = {note.sentence: note.standing for note in notes()}
    unsure = [sentence for sentence in said if "CQ or CO" in sentence]
    assert len(unsure) == 1
    assert "not verified" in unsure[0]
    assert said[unsure[0]] == "assumed"
    assert any("before Medicare's 80 percent" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("words", "pool"),
    [("PT", "pt_slp"), ("slp", "pt_slp"), ("GP", "pt_slp"), ("GN", "pt_slp"), ("ST", "pt_slp"), (" ot ", "ot"), ("GO", "ot")],
)
def test_pools_by_discipline_or_modifier(words, pool):
    assert pool_of(words).name == pool
    assert pool_of(pool) in pools()


@pytest.mark.parametrize("words", ["", "AUD", "CQ", "PTA"])
def test_what_is_no_therapy_discipline(words):
    with pytest.raises(InputError, match="PT, OT or SLP"):
        pool_of(words)
    with pytest.raises(InputError, match="PT, OT or SLP"):
        Running(2026, words)


# A visit --------------------------------------------------------------------------------------------------------------------


def test_a_visit_below_the_threshold():
    total = Running.of_amount(2026, "PT", "2000").visit(VISIT)
    assert (total.before, total.visit, total.after) == (Decimal("2000.00"), Decimal("100.70"), Decimal("2100.70"))
    assert total.kx.above is False
    assert total.kx.above_before is False
    assert total.needs_kx == ()
    assert total.kx.first_line is None
    assert total.kx.left == Decimal("379.30")  # 2,480.00 - 2,100.70
    # 2,000 + 4 x 100.70 = 2,402.80 is not above 2,480, + 5 x 100.70 = 2,503.50 is
    assert total.kx.visits == 5
    assert "5th" in total.kx.sentence
    assert "$379.30" in total.kx.sentence
    assert total.review.visits == 10  # 2,000 + 9 x 100.70 = 2,906.30; the tenth comes to 3,007.00
    assert total.review.left == Decimal("899.30")


def test_the_line_that_crosses_needs_kx_and_those_after_it():
    # 2,420 + 35.07 = 2,455.07 is not above; + 44.42 = 2,499.49 is; + 21.21 = 2,520.70 is
    total = Running.of_amount(2026, "PT", "2420").visit(VISIT)
    assert total.needs_kx == (2, 3)
    assert total.kx.first_line == 2
    assert total.kx.visits == 1
    assert total.kx.left == Decimal("0.00")
    assert "from line 2 on" in total.kx.sentence
    assert total.review.above is False


def test_a_total_equal_to_the_threshold_is_not_above():
    exactly = Running.of_amount(2026, "PT", "2379.30").visit(VISIT)
    assert exactly.after == Decimal("2480.00")
    assert exactly.needs_kx == ()
    assert exactly.kx.left == Decimal("0.00")
    assert exactly.kx.visits == 2
    a_cent_more = Running.of_amount(2026, "PT", "2379.31").visit(VISIT)
    assert a_cent_more.needs_kx == (3,)


def test_already_above_every_line_needs_kx():
    total = Running.of_amount(2026, "PT", "2990").visit(VISIT)
    assert total.needs_kx == (1, 2, 3)
    assert total.kx.visits == 0
    assert total.kx.above_before
    assert "already" in total.kx.sentence
    assert total.review.first_line == 1  # 2,990 + 35.07 = 3,025.07
    assert total.review.visits == 1
    assert "medical review" in total.review.sentence


def test_the_visits_foretold_are_those_that_counting_finds():
    for before in range(0, 3200, 97):
        for visit in ("0.01", "20", "97.39", "100.70", "2480", "2480.01"):
            running = Running.of_amount(2026, "OT", str(before))
            found = running.visit([Line(1, "OT", visit)]).kx.visits
            if visit == "0.01":
                assert found == (248_000 - before * 100 + 1 if before <= 2480 else 0)
                continue
            total, counted = Decimal(before), 0
            while total <= 2480:
                total += Decimal(visit)
                counted += 1
            assert found == counted, (before, visit)


def test_a_visit_of_nothing_never_crosses():
    total = Running.of_amount(2026, "PT", "100").visit([])
    assert total.kx.visits is None
    assert total.after == Decimal("100.00")
    assert total.kx.sentence.startswith("$2,380.00 left")


def test_a_year_without_a_threshold_foretells_nothing():
    total = Running.of_amount(2027, "PT", "2990").visit(VISIT)
    assert total.kx.above is None
    assert total.kx.left is None
    assert total.kx.visits is None
    assert total.needs_kx is None
    assert "not known" in total.kx.sentence
    assert total.review.above is True, "the review threshold of 2027 is known all the same"


def test_pt_and_slp_share_one_total_and_ot_has_its_own():
    lines = [Line(1, "GP", "40"), Line(2, "OT", "30"), Line(3, "GN", "60"), Line(4, "GO", "5")]
    running = [Running.of_amount(2026, "PT", "2400"), Running.of_amount(2026, "OT", "2450")]
    found = totals(lines, running)
    assert set(found) == {"pt_slp", "ot"}
    assert found["pt_slp"].after == Decimal("2500.00")
    assert found["pt_slp"].needs_kx == (3,)  # 2,440 after line 1, 2,500 after line 3
    assert found["ot"].after == Decimal("2485.00")
    assert found["ot"].needs_kx == (4,)  # 2,480 exactly after line 2


def test_a_pool_without_a_total_is_asked_for_and_years_do_not_mix():
    with pytest.raises(InputError, match="ot; give 0"):
        totals([Line(1, "OT", "30")], [Running.of_amount(2026, "PT")])
    with pytest.raises(InputError, match="several years"):
        totals([], [Running.of_amount(2026, "PT"), Running.of_amount(2025, "OT")])


@pytest.mark.parametrize("amount", ["", "abc", "97,39", "1e3", "(28.79)", "28.791", "NaN", "-5"])
def test_amounts_that_are_none(amount):
    with pytest.raises(InputError, match="allowed so far"):
        Running.of_amount(2026, "PT", amount)
    with pytest.raises(InputError, match="line 7"):
        Running.of_amount(2026, "PT").visit([Line(7, "PT", amount)])


def test_amounts_as_people_write_them():
    assert Running.of_amount(2026, "PT", "$2,400.50").allowed == Decimal("2400.50")
    assert Running.of_amount(2026, "PT", Decimal("2400.5")).cents == 240_050


def test_as_json():
    found = Running.of_amount(2026, "PT", "2420").visit(VISIT).as_dict()
    assert found["pool"] == "pt_slp"
    assert found["kx"]["lines"] == [2, 3]
    assert found["kx"]["threshold"] == Decimal("2480.00")
    assert found["review"]["standing"] == "secondary"


# History files --------------------------------------------------------------------------------------------------------------


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_a_history_of_csv(tmp_path):
    path = write(
        tmp_path / "past.csv",
        'date,discipline,allowed\n2026-01-05,PT,97.39\n2026-01-07,SLP,"$1,000.00"\n2026-02-01,OT,50\n2025-12-30,PT,80\n',
    )
    history = read_history(path, 2026)
    assert history.allowed("PT") == history.allowed("SLP") == Decimal("1097.39")
    assert history.allowed("OT") == Decimal("50.00")
    assert history.counted == 3
    assert history.other_years == {2025: 1}
    assert history.problems == ()
    assert any("1 row of 2025 left out" in note for note in history.notes)
    assert any("same patient" in note for note in history.notes)
    assert Running.of_history(history, "SLP") == Running(2026, "pt_slp", 109_739)
    assert Running.of_history(history, "OT").visit([Line(1, "OT", "1")]).after == Decimal("51.00")


def test_only_what_came_before_the_visit_counts():
    content = b"date,discipline,allowed\n2026-01-05,PT,97.39\n2026-02-01,PT,50\n2026-03-01,OT,20\n"
    history = read_history(Path("past.csv"), 2026, before=dt.date(2026, 2, 1), content=content)
    assert history.so_far == {"PT": "97.39", "OT": "0.00"}
    assert (history.counted, history.later) == (1, 2)
    assert "2 rows of 2026-02-01 or later left out: only what came before that day counts." in history.notes


def test_modifiers_in_place_of_a_discipline(tmp_path):
    path = write(
        tmp_path / "past.csv",
        "Date of Service;Modifier1;Modifier 2;Allowed Amount\n1/5/2026;KX;GP;97.39\n01/06/26;GO-CO;;20\n20260107;59 GN;;5\n",
    )
    history = read_history(path, 2026)
    assert history.problems == ()
    assert (history.allowed("PT"), history.allowed("OT")) == (Decimal("102.39"), Decimal("20.00"))


def test_every_bad_row_is_reported_and_the_rest_is_kept(tmp_path):
    rows = [
        "date,discipline,modifiers,allowed",  # row 1
        "2026-01-05,PT,GP,10",
        "yesterday,PT,GP,10",  # 3
        "2026-13-05,PT,GP,10",  # 4
        "2026-01-05,DC,,10",  # 5
        "2026-01-05,,59,10",  # 6
        "2026-01-05,PT,GO,10",  # 7
        "2026-01-05,,GP GN,10",  # 8
        "2026-01-05,PT,GP,ten",  # 9
        "2026-01-05,PT,GP,",  # 10
        ",,,",  # nothing
        "2026-01-05,PT,GP,1,234.50",  # 12
        "Total,,,1234.50",  # 13
        "2026-01-06,OT,,20",
        "2026-01-07,OT,,-5",
        ",,,",
    ]
    history = read_history(write(tmp_path / "past.csv", "\n".join(rows)), 2026)
    assert [problem.row for problem in history.problems] == [3, 4, 5, 6, 7, 8, 9, 10, 12, 13]
    assert [problem.column for problem in history.problems[:3]] == ["date", "date", "discipline"]
    assert all(problem.file == "past.csv" for problem in history.problems)
    assert (history.allowed("PT"), history.allowed("OT")) == (Decimal("10.00"), Decimal("15.00"))
    assert history.counted == 3
    assert any("1 row without anything" in note for note in history.notes)
    assert any("1 row with an amount below 0" in note for note in history.notes)


def test_a_decimal_comma_is_no_thousands_comma(tmp_path):
    history = read_history(write(tmp_path / "past.csv", "date;discipline;allowed\n2026-01-05;PT;97,39\n"), 2026)
    assert history.allowed("PT") == Decimal("0.00")
    assert [problem.value for problem in history.problems] == ["97,39"]


def test_letters_of_windows_and_blank_lines_above_the_header(tmp_path):
    text = "\r\n\r\ndate,discipline,allowed,name\r\n2026-01-05,PT,10,José\r\nx,PT,10,José\r\n"
    history = read_history(write(tmp_path / "past.csv", text, "cp1252"), 2026)
    assert history.allowed("PT") == Decimal("10.00")
    assert [problem.row for problem in history.problems] == [5]


def test_a_history_of_parquet(tmp_path):
    path = tmp_path / "past.parquet"
    frame = pl.DataFrame(
        {
            "dos": [dt.date(2026, 1, 5), dt.date(2026, 1, 6), None],
            "discipline": ["PT", "OT", "PT"],
            "allowed": [Decimal("97.39"), Decimal("20.00"), Decimal("1.00")],
        }
    )
    frame.write_parquet(path)
    history = read_history(path, 2026)
    assert (history.allowed("PT"), history.allowed("OT")) == (Decimal("97.39"), Decimal("20.00"))
    assert [problem.row for problem in history.problems] == [3]
    frame.with_columns(pl.col("allowed").cast(pl.Float64)).write_parquet(path)
    assert read_history(path, 2026).allowed("PT") == Decimal("97.39")


def test_a_history_of_xlsx(tmp_path):
    path = tmp_path / "past.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        for column, name in enumerate(("Date", "Modifier", "Allowed")):
            sheet.write(0, column, name)
        for row, (on, modifier, allowed) in enumerate([((2026, 1, 5), "GP", 97.39), ((2025, 1, 6), "GO", 20)], 1):
            sheet.write_datetime(row, 0, dt.datetime(*on), day)
            sheet.write(row, 1, modifier)
            sheet.write(row, 2, allowed)
        sheet.write(3, 0, "2026-02-03")
        sheet.write(3, 1, "GO")
        sheet.write(3, 2, "$30.00")
        sheet.write(4, 2, 147.39)
    history = read_history(path, 2026)
    assert (history.allowed("PT"), history.allowed("OT")) == (Decimal("97.39"), Decimal("30.00"))
    assert history.other_years == {2025: 1}
    assert [problem.row for problem in history.problems] == [5], "a total line has no date"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("date,allowed", "discipline"),
        ("discipline,allowed", "column date"),
        ("date,discipline,amount", "allowed"),
        ("dos,service date,discipline,allowed", "which column is date"),
    ],
)
def test_columns_that_are_missing_or_could_be_several(tmp_path, header, says):
    with pytest.raises(InputError, match=says):
        read_history(write(tmp_path / "past.csv", f"{header}\n1,2,3\n"), 2026)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"\.csv, \.xlsx or \.parquet"):
        read_history(write(tmp_path / "past.pdf", "x"), 2026)
    with pytest.raises(InputError, match="not a file"):
        read_history(tmp_path / "none.csv", 2026)
    with pytest.raises(InputError, match="empty"):
        read_history(write(tmp_path / "past.csv", "\n \n"), 2026)
    for name in ("past.xlsx", "past.parquet"):
        with pytest.raises(InputError, match="damaged"):
            read_history(write(tmp_path / name, "hello"), 2026)
    empty = tmp_path / "empty.xlsx"
    with xlsxwriter.Workbook(empty) as book:
        book.add_worksheet()
    with pytest.raises(InputError, match="empty"):
        read_history(empty, 2026)
