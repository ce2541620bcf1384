"""Explanations: a trace replays to the amount and names rules, sources, standings, numbers of law; a waterfall adds up."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from reference.claims import random_claims

import feecalc
from feecalc import policy
from feecalc.pricing import explain

from .random_frames import frame_of

CLAIMS, SEED = 2_500, 20261101


@pytest.fixture(scope="module")
def explained(opened) -> list[dict]:
    return feecalc.price(frame_of(random_claims(opened.schedule, CLAIMS, SEED)), explain=True).to_dicts()


def test_every_trace_replays_to_the_allowed_amount(explained):
    priced = [line for line in explained if line["outcome"] == "priced"]
    assert len(priced) > 3_000
    for line in priced:
        at = Decimal(0)
        for step in line["trace"]:
            assert Decimal(step["from"]) == at, line
            at = Decimal(step["to"])
        assert at == line["allowed"], line


def test_every_step_says_what_it_rests_on(explained):
    steps = [step for line in explained for step in line["trace"] or []]
    assert len({step["step"] for step in steps}) >= 12, "the random claims reach too few rules"
    for step in steps:
        assert step["rule"].endswith("."), step
        assert step["source"], step
        assert step["standing"] in policy.STANDINGS, step


def test_an_answer_is_as_sure_as_its_weakest_step(explained):
    for line in explained:
        grounds = [step["standing"] for step in line["trace"] or []]
        assert policy.STANDINGS.index(line["sure"]) >= max(map(policy.STANDINGS.index, grounds), default=0), line
        assert line["because"], line


@pytest.mark.parametrize(
    ("asked", "standing", "because"),
    [
        ({}, "verified", "Reproduced from CMS's own payment files."),
        ({"units": 2}, "assumed", "One unit's amount is rounded to cents, then multiplied by the units."),
        ({"locality": "national"}, "assumed", "National amounts use 1.000 for all three GPCIs."),
        ({"modifiers": "25"}, "assumed", "The modifier changes nothing of the allowed amount: 25."),
    ],
)
def test_what_no_step_shows_counts_for_how_sure_an_amount_is(opened, asked, standing, because):
    quote = opened.price("99213", **({"locality": "10112-00", "date": "2025-10-15"} | asked))
    assert (quote.confidence.standing, quote.confidence.because) == (standing, (because,))


def test_a_line_without_an_amount_rests_on_its_reason_alone(opened):
    quote = opened.price("97010", units=2, modifiers="ZZ", locality="national", date="2025-10-15")
    assert quote.confidence.because == (policy.reasons()[quote.reason].sentence,)


def values(opened, code: str, **more) -> dict[str, str]:
    """The numbers of law in the trace of one code, by step."""
    frame = pl.DataFrame({"hcpcs": [code], **{name: [value] for name, value in ({"locality": "national"} | more).items()}})
    return {step["step"]: step["value"] for step in opened.price_lines(frame, explain=True)["trace"][0]}


@pytest.mark.parametrize(
    ("code", "step", "value", "more"),
    [
        ("97110", "fee", "conversion factor 32.3465, 2025-01-01 to 2025-12-31; RVUs of release 2025D", {}),
        ("97110", "fee", "conversion factor 32.3465, 2025-01-01 to 2025-12-31; RVUs and GPCIs of release 2025D",
         {"locality": "10112-00"}),
        ("99213", "fee", "conversion factor 33.5675, 2026-01-01 to 2026-12-31; RVUs of release 2026C",
         {"qp": True, "service_date": dt.date(2026, 8, 1)}),
        ("97110", "therapy_units", "50 percent since 2013-04-01", {"units": 2}),
        ("27447", "both_sides", "150 percent since 1992-01-01", {"modifiers": "50"}),
        ("27447", "role", "16 percent", {"modifiers": "80"}),
        ("66984", "global_package", "20 percent, by release 2025D", {"modifiers": "55"}),
        ("71046", "technology", "FY: 10 percent since 2023-01-01", {"modifiers": "FY"}),
        ("90837", "practitioner", "75 percent since 2024-01-01", {"provider_type": "MHC"}),
        ("99213", "nonparticipating", "95 percent since 1992-01-01", {"participation": "nonparticipating"}),
        ("00840", "anesthesia", "anesthesia conversion factor $19.31 of release 2025D",
         {"modifiers": "AA", "minutes": 95, "locality": "10112-00"}),
    ],
)  # fmt: skip
def test_a_step_names_the_number_of_law_and_its_dates(opened, code, step, value, more):
    found = values(opened, code, **{"service_date": dt.date(2025, 10, 15), **more})
    assert found[step] == value


def test_a_waterfall_adds_up_from_list_price_to_received(opened):
    day = opened.price_day(["97530-GP-CQ", "97110-GP-CQx2", "97140-GP-CQ"], locality="national", date="2025-10-15")
    at, totals = Decimal(0), {}
    for bar in (fall.as_dict() for fall in day.waterfall):
        at = Decimal(bar["amount"]) if bar["label"] == "List price" else at
        if bar["total"]:
            totals[bar["label"]] = Decimal(bar["amount"])
            assert at == Decimal(bar["amount"]), bar
        else:
            at += Decimal(bar["amount"])
    assert totals == {"List price": Decimal("119.36"), "Allowed": Decimal("98.97"), "Received": Decimal("85.76")}


@pytest.mark.parametrize(
    ("on", "rate"), [("2022-05-02", "1 percent since 2022-04-01"), ("2025-10-15", "2 percent since 2022-07-01")]
)
def test_sequestration_names_its_rate_of_the_day(on, rate):
    row = {"_date": dt.date.fromisoformat(on), "_allowed": 10_000, "_deductible": 0, "_coinsurance": 2_000,
           "_medicare_share": 8_000, "_received": 9_900}  # fmt: skip
    (step,) = explain.shares(row)
    assert (step.step, step.value) == ("sequestration", rate)
