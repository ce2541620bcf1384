"""Every pricing convention by cases worked by hand: tests/cases/conventions.toml, through feecalc and the reference pricer."""

from collections import Counter

import pytest
from reference import pricer

import feecalc

from .cases import MONEY, compare, dollars, for_reference, frame_of, lines_of, load

CASES = load("conventions.toml", "case")
CONVENTIONS = "A2 B1 B2 B3 B4 C1 C2 C3 C4 D1 D2 D3 D4 D5 D6 D7 D8 E1 E2 E3 E4 E5 E6 E7 E8 F1 F2 F3 F4 F5 F6".split()
PARAMETERS = [pytest.param(case, id=f"{case['convention']} {case['name']}") for case in CASES]


@pytest.fixture(scope="module")
def reference(opened):
    return pricer.Reference(opened.schedule)


def told(case, wrong):
    return "\n".join([f"{case['convention']}: {case['name']}", case["why"], *wrong])


@pytest.mark.parametrize("case", PARAMETERS)
def test_feecalc(case):
    wrong = compare(feecalc.price(frame_of(case)).to_dicts(), case)
    assert not wrong, told(case, wrong)


@pytest.mark.parametrize("case", PARAMETERS)
def test_reference(case, reference):
    if case.get("cms") and not reference.base_units:
        pytest.skip(f"CMS's own files are not here ({pricer.CMS_DIR}); set FEECALC_CMS_DIR")
    results = reference.price([for_reference(line) for line in lines_of(case)])
    in_dollars = [result | {name: dollars(result[name]) for name in MONEY} for result in results]
    wrong = compare(in_dollars, case, columns=("outcome", *MONEY))
    assert not wrong, told(case, wrong)


def test_every_convention_has_three_cases_and_an_edge():
    assert {case["convention"] for case in CASES} == set(CONVENTIONS)
    counted = Counter(case["convention"] for case in CASES)
    assert not {convention: count for convention, count in counted.items() if count < 3}
    assert {case["convention"] for case in CASES if case.get("edge")} == set(CONVENTIONS)


def test_every_case_says_why_and_has_a_name_of_its_own():
    names = Counter((case["convention"], case["name"]) for case in CASES)
    assert max(names.values()) == 1
    for case in CASES:
        assert case["why"]
        assert len(case["lines"]) == len(case["expect"]), case["name"]
