"""Every worked example of the payment rules (section 25) through feecalc: tests/cases/worked_examples.toml."""

from decimal import Decimal

import polars as pl
import pytest

import feecalc
from feecalc.money import to_cents, to_dollars
from feecalc.pricing import fee

from .cases import compare, frame_of, load

EXAMPLES = load("worked_examples.toml", "example")
BY_NUMBER = {example["number"]: example for example in EXAMPLES}
CLAIMS = [
    pytest.param(example, claim, id=f"{example['number']}{'abcdefghijklmnop'[place] if len(example['claim']) > 1 else ''}")
    for example in EXAMPLES
    for place, claim in enumerate(example.get("claim", []))
]


def test_all_96_examples_are_here():
    assert [example["number"] for example in EXAMPLES] == list(range(1, 97))
    for example in EXAMPLES:
        assert example["name"]
        assert example["source"].startswith("section 25.")
        assert example.get("claim") or example.get("not_priced_here"), example["number"]


@pytest.mark.parametrize(("example", "claim"), CLAIMS)
def test_example(example, claim):
    results = feecalc.price(frame_of(claim)).to_dicts()
    wrong = compare(results, claim)
    wrong += [f"release {r['release']}, expected {claim['release']}" for r in results if r["release"] != claim["release"]]
    assert not wrong, "\n".join([f"{example['number']}. {example['name']}", *wrong])


@pytest.mark.parametrize("example", [e for e in EXAMPLES if "overridden_by" in e], ids=lambda e: str(e["number"]))
def test_an_overridden_example_is_cents_away_and_says_why(example):
    assert example["overridden_by"]
    claim = next(claim for claim in example["claim"] if "example_total" in claim)
    apart = [Decimal(claim["total"][name]) - Decimal(value) for name, value in claim["example_total"].items()]
    assert any(apart)
    assert max(map(abs, apart)) <= Decimal("0.02")


def placed(schedule, release, row, gpci_release, figures, work="work"):
    """One row of the fee schedule with the GPCIs of a place."""
    gpci = schedule.table(gpci_release, "gpci").filter(
        (pl.col("mac") == figures["mac"]) & (pl.col("locality") == figures["locality"])
    )
    rows = schedule.table(release, "pprrvu").with_columns(release=pl.lit(release))
    named = gpci.select(gpci_work=work, gpci_pe="pe", gpci_mp="mp")
    return rows.lazy(), named.lazy(), (pl.col("hcpcs") == figures["hcpcs"]) & (pl.col("modifier") == row)


def test_14_without_the_floor_of_the_work_gpci(opened):
    figures = BY_NUMBER[14]["figures"]
    release = figures["release_of_rvus"]
    factor = pl.lit(opened.factor(opened.schedule.release(release)))
    for column, expected in (("work", "with_floor"), ("work_unfloored", "without_floor")):
        rows, gpci, wanted = placed(opened.schedule, release, "", figures["release_of_gpci"], figures, column)
        worked = rows.filter(wanted).join(gpci, how="cross").select(**fee.amounts(factor)).collect().to_dicts()
        assert len(worked) == 1
        for setting in ("nonfacility", "facility"):
            assert to_dollars(worked[0][setting]) == Decimal(figures[expected]), (column, setting)


def test_29_the_cap_of_a_contractor_priced_code(opened):
    figures = BY_NUMBER[29]["figures"]
    release = figures["release"]
    rows, gpci, wanted = placed(opened.schedule, release, "", release, figures)
    factor = pl.lit(opened.factor(opened.schedule.release(release)))
    capped = fee.with_cap_work(rows).filter(wanted).join(gpci, how="cross")
    worked = capped.select(**fee.amounts(factor, cap_work="cap_work")).collect().to_dicts()
    assert [to_dollars(row["opps_nonfacility"]) for row in worked] == [Decimal(figures["cap"])]


@pytest.mark.parametrize("number", [30, 31])
def test_a_cap_that_does_not_bind(opened, number):
    for asked in BY_NUMBER[number]["figures"]["asks"]:
        asked = dict(asked)
        cap = asked.pop("opps_cap")
        assert opened.price(**asked).opps_cap == Decimal(cap)


@pytest.mark.parametrize("number", [60, 61, 62])
def test_non_participating_and_limiting_amounts(number):
    figures = BY_NUMBER[number]["figures"]
    cents = pl.Series("cents", [to_cents(figures["participating"])])
    worked = cents.to_frame().select(
        nonparticipating=fee.nonparticipating(pl.col("cents")), limit=fee.limiting_charge(pl.col("cents"))
    )
    assert [to_dollars(c) for c in worked.row(0)] == [Decimal(figures["nonparticipating"]), Decimal(figures["limiting_charge"])]


def test_68_the_anesthesia_factors_of_a_place(opened):
    figures = BY_NUMBER[68]["figures"]
    table = opened.schedule.table(figures["release"], "anesthesia")
    row = table.row(by_predicate=(pl.col("mac") == figures["mac"]) & (pl.col("locality") == figures["locality"]), named=True)
    for name in ("factor", "factor_qp"):
        assert to_dollars(row[name]) == Decimal(figures[name])


def test_96_the_therapy_reduction_does_not_reach_a_visit(opened):
    figures = BY_NUMBER[96]["figures"]
    table = opened.schedule.table(figures["release"], "pprrvu").filter(pl.col("hcpcs") == figures["hcpcs"])
    assert table["mult_proc"].to_list() == [figures["mult_proc"]]
