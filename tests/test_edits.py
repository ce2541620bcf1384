"""NCCI edits of a visit: the built-in tables' own pairs, and every rule on small tables of the tests."""

import dataclasses
import errno
import json
import shutil
import sys
import time
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from feecalc import cli, policy
from feecalc.cms import addon as aoc
from feecalc.cms import mue, ncci
from feecalc.edits import Edits, Line, quarter_of
from feecalc.errors import InputError, RejectedError
from feecalc.importing import import_file, import_files
from feecalc.policy import STANDINGS
from feecalc.schedule import MANIFEST, write_folder

IN_2024Q3 = date(2024, 8, 1)


@pytest.fixture(scope="module")
def builtin():
    return Edits.open()


def visit(*codes):
    return [(code, 1, ()) for code in codes]


def pairs(edits, *codes, on=IN_2024Q3):
    return {(p.column1, p.column2): p.indicator for p in edits.check(visit(*codes), on).ptp}


# The built-in tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["97530", "97537"], {("97530", "97537"): "1"}),
        (["97537", "97530"], {("97530", "97537"): "1"}),
        (["97530", "97535"], {}),
        (["97110", "97530"], {}),
        (["97537", "97545", "97546"], {}),
        (["98940", "97112", "97140"], {("98940", "97112"): "1", ("98940", "97140"): "1"}),
        (["97124", "97140", "98940"], {("98940", "97124"): "1", ("98940", "97140"): "1", ("97140", "97124"): "0"}),
        (["98941", "97112"], {("98941", "97112"): "1"}),
        (["98942", "97140"], {("98942", "97140"): "1"}),
        (["98940", "97530", "97535"], {}),
        (["98940", "97164"], {("98940", "97164"): "0"}),
        (["97530", "97530"], {}),
        (["97530"], {}),
    ],
)
def test_pairs_of_the_third_quarter_of_2024(builtin, codes, expected):
    assert pairs(builtin, *codes) == expected


@pytest.mark.parametrize("code", ["97110", "97112", "97116", "97530", "97535", "97537"])
def test_group_therapy_is_a_pair_with_each_timed_code(builtin, code):
    assert pairs(builtin, "97150", code) == {("97150", code): "1"}


def test_an_edit_that_ended(builtin):
    assert pairs(builtin, "97530", "97535", on=date(2021, 12, 31)) == {("97530", "97535"): "1"}
    assert pairs(builtin, "97530", "97535", on=date(2022, 1, 1)) == {}
    (pair,) = builtin.check(visit("97530", "97535"), date(2021, 6, 1)).ptp
    assert (pair.until, pair.known_since, pair.certain) == (date(2021, 12, 31), date(2021, 12, 31), False)
    assert "not known, at the latest 2021-12-31" in pair.in_force
    assert "may have been edited" in pair.sentence
    assert pair.standing == "assumed"


def test_a_date_of_beginning_that_nobody_knows_is_told(builtin):
    (pair,) = builtin.check(visit("97530", "97537"), IN_2024Q3).ptp
    assert (pair.effective, pair.known_since, pair.until, pair.certain) == (None, date(2024, 4, 1), None, True)
    assert pair.in_force == "In force from: not known, at the latest 2024-04-01; not ended in this table."
    before = builtin.check(visit("97530", "97537"), date(2023, 5, 1)).ptp[0]
    assert not before.certain
    assert "whether already on 2023-05-01 is not known" in before.in_force


def test_an_older_table_says_so(builtin):
    answer = builtin.check(visit("97530", "97537"), date(2026, 5, 1))
    assert [p.quarter for p in answer.ptp] == ["2024Q3"]
    told = {one.table: one for one in answer.not_checked}
    assert set(told) == {"ptp", "addon"}
    assert (told["ptp"].quarter, told["ptp"].served_by) == ("2026Q2", "2024Q3")
    assert "knows nothing after 2024-09-30" in told["ptp"].sentence
    assert "feecalc import" in told["ptp"].sentence


def test_a_table_that_is_not_there_says_that_nothing_was_checked(builtin):
    answer = builtin.check(visit("97530"), IN_2024Q3)
    assert answer.mue == ()
    told = {one.table: one for one in answer.not_checked}
    assert told["mue"].served_by is None
    assert "not loaded, so nothing was checked" in told["mue"].sentence
    empty = Edits().check(visit("97530", "97537"), IN_2024Q3)
    assert (empty.ptp, empty.mue, empty.addon, empty.tables) == ((), (), (), {})
    assert [one.table for one in empty.not_checked] == ["ptp", "mue", "addon"]


def test_units_of_the_built_in_table(builtin):
    on = date(2026, 5, 1)
    lines = [("97110", 4, ("GP",)), ("97112", 4, ()), ("97110", 3, ("GP", "59")), ("V5364", 1, ()), ("99999", 1, ())]
    found = {one.hcpcs: one for one in builtin.check(lines, on).mue}
    assert (found["97110"].outcome, found["97110"].units, found["97110"].limit, found["97110"].denied) == ("over", 7, 6, (1, 3))
    assert "All units of the day may be denied" in found["97110"].sentence
    assert (found["97112"].outcome, found["97112"].denied) == ("within", ())
    assert (found["V5364"].outcome, found["V5364"].denied) == ("never", (4,))
    assert (found["99999"].outcome, found["99999"].limit) == ("unknown", None)
    assert "unknown, not unlimited" in found["99999"].sentence


def test_add_on_codes_of_the_built_in_table(builtin):
    on = date(2024, 5, 1)

    def of(*codes):
        return {one.hcpcs: one for one in builtin.check(visit(*codes), on).addon}

    assert of("97110") == {}
    assert (of("97811")["97811"].missing, of("97811")["97811"].primaries) == (True, ("97810", "97813"))
    with_primary = of("97811", "97813")["97811"]
    assert (with_primary.missing, with_primary.present) == (False, ("97813",))
    contractors = of("33268")["33268"]
    assert (contractors.type, contractors.missing, contractors.primaries) == ("2", None, ())
    assert (of("G0506")["G0506"].missing, of("G0506")["G0506"].type) == (None, "3")
    assert of("G0506", "99213")["G0506"].present == ("99213",)
    assert any("99291" in note for note in of("99292")["99292"].notes)
    assert any("only facilities" in note for note in of("96376")["96376"].notes)
    assert "0163T" not in of("0163T")  # its edits ended in 2022
    (ending,) = builtin.check(visit("0163T"), date(2022, 6, 1)).addon
    assert (ending.missing, ending.standing) == (True, "assumed")
    assert ending.notes == (policy.load("edits")["rule"]["addon_years"]["sentence"],)


def test_a_lookup_is_quick_and_the_table_small(builtin):
    table = builtin.serving("ptp", IN_2024Q3)
    assert builtin.frame(table).height == 2_546_017
    assert builtin.frame(table).estimated_size() < 300_000_000
    codes = builtin.frame(table)["column1"].unique().sort().gather_every(80).head(25).to_list()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        builtin.check(visit(*codes), IN_2024Q3)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05  # some 5 ms on an idle machine


def test_opening_reads_no_table():
    assert Edits.open()._frames == {}


# The rules, on small tables ---------------------------------------------------------------------------------------------------

RECORD = {
    "column1": "97530", "column2": "97537", "effective": date(2020, 10, 1), "seen": None, "deletion": None,
    "indicator": "1", "rationale": "more_extensive",
}  # fmt: skip


def store(tmp_path, table, quarter, rows, name="store", schema=None, imported_at=None, **meta):
    first = ncci.first_day(quarter)
    schema = schema or {"ptp": ncci.schema, "mue": mue.schema, "addon": aoc.schema}[table]()
    order = list(schema)[:1] if table != "ptp" else ["column1", "column2", "deletion"]
    frame = pl.DataFrame(rows, schema=schema, orient="row").sort(order, nulls_last=True)
    manifest = {"table": table, "quarter": quarter, "effective": first.isoformat(), "meta": meta or {"dates": "known"}}
    manifest["sources"] = [{"file": f"{table}-{quarter}.zip", "sha256": "0" * 64}]
    if imported_at:
        manifest["imported_at"] = imported_at
    folder = f"{table}-{quarter}" + (f"-{imported_at}" if imported_at else "")
    write_folder(tmp_path / name / "ncci" / folder, {table: frame}, manifest)
    return tmp_path / name


def edited(tmp_path, *records, quarter="2024Q3"):
    return Edits((store(tmp_path, "ptp", quarter, [{**RECORD, **r} for r in records or ({},)]), "built-in"))


@pytest.mark.parametrize(
    ("record", "on", "found"),
    [
        ({}, date(2020, 9, 30), False),
        ({}, date(2020, 10, 1), True),
        ({"deletion": date(2021, 12, 31)}, date(2021, 12, 31), True),
        ({"deletion": date(2021, 12, 31)}, date(2022, 1, 1), False),
        ({"deletion": date(2020, 10, 1)}, date(2020, 10, 1), False),
        ({"deletion": date(2020, 10, 1), "indicator": "9"}, date(2020, 10, 1), False),
        ({"indicator": "9"}, date(2021, 1, 1), False),
        ({"effective": None, "seen": date(2024, 4, 1)}, date(2019, 1, 1), True),
        ({"effective": None, "seen": date(2024, 4, 1), "deletion": date(2019, 12, 31)}, date(2020, 1, 1), False),
    ],
)
def test_the_dates_of_a_pair(tmp_path, record, on, found):
    assert bool(edited(tmp_path, record).check(visit("97537", "97530"), on).ptp) is found


def test_of_several_periods_the_one_that_holds_the_day(tmp_path):
    before = {"effective": None, "seen": date(2024, 4, 1), "deletion": date(2019, 12, 31), "indicator": "0"}
    after = {"effective": None, "seen": date(2024, 4, 1)}
    edits = edited(tmp_path, after, before)
    assert pairs(edits, "97530", "97537", on=date(2019, 6, 1)) == {("97530", "97537"): "0"}
    assert pairs(edits, "97530", "97537", on=date(2024, 5, 1)) == {("97530", "97537"): "1"}


def lines_of(first, second):
    return [Line("97530", 1, first), Line("97537", 1, second)]


@pytest.mark.parametrize(
    ("first", "second", "on", "bypassed"),
    [
        ((), (), IN_2024Q3, False),
        ((), ("59",), IN_2024Q3, True),
        (("59",), (), IN_2024Q3, True),
        (("xs",), (), date(2019, 7, 1), True),
        (("59",), (), date(2019, 6, 30), False),
        ((), ("59",), date(2019, 6, 30), True),
        (("RT",), (), date(2019, 6, 30), True),
        (("25",), (), date(2019, 6, 30), True),
        ((), ("XU",), date(2014, 12, 31), False),
        ((), ("GP", "91"), IN_2024Q3, True),
        (("76",), ("77",), IN_2024Q3, False),
        (("50", "51"), ("62", "80"), IN_2024Q3, False),
        (("GP", "KX"), ("GP", "CQ"), IN_2024Q3, False),
    ],
)
def test_which_modifiers_bypass_and_where(tmp_path, first, second, on, bypassed):
    edits = edited(tmp_path, {"effective": date(2000, 1, 1)})
    (pair,) = edits.check(lines_of(first, second), on).ptp
    assert (pair.bypassed, pair.denied) == (((2,), ()) if bypassed else ((), (2,)))
    assert bool(pair.present) is bypassed
    assert "97537 (column 2) may be denied" in pair.sentence or bypassed
    said = " ".join([pair.sentence, pair.modifiers, pair.in_force])
    assert "add" not in said.lower().split()
    assert "A modifier is available if the services were distinct." in pair.modifiers
    if on < date(2019, 7, 1):
        assert "On 97537 alone: 59" in pair.modifiers
    else:
        assert "alone" not in pair.modifiers


def test_indicator_0_is_bypassed_by_nothing(tmp_path):
    edits = edited(tmp_path, {"indicator": "0"})
    (pair,) = edits.check(lines_of(("59",), ("XE", "RT")), IN_2024Q3).ptp
    assert (pair.denied, pair.bypassed, pair.present) == ((2,), (), ())
    assert pair.modifiers == "No modifier bypasses this pair."


def test_lines_of_one_code_are_judged_apart(tmp_path):
    edits = edited(tmp_path)
    lines = [("97530", 1, ()), ("97537", 1, ("59",)), ("97537", 1, ())]
    (pair,) = edits.check(lines, IN_2024Q3).ptp
    assert (pair.lines1, pair.lines2, pair.denied, pair.bypassed) == ((1,), (2, 3), (3,), (2,))
    assert "(line 3) may be denied" in pair.sentence
    # On column 1 a modifier must stand on every line of the code: the unmodified one still denies.
    lines = [("97530", 1, ("59",)), ("97530", 1, ()), ("97537", 1, ())]
    assert edits.check(lines, IN_2024Q3).ptp[0].denied == (3,)


def test_both_orders_are_looked_up(tmp_path):
    edits = edited(tmp_path, {"column1": "97537", "column2": "97530"}, {"column1": "11111", "column2": "97530"})
    assert pairs(edits, "97530", "97537") == {("97537", "97530"): "1"}
    assert pairs(edits, "97530", "11111", "97537") == {("11111", "97530"): "1", ("97537", "97530"): "1"}


def test_which_table_answers(tmp_path):
    for quarter, indicator in (("2023Q1", "0"), ("2024Q3", "1"), ("2026Q4", "0")):
        meta = {"dates": "partly known" if quarter == "2024Q3" else "known"}
        store(tmp_path, "ptp", quarter, [{**RECORD, "indicator": indicator}], **meta)
    edits = Edits((tmp_path / "store", "yours"))

    def quarter(on):
        return edits.check(visit("97530", "97537"), on).ptp[0].quarter

    assert quarter(date(2023, 3, 31)) == "2023Q1"
    assert quarter(date(2024, 9, 30)) == "2024Q3"
    assert quarter(date(2022, 1, 1)) == "2023Q1"  # the nearest later one
    assert quarter(date(2024, 1, 1)) == "2026Q4"  # later, and with all its dates
    assert quarter(date(2024, 10, 1)) == "2026Q4"
    assert quarter(date(2027, 1, 1)) == "2026Q4"
    assert [one.table for one in edits.check(visit("97530"), date(2024, 1, 1)).not_checked] == ["mue", "addon"]
    assert quarter_of(date(2024, 12, 31)) == "2024Q4"


def test_unit_limits_answer_for_their_quarter_or_later_dates(tmp_path):
    root = store(tmp_path, "mue", "2026Q2", [("97110", 6, "3", "claims_data")])
    edits = Edits((root, "built-in"))
    assert edits.check(visit("97110"), date(2026, 3, 31)).mue == ()
    assert edits.check(visit("97110"), date(2026, 6, 30)).tables == {"mue": "2026Q2"}
    later = edits.check(visit("97110"), date(2026, 7, 1))
    assert later.mue[0].quarter == "2026Q2"
    assert next(one for one in later.not_checked if one.table == "mue").served_by == "2026Q2"


@pytest.mark.parametrize(
    ("mai", "limit", "units", "outcome", "denied"),
    [
        ("1", 4, (4, 4), "within", ()),
        ("1", 4, (5, 4), "over", (1,)),
        ("2", 4, (2, 2), "within", ()),
        ("2", 4, (3, 2), "over", (1, 2)),
        ("3", 4, (1, 4), "over", (1, 2)),
        ("3", 0, (1, 1), "never", (1, 2)),
        ("1", 0, (1, 1), "never", (1, 2)),
    ],
)
def test_units_by_line_and_by_day(tmp_path, mai, limit, units, outcome, denied):
    edits = Edits((store(tmp_path, "mue", "2024Q3", [("88350", limit, mai, "claims_data")]), "built-in"))
    lines = [("88350", units[0], ()), ("88350", units[1], ("76",))]
    (found,) = edits.check(lines, IN_2024Q3).mue
    assert (found.outcome, found.denied, found.mai) == (outcome, denied, mai)


def test_add_on_codes_by_date_and_type(tmp_path):
    rows = [
        ("11111", "22222", "1", date(2024, 1, 1), date(2024, 8, 1), ""),
        ("33333", "22222", "1", date(2024, 9, 1), None, ""),
        ("44444", "22222", "1", date(2020, 1, 1), date(2020, 1, 1), "suspended"),
        ("55555", "", "2", date(2020, 1, 1), date(2023, 12, 31), "contractor_defined"),
        ("55555", "22222", "1", date(2024, 1, 1), None, "other"),
        ("66666", "", "3", date(2020, 1, 1), None, "contractor_defined"),
        ("66666", "22222", "3", date(2020, 1, 1), None, ""),
    ]
    edits = Edits((store(tmp_path, "addon", "2024Q3", rows), "built-in"))

    def of(*codes, on=IN_2024Q3):
        return {one.hcpcs: (one.type, one.missing) for one in edits.check(visit(*codes), on).addon}

    codes = ["11111", "33333", "44444", "55555", "66666"]
    assert of(*codes) == {"11111": ("1", True), "55555": ("1", True), "66666": ("3", None)}
    assert of(*codes, "22222") == {"11111": ("1", False), "55555": ("1", False), "66666": ("3", False)}
    assert of(*codes, on=date(2024, 9, 1)) == {"33333": ("1", True), "55555": ("1", True), "66666": ("3", None)}
    assert of("55555", on=date(2023, 1, 1)) == {"55555": ("2", None)}
    (told,) = edits.check(visit("55555", "22222"), IN_2024Q3).addon
    assert told.notes == ("CMS attaches a special instruction that feecalc does not know; see CMS's file.",)


def test_the_users_own_outranks_and_the_newest_import_of_a_quarter_serves(tmp_path):
    builtin = store(tmp_path, "ptp", "2024Q3", [{**RECORD, "indicator": "0"}], name="builtin")
    store(tmp_path, "ptp", "2024Q3", [], name="home", imported_at="2026-02-01")
    mine = store(tmp_path, "ptp", "2024Q3", [RECORD], name="home", imported_at="2026-03-01")
    edits = Edits((builtin, "built-in"), (mine, "yours"))
    assert pairs(edits, "97530", "97537") == {("97530", "97537"): "1"}
    assert edits.serving("ptp", IN_2024Q3).origin == "yours"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("9753",), "is no code of five letters or digits"),
        (("97530-59",), "is no code of five letters or digits"),
        (("97530", 0), "units must be a whole number"),
        (("97530", "2"), "units must be a whole number"),
        (("97530", True), "units must be a whole number"),
        (("97530", 1, ("5",)), "is no modifier"),
        (("97530", 1, (), "more"), "is no code with units and modifiers"),
        ((), "is no code with units and modifiers"),
    ],
)
def test_lines_that_cannot_be_understood(line, says):
    with pytest.raises(InputError, match=f"Line 2.*{says}"):
        Edits().check([("97110",), line], IN_2024Q3)


def test_no_lines():
    with pytest.raises(InputError, match="No code was given"):
        Edits().check([], IN_2024Q3)


def test_lines_are_read_as_people_write_them(tmp_path):
    edits = edited(tmp_path)
    (pair,) = edits.check([(" 97530 ", 1, "gp 59"), ("97537", 1, ["gp"])], IN_2024Q3).ptp
    assert pair.present == ((1, "59"),)


def test_answers_are_plain_values(builtin):
    answer = builtin.check(visit("97530", "97537", "97811"), date(2026, 5, 1))
    plain = answer.as_dicts()
    assert list(plain) == ["ptp", "mue", "addon", "not_checked"]
    assert [len(plain[name]) for name in plain] == [1, 3, 1, 2]
    assert json.loads(json.dumps(plain, default=str))["ptp"][0]["column2"] == "97537"
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.ptp[0].indicator = "0"
    for one in (*answer.ptp, *answer.mue, *answer.addon):
        assert one.standing in STANDINGS
        assert one.source
        assert one.quarter
    card = answer.card()
    for text in ("97530 with 97537", "97811: An add-on code", "6 a day", "served, which knows nothing after"):
        assert text in card


# The policy -------------------------------------------------------------------------------------------------------------------


def test_every_entry_of_the_policy_has_a_source_and_a_standing():
    toml = policy.load("edits")
    kinds = ("ptp_indicator", "bypass", "mue_indicator", "addon_type", "addon_exception")
    entries = [e for kind in kinds for e in toml[kind]]
    entries += [*toml["rule"].values(), toml["version"], toml["ptp_categories"], toml["mue_categories"], toml["addon_notes"]]
    assert len(entries) > 20
    for entry in entries:
        assert entry["standing"] in STANDINGS
        assert entry["source"]
    for kind in ("ptp_category", "mue_category"):
        names = [entry["name"] for entry in toml[kind]]
        assert len(set(names)) == len(names)
        for entry in toml[kind]:
            assert entry["sentence"].endswith(".")
            assert entry["cms"].lower() not in entry["sentence"].lower()
    bypassing = [code for group in toml["bypass"] for code in group["codes"]]
    assert len(set(bypassing)) == len(bypassing)
    assert not set(bypassing) & {"76", "77", "50", "51", "62", "80", "22"}


# Imports ----------------------------------------------------------------------------------------------------------------------

HEADING = (
    "CPT only copyright 2023 American Medical Association.  All rights reserved.\r\nColumn1/Column2 Edits\r\n"
    "Column 1\tColumn 2\t*=in existence\tEffective\tDeletion\tModifier\tPTP Edit Rationale\r\n"
    "\t\tprior to 1996\tDate\tDate\t0=not allowed\t\r\n\t\t\t\t*=no data\t1=allowed\t\r\n\t\t\t\t\t9=not applicable\t\r\n"
)
ROWS = [
    "97530\t97537\t\t20201001\t*\t1\tMore extensive procedure\r\n",
    "97530\t97535\t\t20201001\t20211231\t1\tMore extensive procedure\r\n",
    "98940\t97112\t\t20201001\t*\t1\tStandards of medical/surgical practice\r\n",
    "98940\t97164\t\t20200101\t*\t0\tStandards of medical/surgical practice\r\n",
]


def part_zips(folder, version="v322r0", rows=ROWS):
    folder.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(rows, 1):
        with zipfile.ZipFile(folder / f"ccipra-{version}-f{number}.zip", "w") as archive:
            archive.writestr(f"ccipra-{version}-f{number}.TXT", HEADING + row)
    return sorted(folder.glob(f"ccipra-{version}-*.zip"))


def files_below(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_four_zips_become_one_table_that_serves(home, tmp_path):
    (done,) = import_files(part_zips(tmp_path / "cms"))
    assert (done.name, done.folder.parent.parent.parent) == ("ptp-2026Q3", home)
    assert done.files == tuple(f"ccipra-v322r0-f{n}.zip" for n in range(1, 5))
    edits = Edits.open()
    table = edits.serving("ptp", date(2026, 8, 1))
    assert (table.quarter, table.origin) == ("2026Q3", "yours")
    (pair,) = edits.check(visit("97530", "97537"), date(2026, 8, 1)).ptp
    assert (pair.effective, pair.certain, pair.quarter) == (date(2020, 10, 1), True, "2026Q3")
    assert [one.table for one in edits.check(visit("97530"), date(2026, 8, 1)).not_checked] == ["mue", "addon"]
    assert edits.serving("ptp", IN_2024Q3).origin == "built-in"


def test_the_folder_of_the_four_zips_and_the_same_again(home, tmp_path):
    part_zips(tmp_path / "cms")
    import_file(tmp_path / "cms")
    before = files_below(home)
    assert "already" in import_file(tmp_path / "cms").notes[-1]
    assert files_below(home) == before


def test_a_reposted_version_serves_in_place_of_the_older(home, tmp_path):
    list(import_files(part_zips(tmp_path / "cms")))
    changed = [ROWS[0].replace("\t1\t", "\t0\t"), *ROWS[1:]]
    (done,) = import_files(part_zips(tmp_path / "again", "v322r1", changed))
    assert len(list(done.folder.parent.iterdir())) == 2
    assert pairs(Edits.open(), "97530", "97537", on=date(2026, 8, 1)) == {("97530", "97537"): "0"}


@pytest.mark.parametrize("broken", ["a part is missing", "a part is cut"])
def test_a_version_that_is_not_whole_changes_nothing(home, tmp_path, broken):
    rows = ROWS if broken == "a part is missing" else [*ROWS[:3], ROWS[3][:30]]
    files = part_zips(tmp_path / "cms", rows=rows)
    with pytest.raises(RejectedError, match="missing: f3" if broken == "a part is missing" else "cut short"):
        list(import_files([f for f in files if broken != "a part is missing" or "f3" not in f.name]))
    assert files_below(home) == {}


def test_a_disk_that_fills_leaves_nothing_behind(home, tmp_path, monkeypatch):
    def fills(self, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", fills)
    with pytest.raises(OSError, match="No space"):
        list(import_files(part_zips(tmp_path / "cms")))
    assert files_below(home) == {}
    assert Edits.open().serving("ptp", IN_2024Q3).origin == "built-in"


def test_a_half_written_folder_is_passed_over(tmp_path):
    root = store(tmp_path, "ptp", "2024Q3", [RECORD])
    shutil.copytree(root / "ncci" / "ptp-2024Q3", root / "ncci" / ".ptp-2024Q4.abc")
    manifest = root / "ncci" / ".ptp-2024Q4.abc" / MANIFEST
    manifest.write_text(manifest.read_text("utf-8").replace("2024Q3", "2024Q4"), "utf-8")
    assert list(Edits((root, "yours")).tables["ptp"]) == ["2024Q3"]


def test_the_real_unit_limits_are_imported(home, cms_dir):
    done = import_file(cms_dir / "medicare-ncci-2026-q2-practitioner-services-mue-table.zip")
    assert done.name == "mue-2026Q2"
    assert json.loads((done.folder / MANIFEST).read_text("utf-8"))["tables"]["mue"]["rows"] == 15_095
    assert Edits.open().serving("mue", date(2026, 4, 1)).origin == "yours"


# The command ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setitem(cli.COMMANDS, "edits", ("feecalc.cli.edits", "Check a visit against NCCI."))
        monkeypatch.setattr(sys, "argv", ["feecalc", "edits", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return call


def test_the_command_prints_pairs_as_json(run):
    code, out, err = run("97530", "97537-GP", "98940", "--date", "2024-08-01", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {
            "column1": "97530",
            "column2": "97537",
            "indicator": "1",
            "rationale": "The first is the larger form of the second; only the larger is billed.",
            "quarter": "2024Q3",
        }
    ]
    assert json.loads(run("97110", "97530", "--date", "2024-08-01", "--json")[1]) == []


def test_the_command_prints_everything_as_json(run):
    code, out, _ = run("97530", "97537x9", "97811", "--date", "2026-05-01", "--json", "--all")
    found = json.loads(out)
    assert code == 0
    assert list(found) == ["ptp", "mue", "addon", "not_checked"]
    assert {one["hcpcs"]: one["outcome"] for one in found["mue"]} == {"97530": "within", "97537": "over", "97811": "within"}
    assert found["addon"][0]["missing"] is True


def test_the_command_says_what_json_cannot(run):
    code, _, err = run("97530", "97537", "--date", "2023-01-05", "--json")
    assert code == 0
    assert "97530 with 97537: In force from: not known, at the latest 2024-04-01" in err
    _, _, err = run("97530", "97537", "--date", "2026-01-05", "--json")
    assert "that of 2024Q3 served" in err


def test_the_command_as_text(run):
    code, out, _ = run("97530", "97537-59", "98940", "--date", "2024-08-01")
    assert code == 0
    assert "97530 with 97537: this pair is edited, and a modifier stands that bypasses it." in out
    assert "There is 59 on line 2." in out
    assert "(MUE) of 2024Q3 is not loaded, so nothing was checked" in out
    code, out, _ = run("97110", "--date", "2024-08-01")
    assert code == 0
    assert "No two of these codes are a pair on this date." in out


def test_the_command_names_a_code_that_the_fee_schedule_does_not_have(run):
    code, _, err = run("97353", "97530", "--date", "2024-08-01")
    assert code == 0
    assert "97353 is not in the fee schedule of 2024C" in err
    assert "97535" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["97530", "--date", "2024-13-01"], "is not a date"),
        (["9753", "--date", "2024-08-01"], "is no code of five"),
        (["97530x0", "--date", "2024-08-01"], "Units must be"),
        (["97530-5", "--date", "2024-08-01"], "is no code with modifiers and units"),
        (["97530", "--all"], "--all goes with --json"),
        ([], "Missing argument"),
    ],
)
def test_the_command_refuses_what_it_cannot_understand(run, arguments, says):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
