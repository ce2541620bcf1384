"""A visit's file and pasted rows: what is read, and what is refused by name."""

import datetime as dt
import json
import re

import pytest

from feecalc.errors import InputError
from feecalc.visit import Item, Visit
from feecalc.visit_files import from_json, read_pasted, to_json

ON = dt.date(2025, 10, 15)
THERAPY_DAY = Visit([Item("97530", minutes=15), Item("97110", minutes=30), Item("97140", minutes=15)], ON)


def read(item=None, **values):
    """A file of one item, with other values."""
    return from_json(json.dumps({"date": "2025-10-15", "items": [{"hcpcs": "97110", **(item or {})}], **values}))


def test_a_visit_survives_its_file():
    visit = Visit(
        [Item("97110", minutes=30, assistant_minutes=8, modifiers=("KX",), charge="60.00"), Item("99213", units=1)],
        ON,
        discipline="OT",
        treated_by="assistant",
        rule="midpoint",
        choice={"97110": 2},
        allowed_so_far={"OT": "1200.50"},
        zip="35203",
        pos="11",
        qp=True,
        deductible_left="12.00",
    )
    assert from_json(to_json(visit)) == visit
    assert from_json(to_json(THERAPY_DAY)) == THERAPY_DAY
    assert "patient" not in to_json(visit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no visit file"),
        ("[1]", "items"),
        ('{"items": [], "date": "2025-13-01"}', "2025-13-01"),
        ('{"items": [{"minutes": 3}], "date": "2025-01-01"}', "Item 1"),
        ('{"items": [{"hcpcs": "97110", "patient": "x"}], "date": "2025-01-01"}', "patient"),
        ('{"items": [], "date": "2025-01-01", "name": "x"}', "name"),
    ],
)
def test_a_file_that_is_none_is_told(text, said):
    with pytest.raises(InputError, match=said):
        from_json(text)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"zip": 35203}, "The visit: zip is 35203, which is no text: write it in quotes"),
        ({"pos": 11}, "pos is 11, which is no text"),
        ({"discipline": 5}, "discipline is 5"),
        ({"participating": "no"}, 'participating is "no", neither true nor false'),
        ({"qp": 1}, "qp is 1, neither"),
        ({"visit_minutes": "60"}, 'visit_minutes is "60", not a whole number'),
        ({"choice": [1]}, "choice is [1], not values by name"),
        ({"choice": {"97110": "2"}}, "not a whole number"),
        ({"allowed_so_far": []}, "allowed_so_far is [], not values by name"),
        ({"allowed_so_far": {"PT": "much"}}, "'much' is not an amount of money"),
        ({"deductible_left": "abc"}, "'abc' is not an amount of money"),
        ({"deductible_left": -1}, "deductible_left is -1, which is below 0"),
    ],
)
def test_a_value_of_another_kind_is_named(values, said):
    with pytest.raises(InputError, match=re.escape(said)):
        read(**values)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"hcpcs": 97110}, 'Item 1 of the visit has no "hcpcs", which is a code in quotes'),
        ({"minutes": "30"}, 'Item 1 (97110): minutes is "30", not a whole number'),
        ({"minutes": 30.5}, 'minutes is "30.5", not a whole number'),
        ({"units": True}, "units is true, not a whole number"),
        ({"assistant_minutes": -2}, "assistant_minutes is -2"),
        ({"modifiers": 59}, "modifiers is 59, not a list of modifiers"),
        ({"modifiers": [59]}, "not a list of modifiers"),
        ({"charge": "abc"}, "'abc' is not an amount of money"),
        ({"charge": True}, "charge is true, not an amount in dollars"),
        ({"charge": 60.005}, "is not a whole number of cents"),
        ({"charge": float("nan")}, "is not a whole number of cents"),
        ({"charge": "-3"}, "which is below 0"),
    ],
)
def test_a_value_of_an_item_of_another_kind_is_named(item, said):
    with pytest.raises(InputError, match=re.escape(said)):
        read(item)


def test_values_as_people_write_them():
    visit = read({"modifiers": "59, KX", "charge": 60.1, "minutes": 0, "units": None}, allowed_so_far={"PT": 1200.5}, zip=None)
    assert visit.items == [Item("97110", minutes=0, modifiers=("59", "KX"), charge="60.10")]
    assert (visit.allowed_so_far, visit.zip) == ({"PT": "1200.50"}, None)
    assert from_json(to_json(visit)) == visit


def test_rows_pasted_from_a_spreadsheet():
    items, problems = read_pasted(
        "CPT\tMin\tMod\tCharge\n97530.0\t15\tGP,KX\t60\n97110\t30 min\t\t\n\nTotal\t45\t\t\n1112\tx\t\t"
    )
    assert items == [Item("97530", minutes=15, modifiers=("GP", "KX"), charge="60"), Item("97110", minutes=30)]
    assert [problem.split(":")[0] for problem in problems] == ["Row 4", "Row 5"]
    assert read_pasted("97110 \t 15\n97140,20\n99213") == ([Item("97110", 15), Item("97140", 20), Item("99213")], [])
    assert read_pasted("") == ([], [])
