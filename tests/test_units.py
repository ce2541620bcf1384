"""Minutes to units: the table, the remainders, every other legal way, the midpoint rule, and the assistants' modifiers."""

import datetime as dt
import json
import random
import re
from itertools import combinations, permutations, product
from pathlib import Path

import pytest
from click.testing import CliRunner

from feecalc import policy, therapy_codes
from feecalc import units as units_module
from feecalc.cli.units import units_command
from feecalc.errors import InputError
from feecalc.units import Line, Treated, allocate

ON = dt.date(2025, 10, 15)
CODES = ("97110", "97112", "97140", "97530")
# CMS's own table, typed from the manual's: the most minutes of 0, 1, 2, … units.
MOST = [7, 22, 37, 52, 67, 82, 97, 112, 127]


def visit(*minutes, **kwargs):
    """`("97110", 33)` or `("97110", 33, 10)` with the assistant's minutes, on a date of today's rules."""
    return allocate([Treated(*one) for one in minutes], **{"date": ON, **kwargs})


def codes_of(answer, hcpcs=None):
    return [reason.code for reason in answer.reasons if hcpcs is None or reason.hcpcs == hcpcs]


def sentence(answer, code):
    (found,) = [reason.sentence for reason in answer.reasons if reason.code == code]
    return found


def by_table(total):
    """Units by the printed table, and one more for each 15 minutes beyond it."""
    beyond = max(0, total - MOST[-1] + 14) // 15
    return next(n for n, most in enumerate(MOST) if total - 15 * beyond <= most) + beyond


# The table ------------------------------------------------------------------------------------------------------------------


def test_the_table_to_twenty_units():
    first = {}
    for minutes in range(0, 15 * 20 + 8):
        answer = visit(("97110", minutes))
        assert answer.total_minutes == minutes
        assert answer.timed_units == answer.units["97110"] == by_table(minutes), minutes
        first.setdefault(answer.timed_units, minutes)
    assert first == {0: 0} | {n: 15 * n - 7 for n in range(1, 21)}


# The examples of the reference ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "units"),
    [
        ({"97112": 24, "97110": 23}, {"97112": 2, "97110": 1}),
        ({"97110": 18, "97140": 13, "97116": 10, "97035": 8}, {"97110": 1, "97140": 1, "97116": 1, "97035": 0}),
        ({"97110": 8}, {"97110": 1}),
        ({"97110": 7}, {"97110": 0}),
        ({"97110": 33, "97140": 7}, {"97110": 2, "97140": 1}),
    ],
)
def test_where_the_remainders_decide(minutes, units):
    for order in permutations(minutes.items()):
        answer = visit(*order)
        assert answer.units == units
        assert list(answer.units) == [code for code, _ in order]
        assert answer.alternatives == []
        assert answer.timed_units == sum(units.values())
        assert answer.total_minutes == sum(minutes.values())


def test_equal_remainders_leave_a_choice_that_is_told():
    answer = visit(("97140", 20), ("97110", 20))
    assert answer.timed_units == 3
    assert answer.units == {"97140": 2, "97110": 1}
    assert answer.alternatives == [{"97140": 1, "97110": 2}]
    assert codes_of(answer, "97140") == ["full_time", "tie_chosen"]
    assert codes_of(answer, "97110") == ["full_time", "tie_not_chosen"]
    assert "arbitrary" in sentence(answer, "tie_chosen")
    assert "97110" in sentence(answer, "tie_chosen")


def test_three_of_seven_minutes_make_one_unit_of_any():
    answer = visit(("97110", 7), ("97112", 7), ("97140", 7))
    assert answer.units == {"97110": 1, "97112": 0, "97140": 0}
    assert answer.alternatives == [{"97110": 0, "97112": 1, "97140": 0}, {"97110": 0, "97112": 0, "97140": 1}]
    assert codes_of(answer).count("tie_not_chosen") == 2
    assert "97112 and 97140" in sentence(answer, "tie_chosen")


def test_where_all_that_tie_have_a_unit_there_is_no_choice():
    answer = visit(("97110", 10), ("97112", 10))  # 20 minutes are one unit
    assert len(answer.alternatives) == 1
    answer = visit(("97110", 14), ("97112", 14))  # 28 are two
    assert answer.units == {"97110": 1, "97112": 1}
    assert answer.alternatives == []
    assert codes_of(answer).count("largest_remainder") == 2


@pytest.mark.parametrize(
    ("minutes", "units"),
    [
        ({"97110": 20, "97140": 20}, {"97110": 1, "97140": 1}),
        ({"97110": 7, "97112": 7, "97140": 7}, {"97110": 0, "97112": 0, "97140": 0}),
        ({"97112": 24, "97110": 23}, {"97112": 2, "97110": 2}),
    ],
)
@pytest.mark.parametrize("rule", ["midpoint", "ama"])
def test_the_midpoint_rule_counts_each_code_by_itself(minutes, units, rule):
    answer = visit(*minutes.items(), rule=rule)
    assert answer.units == units
    assert answer.alternatives == []
    assert answer.rule == "midpoint"
    assert answer.timed_units == sum(units.values())


def test_the_midpoint_rule_by_the_minute():
    for minutes in range(0, 61):
        whole, left = divmod(minutes, 15)
        assert visit(("97110", minutes), ("97140", 7), rule="midpoint").units == {"97110": whole + (left >= 8), "97140": 0}


# Any minutes: an independent enumeration ------------------------------------------------------------------------------------


def every_way(minutes):
    """All ways to place the table's units: the whole quarters, and one more for each code of a set of largest remainders."""
    whole, left = [m // 15 for m in minutes], [m - m // 15 * 15 for m in minutes]
    extra = by_table(sum(minutes)) - sum(whole)
    ways = []
    for chosen in combinations(range(len(minutes)), extra):
        rest = [left[n] for n in range(len(minutes)) if n not in chosen]
        if all(left[n] > 0 and left[n] >= most for n in chosen for most in rest or [0]):
            ways.append(tuple(whole[n] + (n in chosen) for n in range(len(minutes))))
    return ways


def samples():
    yield from ((m,) for m in range(61))
    yield from product(range(61), repeat=2)
    draw = random.Random(20251015)
    for count in (3, 4):
        yield from (tuple(draw.randint(0, 60) for _ in range(count)) for _ in range(6000))
        # Few distinct minutes, so that remainders tie often.
        yield from (tuple(draw.choice((5, 7, 20, 22, 37)) for _ in range(count)) for _ in range(2000))


def test_any_minutes_of_up_to_four_codes():
    tried = tied = 0
    for minutes in samples():
        answer = visit(*zip(CODES, minutes, strict=False))
        given = tuple(answer.units.values())
        assert sum(given) == answer.timed_units == by_table(sum(minutes)), minutes
        for m, n in zip(minutes, given, strict=True):
            assert m // 15 <= n <= m // 15 + (m % 15 > 0), minutes
        ways = [given, *(tuple(way.values()) for way in answer.alternatives)]
        assert len(ways) == len(set(ways)), minutes
        assert set(ways) == set(every_way(minutes)), minutes
        tried, tied = tried + 1, tied + (len(ways) > 1)
    assert tried > 19_000
    assert tied > 3_000


def test_every_unit_has_one_reason_of_its_place():
    draw = random.Random(7)
    for _ in range(300):
        answer = visit(*((code, draw.randint(0, 60)) for code in CODES), ("97150", 10))
        for code, count in answer.units.items():
            assert [r.unit for r in answer.reasons if r.hcpcs == code and r.unit is not None] == list(range(1, count + 1))
        for code in CODES:
            assert any(r.hcpcs == code for r in answer.reasons), "a code without a unit is told why"
        assert all(r.sentence and "{" not in r.sentence and r.standing in policy.STANDINGS and r.source for r in answer.reasons)


def test_too_many_ways_are_a_mistake():
    timed = [code for code, unit in therapy_codes.units().items() if unit.words == "15 minutes"]
    with pytest.raises(InputError, match="1,000"):
        visit(*((code, 7) for code in timed[:20]))
    assert len(visit(*((code, 7) for code in timed[:12])).alternatives) == 924 - 1  # 84 minutes are 6 units: 6 of 12 codes


# A choice among the ways ----------------------------------------------------------------------------------------------------


def test_a_choice_takes_another_legal_way():
    answer = visit(("97110", 20), ("97140", 20), choice={"97140": 2})
    assert answer.units == {"97110": 1, "97140": 2}
    assert answer.alternatives == [{"97110": 2, "97140": 1}]
    assert "you chose so" in sentence(answer, "tie_chosen")
    assert "arbitrary" not in sentence(answer, "tie_not_chosen")
    assert visit(("97110", 20), ("97140", 20), choice={"97110": 2, "97140": 1}).units == {"97110": 2, "97140": 1}
    assert answer.lines == [Line("97110", 1, ("GP",)), Line("97140", 2, ("GP",))]


@pytest.mark.parametrize("choice", [{"97140": 3}, {"97110": 2, "97140": 2}, {"97110": 0}])
def test_a_choice_that_is_not_legal_is_refused(choice):
    with pytest.raises(InputError, match="do not make"):
        visit(("97110", 20), ("97140", 20), choice=choice)


def test_a_choice_of_what_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"97112.*not among"):
        visit(("97110", 20), ("97140", 20), choice={"97112": 1})
    with pytest.raises(InputError, match="do not make"):
        visit(("97110", 20), rule="midpoint", choice={"97110": 2})


# Untimed, hourly and unknown codes ------------------------------------------------------------------------------------------


def test_untimed_codes_are_one_unit_and_outside_the_total():
    for untimed in [("97150", 20), ("97150",)]:
        answer = visit(("97110", 33), ("97140", 7), untimed)
        assert answer.units == {"97110": 2, "97140": 1, "97150": 1}
        assert answer.total_minutes == 40
        assert answer.timed_units == 3
        assert codes_of(answer, "97150") == ["untimed"]
    assert visit(("97161",)).units == {"97161": 1}
    assert visit(("97150", 300), rule="midpoint").units == {"97150": 1}


def test_hourly_codes_are_counted_by_themselves():
    for minutes, count in [(30, 0), (31, 1), (90, 1), (91, 2)]:
        answer = visit(("96125", minutes, 0, "SLP"))
        assert answer.units == {"96125": count}
        assert answer.total_minutes == answer.timed_units == 0
        assert "not_in_total" in codes_of(answer)
    assert visit(("96125", 40), ("97110", 8)).units == {"96125": 1, "97110": 1}


def test_a_code_given_twice_is_added_and_told():
    answer = visit(("97110", 10), ("97140", 15), ("97110", 13))
    assert answer.units == {"97110": 2, "97140": 1}
    assert answer.total_minutes == 38
    assert sentence(answer, "repeated") == "97110 was given 2 times: its minutes are added, 23 in all."
    assert visit(("97150", 10), ("97150",)).units == {"97150": 1}
    assert "repeated" not in codes_of(visit(("97110", 23)))


def test_codes_in_any_case():
    assert visit((" g0283 ", 15)).units == {"G0283": 1}


def test_an_unknown_code_is_never_guessed():
    with pytest.raises(InputError, match=r"97115.*does not guess.*97110.*--timed 97115"):
        visit(("97115", 15))
    with pytest.raises(InputError, match=r"Did you mean .*97535"):
        visit(("97353", 15))
    with pytest.raises(InputError, match="99213"):
        visit(("99213", 15))
    answer = visit(("97039", 15), ("97110", 8), timed={"97039"})
    assert answer.units == {"97039": 1, "97110": 1}
    assert answer.total_minutes == 23
    assert "stated_timed" in codes_of(answer, "97039")
    assert "stated_timed" not in codes_of(visit(("97110", 15), timed=["97110"])), "known anyway"


@pytest.mark.parametrize(
    ("minutes", "timed", "says"),
    [
        ([("97110", 15)], ["97039"], "97039 was said to be timed and is not among"),
        ([("97150", 15)], ["97150"], "is no 15-minute code"),
        ([("96125", 60)], ["96125"], "is no 15-minute code"),
        ([("97129", 15)], [], "first 15 minutes.*Count its units yourself"),
        ([("97129", 15)], ["97129"], "first 15 minutes"),
        ([("97039", 15)], "97039", "is a set of codes"),
        ([("97110", 15)], ["x"], "is no procedure code"),
    ],
)
def test_what_cannot_be_counted_so(minutes, timed, says):
    with pytest.raises(InputError, match=says):
        visit(*minutes, timed=timed)


def test_codes_that_have_one_unit_only_and_no_time():
    assert visit(("97597",)).units == {"97597": 1}
    assert visit(("95992", 20)).units == {"95992": 1}


# Impossible times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "says"),
    [
        ([("97110", -1)], "97110: -1 minutes is below 0"),
        ([("97110", 15, -2)], "-2 assistant minutes is below 0"),
        ([("97110", 15.5)], "15.5 minutes is not a whole number"),
        ([("97110", "15")], "'15' minutes is not a whole number"),
        ([("97110", True)], "True minutes is not a whole number"),
        ([("97110", 15, 7.5)], "7.5 assistant minutes is not a whole number"),
        ([("97110", None)], "97110 is timed: give its minutes"),
        ([("97150", 0)], "97150 with 0 minutes"),
        ([("97110", 15, 16)], "the assistant's 16 minutes are more than the 15"),
        ([("97150", None, 5)], "the assistant's 5 minutes are more than the 0"),
        ([("97110", 1000), ("97150", 441)], "1441 minutes in all are more than a day"),
        ([], "No code was given"),
        ([("9711", 15)], "'9711' is no procedure code"),
        ([("97110", 15, 0, "chiro")], "'chiro' is no therapy discipline"),
        ([("97110", 15, 0, "PT"), ("97535", 15, 0, "OT")], "PT and OT together"),
        ([("97130", 15)], "Count its units yourself"),
        ([("97129", 15, 15, "SLP")], "SLP has no modifier for an assistant"),
    ],
)
def test_what_cannot_be_is_refused(minutes, says):
    with pytest.raises(InputError, match=re.escape(says)):
        visit(*minutes)


def test_a_whole_day_is_possible():
    assert visit(("97110", 1440)).timed_units == 96


def test_the_visit_holds_its_one_on_one_minutes():
    assert visit(("97110", 33), ("97140", 7), ("97150", 60), visit_minutes=40).timed_units == 3
    with pytest.raises(InputError, match=r"40 one-on-one minutes.*more than the visit's 39"):
        visit(("97110", 33), ("97140", 7), visit_minutes=39)
    for wrong in (-1, 1441, "40", 40.0, True):
        with pytest.raises(InputError, match="A visit of"):
            visit(("97110", 8), visit_minutes=wrong)


def test_rules_and_dates_that_are_not_known():
    with pytest.raises(InputError, match="cms, midpoint, ama"):
        visit(("97110", 15), rule="eights")
    with pytest.raises(InputError, match="1998-12-31 is before"):
        visit(("97110", 15), date=dt.date(1998, 12, 31))
    assert visit(("97110", 15), date=None).units == {"97110": 1}


# Assistants -----------------------------------------------------------------------------------------------------------------


def flagged(answer):
    return sum(line.units for line in answer.lines if len(line.modifiers) == 2)


@pytest.mark.parametrize(
    ("therapist", "assistant", "lines", "why"),
    [
        (30, 0, [2, 0], []),
        (0, 30, [0, 2], ["assistant_full_time", "assistant_full_time"]),
        (15, 15, [1, 1], ["therapist_full_time", "assistant_full_time"]),
        (5, 10, [0, 1], ["over_de_minimis"]),
        (8, 7, [1, 0], ["midpoint_exception"]),
        (7, 8, [0, 1], ["over_de_minimis"]),
        (14, 1, [1, 0], ["midpoint_exception"]),
        (15, 7, [1, 0], ["therapist_full_time"]),  # 22 minutes are one unit, and it is the therapist's
        (7, 15, [0, 1], ["assistant_full_time"]),
        (22, 23, [1, 2], ["therapist_full_time", "assistant_full_time", "over_de_minimis"]),  # 7 and 8 over
        (25, 20, [2, 1], ["therapist_full_time", "assistant_full_time", "midpoint_exception"]),  # 10 and 5 over
        (13, 23, [1, 1], ["assistant_full_time", "midpoint_exception"]),  # 13 and 8 over
        (23, 15, [2, 1], ["therapist_full_time", "assistant_full_time", "therapist_alone"]),
        (12, 14, [1, 1], ["two_left_without", "two_left_with"]),
        (9, 14, [1, 1], ["two_left_without", "two_left_with"]),
        (27, 14, [2, 1], ["therapist_full_time", "two_left_without", "two_left_with"]),
        (0, 8, [0, 1], ["over_de_minimis"]),
        (4, 3, [0, 0], []),  # no unit, so no modifier
    ],
)
@pytest.mark.parametrize(("discipline", "plan", "modifier"), [("PT", "GP", "CQ"), ("OT", "GO", "CO")])
def test_which_units_take_the_modifier(therapist, assistant, lines, why, discipline, plan, modifier):
    answer = visit(("97110", therapist + assistant, assistant, discipline))
    expected = [Line("97110", lines[0], (plan,)), Line("97110", lines[1], (plan, modifier))]
    assert answer.lines == [line for line in expected if line.units]
    places = {"full_time", "only_remainder", "remainder_too_short"}
    assert [code for code in codes_of(answer, "97110") if code not in places] == why
    assert "simple test" not in " ".join(reason.sentence for reason in answer.reasons)


def test_several_codes_with_a_therapist_and_an_assistant():
    """66 minutes, four units: the assistant's 23 and the therapist's 13 of one code, the therapist's 30 of another."""
    answer = visit(("97110", 36, 23), ("97140", 30))
    assert answer.units == {"97110": 2, "97140": 2}
    assert answer.lines == [
        ("97110", 1, ("GP",)),
        ("97110", 1, ("GP", "CQ")),
        ("97140", 2, ("GP",)),
    ]


def test_before_2022_the_last_unit_has_no_exception():
    before = {"date": dt.date(2021, 12, 31)}
    assert flagged(visit(("97110", 15, 7), **before)) == 1
    assert flagged(visit(("97110", 15, 7), date=dt.date(2022, 1, 1))) == 0
    assert flagged(visit(("97110", 26, 14), **before)) == 2
    assert flagged(visit(("97110", 26, 14), date=dt.date(2022, 1, 1))) == 1
    within = visit(("97110", 15, 1), **before)
    assert flagged(within) == 0
    assert "1 of 15 minutes the assistant's, 7 percent: no CQ" in sentence(within, "within_de_minimis")


@pytest.mark.parametrize(
    ("date", "count", "told"),
    [
        ("2019-12-31", 0, "modifier_not_yet"),
        ("2020-01-01", 2, "modifier_reported_only"),
        ("2021-12-31", 2, "modifier_reported_only"),
        ("2022-01-01", 2, None),
    ],
)
def test_the_modifier_by_date(date, count, told):
    answer = visit(("97110", 30, 30), date=dt.date.fromisoformat(date))
    assert flagged(answer) == count
    assert {"modifier_not_yet", "modifier_reported_only"} & set(codes_of(answer)) == ({told} if told else set())
    if told == "modifier_reported_only":
        assert "2022-01-01" in sentence(answer, told)


def test_two_units_left_that_no_rule_parts_are_tested_together():
    """17 minutes with a remainder of 2 that ties with three others: two units are left for 10 and 7 minutes."""
    answer = visit(("97110", 17, 7), ("97112", 2), ("97140", 2), ("97530", 2))
    assert answer.units == {"97110": 2, "97112": 0, "97140": 0, "97530": 0}
    assert flagged(answer) == 1
    left = [reason for reason in answer.reasons if reason.code == "two_left_otherwise"]
    assert [reason.standing for reason in left] == ["assumed"]
    assert "midpoint_exception" in codes_of(answer)
    answer = visit(("97110", 17, 10), ("97112", 2), ("97140", 2), ("97530", 2))  # the therapist's 7 are below 8
    assert flagged(answer) == 2


@pytest.mark.parametrize(
    ("minutes", "assistant", "takes", "percent", "disagree"),
    [
        (30, 3, False, 10, False),
        (30, 4, True, 13, False),
        (45, 4, False, 9, False),
        (45, 5, True, 11, True),  # 4.5, rounded 5, and one: from 6 minutes up
        (45, 6, True, 13, False),
        (124, 13, False, 10, True),  # 10.48 percent; 12 and one: from 13 minutes up
        (15, 2, True, 13, True),  # from 3 minutes up
        (15, 3, True, 20, False),
    ],
)
def test_both_tests_of_an_untimed_code(minutes, assistant, takes, percent, disagree):
    answer = visit(("97150", minutes, assistant))
    modifiers = ("GP", "CQ") if takes else ("GP",)
    assert answer.lines == [Line("97150", 1, modifiers)]
    assert f"{percent} percent" in sentence(answer, "over_de_minimis" if takes else "within_de_minimis")
    assert "percentage test" in sentence(answer, "over_de_minimis" if takes else "within_de_minimis")
    assert ("tests_disagree" in codes_of(answer)) == disagree


def test_the_tests_may_disagree_on_a_unit_too():
    answer = visit(("97110", 8, 1))  # 12.5 percent, rounded 13; the simple test takes it from 2 of 8 minutes up
    assert flagged(answer) == 1
    assert "from 2 of 8 minutes" in sentence(answer, "tests_disagree")


def test_an_hourly_code_is_weighed_as_a_whole():
    answer = visit(("96125", 100, 20, "OT"))
    assert answer.lines == [Line("96125", 2, ("GO", "CO"))]
    assert "whole_service" in codes_of(answer)
    assert visit(("96125", 100, 10, "OT")).lines == [Line("96125", 2, ("GO",))]


def test_the_legal_ways_may_differ_in_modifiers():
    answer = visit(("97110", 20), ("97140", 20, 20))
    assert flagged(answer) == 1
    assert "1 as placed here, 2 with 97110x1 97140x2" in sentence(answer, "alternatives_differ")
    assert flagged(visit(("97110", 20), ("97140", 20, 20), choice={"97140": 2})) == 2
    assert "alternatives_differ" not in codes_of(visit(("97110", 20, 20), ("97140", 20, 20)))
    many = visit(*((code, 7, 7 if n < 2 else 0) for n, code in enumerate((*CODES, "97116", "97535", "97537"))))
    assert "in all 35 ways" in sentence(many, "alternatives_differ")


def test_any_minutes_of_therapist_and_assistant():
    draw = random.Random(20220101)
    for _ in range(3000):
        given = [(code, draw.randint(0, 60)) for code in CODES[: draw.randint(1, 4)]]
        given = [(code, minutes, draw.randint(0, minutes)) for code, minutes in given]
        answer = visit(*given, date=draw.choice((ON, dt.date(2021, 6, 1))), rule=draw.choice(("cms", "midpoint")))
        for code, minutes, assistant in given:
            count = answer.units[code]
            parts = [line.units for line in answer.lines if line.hcpcs == code]
            with_it = sum(line.units for line in answer.lines if line.hcpcs == code and "CQ" in line.modifiers)
            assert sum(parts) == count
            assert assistant // 15 <= with_it <= count - (minutes - assistant) // 15
            if assistant in (0, minutes):
                assert with_it == (count if assistant else 0)


def test_the_midpoint_rule_has_modifiers_too_and_says_whose_they_are():
    answer = visit(("97110", 26, 14), rule="midpoint")
    assert flagged(answer) == 1
    assert "modifier_other_payer" in codes_of(answer)
    assert "modifier_other_payer" not in codes_of(visit(("97110", 26, 14)))


def test_speech_lines_carry_their_modifier():
    assert visit(("92507", None, 0, "speech therapy")).lines == [Line("92507", 1, ("GN",))]


# The policy file ------------------------------------------------------------------------------------------------------------


def test_every_reason_of_the_file_is_used_and_every_one_used_is_there():
    named = policy.load("therapy")["reason"]
    source = Path(units_module.__file__).read_text(encoding="utf-8")
    for name, entry in named.items():
        assert f'"{name}"' in source, name
        assert entry["standing"] in policy.STANDINGS
        assert entry["source"].strip()
    for name in re.findall(r'_reason\(\s*"([a-z_]+)"', source):
        assert name in named, name


def test_the_parameters_have_sources_and_standings():
    table = policy.load("therapy")
    said = [table["units"], table["midpoint"], table["assistant"], table["assistant"]["midpoint"], *table["timed"].values()]
    for entry in said:
        assert entry["standing"] in policy.STANDINGS
        assert entry["source"].strip()
    assert set(table["timed"]) <= {unit.words for unit in therapy_codes.units().values() if unit.timed}


# The command ----------------------------------------------------------------------------------------------------------------


def run(*args):
    return CliRunner().invoke(units_command, list(args))


def answered(*args):
    done = run(*args, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_the_command_as_json():
    got = answered("97110=33", "97140=7", "97150=20", "--date", "2025-10-15")
    assert list(got) == ["total_minutes", "timed_units", "units", "alternatives", "reasons"]
    assert got["total_minutes"] == 40
    assert got["timed_units"] == 3
    assert got["units"] == {"97110": 2, "97140": 1, "97150": 1}
    assert got["alternatives"] == []
    assert {tuple(reason) for reason in got["reasons"]} == {("code", "hcpcs", "unit", "sentence", "standing", "source")}


def test_the_command_names_the_other_ways():
    got = answered("--rule", "cms", "97110=20", "97140=20")
    assert got["units"] == {"97110": 2, "97140": 1}
    assert got["alternatives"] == [{"97110": 1, "97140": 2}]
    assert answered("--rule", "midpoint", "97110=20", "97140=20")["units"] == {"97110": 1, "97140": 1}
    assert answered("--rule", "ama", "97110=24", "97140=23")["timed_units"] == 4


def test_the_command_with_an_assistant():
    args = ("97110=36", "97140=30", "--assistant", "97110=23", "--discipline", "OT", "--date", "2025-10-15")
    got = answered(*args)
    assert list(got) == ["total_minutes", "timed_units", "units", "alternatives", "reasons", "lines"]
    assert got["lines"] == [
        {"hcpcs": "97110", "units": 1, "modifiers": ["GO"]},
        {"hcpcs": "97110", "units": 1, "modifiers": ["GO", "CO"]},
        {"hcpcs": "97140", "units": 2, "modifiers": ["GO"]},
    ]
    text = run(*args).output
    assert "97110-GO-CO    1 unit\n" in text
    assert "97140-GO       2 units\n" in text


def test_assistant_minutes_of_a_code_typed_twice():
    got = answered("97110=10", "97110=20", "--assistant", "97110=15", "--assistant", "97110=15", "--date", "2025-10-15")
    assert got["lines"] == [{"hcpcs": "97110", "units": 2, "modifiers": ["GP", "CQ"]}]


def test_the_command_for_people():
    text = run("97110=20", "97140=20", "97150", "--date", "2025-10-15").output
    assert text.startswith("40 timed minutes, 3 timed units (Medicare's total-time rule)\n")
    assert "97110  2 units\n" in text
    assert "Equally legal\n  97110 1, 97140 2, 97150 1\n" in text
    assert "Claim lines" not in text
    assert max(map(len, text.splitlines())) <= 110
    assert "1 timed unit (CPT's midpoint rule" in run("97110=8", "--rule", "midpoint").output


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["97110"], "give its minutes"),
        (["97110=abc"], "no code with whole minutes"),
        (["97110=7.5"], "no code with whole minutes"),
        (["97110=-5"], "below 0"),
        (["97110=60", "--visit-minutes", "45"], "more than the visit's 45"),
        (["97110=15", "--assistant", "97110=20"], "more than the 15"),
        (["97110=15", "--assistant", "97110"], "give the minutes too"),
        (["97110=15", "--assistant", "97110=-1"], "below 0"),
        (["97110=15", "--assistant", "97140=5"], "97140 is not among the codes"),
        (["97110=15", "--date", "15.10.2025"], "is not a date"),
        (["97110=15", "--discipline", "XX"], "no therapy discipline"),
        (["97039=15"], "--timed 97039"),
    ],
)
def test_the_command_refuses_with_what_to_do(args, says):
    done = run(*args)
    assert isinstance(done.exception, InputError)
    assert says in str(done.exception)


def test_the_command_takes_a_code_as_timed():
    assert answered("97039=15", "--timed", "97039")["timed_units"] == 1
