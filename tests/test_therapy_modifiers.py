"""The checks of a visit's therapy lines, and the lists that they rest on."""

import datetime as dt

import polars as pl
import pytest

from feecalc import policy
from feecalc.errors import InputError
from feecalc.therapy_codes import disciplines, kinds, units
from feecalc.therapy_modifiers import Line, check

ON = dt.date(2026, 8, 3)


def found(hcpcs, modifiers="", **particulars):
    """The names of the findings of one line."""
    line = Line(1, hcpcs, modifiers.split(), particulars.pop("date", ON), **particulars)
    return [finding.code for finding in check([line])]


# The lists ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["2025D", "2026C"])
def test_the_codes_of_the_therapy_reduction_are_always_therapy(opened, release):
    table = opened.schedule.table(release, "pprrvu").filter(pl.col("modifier") == "", pl.col("mult_proc") == "5")
    reduced = set(table["hcpcs"])
    assert len(reduced) == 52
    assert reduced == set(policy.load("therapy_codes")["always"][0]["codes"])
    assert all(kinds()[code] == "always" for code in reduced)


def test_every_code_of_the_lists_is_in_the_newest_release(opened):
    known = set(opened.schedule.table(opened.schedule.newest.name, "pprrvu")["hcpcs"])
    table = policy.load("therapy_codes")
    listed = {code for name in ("always", "sometimes", "only", "unit") for entry in table[name] for code in entry["codes"]}
    assert not listed - known


def test_no_code_stands_in_two_lists():
    table = policy.load("therapy_codes")
    for names in (("always", "sometimes"), ("unit",), ("only",)):
        codes = [code for name in names for entry in table[name] for code in entry["codes"]]
        assert len(codes) == len(set(codes))


def test_every_entry_has_a_source_and_a_standing():
    table = policy.load("therapy_codes")
    entries = [entry for name in ("discipline", "always", "sometimes", "only", "unit") for entry in table[name]]
    for entry in [*entries, table["assistants"], *table["finding"].values()]:
        assert entry["source"].strip()
        assert entry["standing"] in policy.STANDINGS
    for entry in table["finding"].values():
        assert entry["sentence"].endswith(".")
        assert entry["remedy"].endswith(".")


def test_every_group_code_is_billed_once():
    groups = {code for code, unit in units().items() if unit.group}
    assert groups == {"92508", "97150", "97552"}
    assert all(units()[code].once and not units()[code].timed for code in groups)


def test_the_disciplines():
    found = {name: (one.modifier, one.assistant) for name, one in disciplines().items()}
    assert found == {"PT": ("GP", "CQ"), "OT": ("GO", "CO"), "SLP": ("GN", "")}


# GP, GO and GN ---------------------------------------------------------------------------------------------------------------


def test_a_line_that_fits_has_no_finding():
    assert found("97110", "GP", units=3, discipline="PT", provider_type="PT", above=False) == []
    assert found("97535", "GO CO KX", discipline="OT", provider_type="OT", above=True) == []
    assert found("92507", "GN", discipline="ST", provider_type="SLP") == []
    assert found("99213") == []


def test_always_therapy_needs_a_plan():
    (finding,) = check([Line(4, "97110", [], ON, discipline="PT")])
    assert finding.code == "discipline_missing"
    assert finding.line == 4
    assert "97110" in finding.sentence
    assert finding.remedy.endswith("GP.")
    (finding,) = check([Line(1, "97110", [], ON)])
    assert "one of GP, GO, GN" in finding.remedy
    (finding,) = check([Line(1, "97165", [], ON)])
    assert finding.remedy.endswith("GO."), "the code's own discipline"
    assert found("97110", "KX", provider_type="NP") == ["discipline_missing"], "whoever furnishes it"


def test_sometimes_therapy_needs_one_where_a_therapist_or_a_plan_stands_behind_it():
    assert found("97129") == []
    assert found("97129", provider_type="NP") == []
    assert found("97129", provider_type="SLP") == ["discipline_missing_sometimes"]
    assert found("95992", discipline="PT") == ["discipline_missing_sometimes"]
    assert found("97129", "GN", provider_type="SLP") == []


@pytest.mark.parametrize("modifiers", ["GP GO", "GO GN", "GP GO GN"])
def test_exactly_one_of_the_three(modifiers):
    (finding,) = check([Line(1, "97110", modifiers.split(), ON, provider_type="PT")])
    assert finding.code == "discipline_several"
    assert all(modifier in finding.sentence for modifier in modifiers.split())


def test_the_same_one_twice_is_one():
    assert found("97110", "GP GP") == []


@pytest.mark.parametrize("code", ["99213", "98940", "70551"])
def test_a_plan_on_what_is_no_therapy(code):
    assert found(code, "GP") == ["discipline_not_therapy"]


@pytest.mark.parametrize(
    ("code", "modifier", "wanted"),
    [("97161", "GO", "GP"), ("97164", "GN", "GP"), ("97168", "GP", "GO"), ("92523", "GP", "GN"), ("92607", "GO", "GN")],
)
def test_codes_of_one_discipline(code, modifier, wanted):
    (finding,) = check([Line(1, code, [modifier], ON)])
    assert finding.code == "discipline_of_code"
    assert wanted in finding.sentence
    assert finding.standing == "sourced"
    assert found(code, wanted) == []
    assert found(code, modifier, date=dt.date(2017, 12, 31)) == [], "edited from 2018 on"


def test_the_stated_discipline_and_the_provider_must_agree():
    assert found("97110", "GO", discipline="PT") == ["discipline_stated"]
    assert found("97110", "GO", provider_type="PT") == ["discipline_of_provider"]
    assert found("97110", "GO", provider_type="ot") == []
    assert found("97110", "GO", provider_type="PHYSICIAN") == []
    assert found("97161", "GO", discipline="PT", provider_type="PT") == [
        "discipline_of_code",
        "discipline_stated",
        "discipline_of_provider",
    ]


def test_a_discipline_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"Line 3.*PT, OT, SLP"):
        check([Line(3, "97110", ["GP"], ON, discipline="chiro")])


# Assistants ------------------------------------------------------------------------------------------------------------------


def test_assistants_go_with_their_discipline():
    assert found("97110", "GP CQ") == []
    assert found("97110", "GO CO") == []
    assert found("97110", "GO CQ") == ["assistant_without_discipline"]
    assert found("97110", "GP CO") == ["assistant_without_discipline"]
    assert found("92507", "GN CQ") == ["assistant_without_discipline"]
    assert found("97110", "CQ") == ["discipline_missing", "assistant_without_discipline"]
    (finding,) = check([Line(1, "97110", ["GO", "CQ"], ON)])
    assert "GP" in finding.sentence
    assert finding.standing == "assumed"


def test_both_assistants_on_one_line():
    assert found("97110", "GP CQ CO") == ["assistant_both", "assistant_without_discipline"]


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2019-12-31", ["assistant_not_yet"]),
        ("2020-01-01", ["assistant_no_effect"]),
        ("2021-12-31", ["assistant_no_effect"]),
        ("2022-01-01", []),
    ],
)
def test_assistants_by_date(date, expected):
    assert found("97110", "GP CQ", date=dt.date.fromisoformat(date)) == expected
    assert found("97110", "GO CO", date=dt.date.fromisoformat(date)) == expected


def test_the_dates_are_in_the_words():
    (finding,) = check([Line(1, "97110", ["GP", "CQ"], dt.date(2021, 5, 4))])
    assert "2021-05-04" in finding.sentence
    assert "2022-01-01" in finding.sentence


# KX --------------------------------------------------------------------------------------------------------------------------


def test_kx_above_the_threshold_and_only_there():
    assert found("97110", "GP", above=True) == ["kx_missing"]
    assert found("97110", "GP KX", above=True) == []
    assert found("97110", "GP KX", above=False) == ["kx_early"]
    assert found("97110", "GP", above=False) == []
    assert found("97110", "GP KX") == found("97110", "GP") == [], "where the total is not known, nothing is said"
    (finding,) = check([Line(1, "97110", ["GP"], ON, above=True)])
    assert finding.remedy.startswith("KX or deny")


def test_kx_elsewhere_means_other_things():
    assert found("99213", "KX", above=False) == []
    assert found("99213", above=True) == []
    assert found("97129", "GN", above=True) == ["kx_missing"], "under a plan, sometimes therapy counts too"
    assert found("97129", above=True) == []


def test_kx_from_a_running_total():
    from feecalc import thresholds

    amounts = [thresholds.Line(1, "PT", "35.07"), thresholds.Line(2, "PT", "44.42"), thresholds.Line(3, "PT", "21.21")]
    need = thresholds.Running.of_amount(2026, "PT", "2420").visit(amounts).needs_kx
    lines = [Line(n, "97110", ["GP"], ON, above=n in need) for n in (1, 2, 3)]
    assert [(finding.line, finding.code) for finding in check(lines)] == [(2, "kx_missing"), (3, "kx_missing")]


# Units -----------------------------------------------------------------------------------------------------------------------


def test_untimed_codes_have_one_unit():
    assert found("97161", "GP", units=2) == ["units_once"]
    assert found("G0283", "GP", units=2) == ["units_once"]
    assert found("95992", "GP", units=2) == ["units_once"]
    assert found("97150", "GP", units=2) == ["units_group"]
    assert found("92508", "GN", units=3) == ["units_group"]
    assert found("97129", "GN", units=2) == ["units_first"]
    assert found("97150", "GP", units=1) == []


@pytest.mark.parametrize("code", ["97110", "97112", "97116", "97140", "97530", "97535", "97537", "97130", "96125"])
def test_timed_codes_may_have_several(code):
    assert found(code, "GO", units=4) == []


def test_what_is_not_known_to_be_untimed_is_let_be():
    assert "0791T" not in units()
    assert found("0791T", "GP", units=2) == []


def test_the_unit_and_the_number_are_in_the_words():
    (finding,) = check([Line(1, "95992", ["GP"], ON, units=2)])
    assert "once a day" in finding.sentence
    assert "2 units" in finding.sentence
    (finding,) = check([Line(1, "97129", ["GN"], ON, units=2)])
    assert "first 15 minutes" in finding.sentence


def test_findings_come_in_the_order_of_the_lines():
    lines = [Line(2, "97150", ["GP"], ON, units=2), Line(1, "97110", [], ON), Line(3, "97140", ["GP"], ON)]
    assert [finding.line for finding in check(lines)] == [2, 1]


def test_texts_in_any_case():
    assert found(" g0283 ", "gp cq") == []
    assert found("97110", "go", provider_type="pt") == ["discipline_of_provider"]
