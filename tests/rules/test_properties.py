"""What holds for every claim, whatever its codes: on random claims, from seeds that hypothesis draws."""

import random
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.claims import random_claims

import feecalc
from feecalc.pricing.lines import ADDED

from .random_frames import frame_of

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(10, 40)
SIDES = ("LT", "RT")
ANSWER = list(ADDED)
often = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module")
def draw(opened):
    def claims(count: int, seed: int, name: str = "C") -> list[dict]:
        """Random claims under names of their own."""
        lines = random_claims(opened.schedule, count, seed)
        for line in lines:
            if line["claim_id"] is not None:
                line["claim_id"] = name + line["claim_id"][1:]
        return lines

    return claims


@pytest.fixture(scope="module")
def family_codes(opened) -> set[str]:
    """Every code that is in an endoscopy family in some release."""
    codes: set[str] = set()
    for release in opened.schedule.priceable():
        table = opened.schedule.table(release, "pprrvu").filter(pl.col("endo_base") != "")
        codes |= {*table["hcpcs"], *table["endo_base"]}
    return codes


def answers(lines: list[dict]) -> list[tuple]:
    """What feecalc adds to each line."""
    return feecalc.price(frame_of(lines)).select(ANSWER).rows()


def priced(lines: list[dict]) -> list[dict]:
    return feecalc.price(frame_of(lines)).to_dicts()


def same(lines: list[dict], before: list[tuple], after: list[tuple]) -> None:
    off = [f"{line}\n  {one}\n  {other}" for line, one, other in zip(lines, before, after, strict=True) if one != other]
    assert not off, "\n".join([f"{len(off)} of {len(lines)} lines differ", *off[:5]])


@often
@given(seed=SEEDS, count=COUNTS)
def test_the_order_of_lines_changes_only_their_order(draw, seed, count):
    lines = draw(count, seed)
    order = list(range(len(lines)))
    random.Random(seed).shuffle(order)
    shuffled = answers([lines[index] for index in order])
    back = [answer for _, answer in sorted(zip(order, shuffled, strict=True), key=lambda pair: pair[0])]
    same(lines, answers(lines), back)


@often
@given(seed=SEEDS, count=COUNTS, other=SEEDS)
def test_an_unrelated_claim_changes_nothing(draw, seed, count, other):
    lines = draw(count, seed)
    beside = draw(5, other, "X")
    together = answers(beside[: len(beside) // 2] + lines + beside[len(beside) // 2 :])
    start = len(beside) // 2
    same(lines, answers(lines), together[start : start + len(lines)])


@often
@given(seed=SEEDS, count=COUNTS, where=st.floats(0, 1))
def test_a_frame_in_two_parts_gives_the_same_rows(draw, seed, count, where):
    lines = draw(count, seed)
    starts = [
        index
        for index, line in enumerate(lines)
        if index and (line["claim_id"] is None or line["claim_id"] != lines[index - 1]["claim_id"])
    ]
    cut = starts[min(int(where * len(starts)), len(starts) - 1)]
    frame = frame_of(lines)
    parts = pl.concat([feecalc.price(frame[:cut]), feecalc.price(frame[cut:])])
    same(lines, feecalc.price(frame).rows(), parts.rows())


@often
@given(seed=SEEDS, count=COUNTS)
def test_never_more_than_the_charge(draw, seed, count):
    """Of two lines that may be a pair (one code, LT and RT, one day), the totals are compared where both have a charge."""
    sides: dict[tuple, list[dict]] = {}
    for line in priced(draw(count, seed)):
        side = [s for s in SIDES if s in line["modifiers"].split()]
        if line["claim_id"] is not None and len(side) == 1:
            sides.setdefault((line["claim_id"], line["service_date"], line["hcpcs"]), []).append(line)
        elif line["charge"] is not None and line["allowed"] is not None:
            assert line["allowed"] <= line["charge"], line
    for lines in sides.values():
        if len(lines) != 2:
            for line in lines:
                if line["charge"] is not None and line["allowed"] is not None:
                    assert line["allowed"] <= line["charge"], line
        elif None not in [line["charge"] for line in lines]:
            allowed = sum((line["allowed"] or Decimal(0) for line in lines), Decimal(0))
            assert allowed <= sum(line["charge"] for line in lines), lines


@often
@given(seed=SEEDS, count=COUNTS)
def test_removing_a_reduced_line_never_lowers_another(draw, family_codes, seed, count):
    """Outside endoscopy families, and for a code on one line of its claim (two lines of a code may be a pair)."""
    claims: dict[str, list[dict]] = {}
    for line in draw(count, seed):
        if line["claim_id"] is not None:
            claims.setdefault(line["claim_id"], []).append(line)
    plain = [lines for lines in claims.values() if not family_codes & {line["hcpcs"] for line in lines}]
    whole = priced([line for lines in plain for line in lines])
    by_claim: dict[str, list[dict]] = {}
    for line in whole:
        by_claim.setdefault(line["claim_id"], []).append(line)
    without, known = [], []
    for name, lines in by_claim.items():
        for index, line in enumerate(lines):
            reduced = line["outcome"] == "priced" and {"reduced", "therapy_reduced"} & set(line["flags"].split())
            if not reduced or [other["hcpcs"] for other in lines].count(line["hcpcs"]) > 1:
                continue
            kept = [place for place in range(len(lines)) if place != index]
            without += [claims[name][place] | {"claim_id": f"{name} without {index}"} for place in kept]
            known += [(lines[place], line) for place in kept]
    if not without:
        return
    for after, (before, gone) in zip(priced(without), known, strict=True):
        if before["outcome"] == "priced":
            assert after["outcome"] == "priced", (before, after, gone)
            assert after["allowed"] >= before["allowed"], (before, after, gone)


@often
@given(seed=SEEDS, count=COUNTS)
def test_the_amounts_of_a_line_add_up(draw, seed, count):
    for line in priced(draw(count, seed)):
        if line["outcome"] == "cannot_price":
            continue
        paid = line["deductible"] + line["coinsurance"] + line["medicare_share"] - line["sequestration"]
        assert line["received"] == paid, line
        shared = line["deductible"] + line["coinsurance"] + line["medicare_share"]
        if {"CQ", "CO"} & set(line["modifiers"].split()):
            assert shared <= line["allowed"], line
        else:
            assert shared == line["allowed"], line
        assert line["deductible"] <= (line["deductible_left"] or 0), line
        assert min(line[name] for name in ("deductible", "coinsurance", "medicare_share", "sequestration")) >= 0, line


@often
@given(seed=SEEDS, count=COUNTS)
def test_every_line_has_exactly_one_outcome(draw, seed, count):
    of_lines = ("deductible", "coinsurance", "medicare_share", "sequestration", "received")
    for line in priced(draw(count, seed)):
        assert line["outcome"] in ("priced", "zero", "cannot_price"), line
        assert (line["reason"] is None) == (line["outcome"] == "priced"), line
        assert (line["fee"] is not None) == (line["outcome"] == "priced"), line
        amounts = [line["allowed"], *(line[name] for name in of_lines)]
        if line["outcome"] == "cannot_price":
            assert amounts == [None] * 6, line
        elif line["outcome"] == "zero":
            assert amounts == [Decimal(0)] * 6, line
        else:
            assert None not in amounts, line


def test_a_day_without_a_price_reads_the_same_beside_another_claim():
    """Flags too: what else is in the frame is no business of a claim."""
    refused = [{"hcpcs": "74177", "modifiers": "TC 52"}, {"hcpcs": "71260", "modifiers": "52"}]
    common = {"service_date": date(2025, 10, 15), "locality": "national"}
    day = [common | {"claim_id": "A", "line": number} | line for number, line in enumerate(refused, 1)]
    other = common | {"claim_id": "B", "line": 1, "hcpcs": "93306", "units": 2}
    same(day, answers(day), answers([*day, other])[:2])
