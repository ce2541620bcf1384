"""Lines are told apart by kinds, and what was worked out for a kind is kept: neither may change any line's answer."""

import datetime as dt
import random

import polars as pl
import pytest
from reference.claims import random_claims

from feecalc.api import OpenSchedule
from feecalc.pricing import engine, kinds

from .random_frames import frame_of


@pytest.fixture(scope="module")
def lines(opened):
    return frame_of(random_claims(opened.schedule, 900, seed=11))


def test_numbers_tell_rows_apart_exactly_where_their_values_differ():
    rng = random.Random(5)
    for span in (2, 1_000, 2**40, 2**62):
        frame = pl.DataFrame(
            {
                "a": [rng.choice([None, rng.randrange(span)]) for _ in range(400)],
                "b": [rng.choice([None, -rng.randrange(span)]) for _ in range(400)],
                "c": [rng.choice([None, True, False]) for _ in range(400)],
                "d": [rng.choice([None, "", "x", "y"]) for _ in range(400)],
                "e": [None] * 400,
            },
            schema_overrides={"e": pl.Int64},
        )
        found = kinds.tell_apart(kinds.as_categories(frame))
        first = {row: number for number, row in reversed(list(enumerate(frame.rows())))}
        places = sorted(set(first.values()))
        assert found.first.to_list() == places
        assert found.of_line.to_list() == [places.index(first[row]) for row in frame.rows()]


def test_rows_that_all_differ_are_each_of_their_own_kind():
    frame = pl.DataFrame({"a": ["x", "y", None], "day": [None, dt.date(2026, 1, 1), dt.date(2026, 1, 1)]})
    found = kinds.tell_apart(kinds.as_categories(frame))
    assert (found.of_line, found.first) == (None, None)
    assert found.one_of_each(frame).equals(frame)
    twice = kinds.tell_apart(kinds.as_categories(pl.concat([frame, frame.reverse()])))
    assert twice.of_line.to_list() == [0, 1, 2, 2, 1, 0]


@pytest.mark.parametrize("few", [0, 10**9], ids=["as many", "as few"])
def test_rules_that_priced_other_frames_before_give_what_fresh_ones_give(opened, lines, monkeypatch, few):
    """Frames of any size, with lines twice, in any order, with more columns or fewer: all by one and the same rules."""
    monkeypatch.setattr(engine, "FEW", few)
    rules = engine.Rules(opened.schedule.tables())
    rng = random.Random(2)
    claims = lines["claim_id"].unique(maintain_order=True).to_list()
    for size in (1, 300, 7, 2, 120, 300):
        chosen = rng.sample(claims, size)
        frame = lines.filter(pl.col("claim_id").is_in(chosen)).sample(fraction=1, shuffle=True, seed=size)
        if size == 7:
            frame = frame.drop("provider_type", "participation")
        again = frame.with_columns(claim_id=pl.col("claim_id") + " again")
        both = pl.concat([frame, again])
        fresh = engine.price(frame, engine.Rules(opened.schedule.tables(codes=set(frame["hcpcs"]))))
        priced = engine.price(both, rules)
        for half in (priced.head(frame.height), priced.tail(frame.height)):
            assert half.drop("claim_id").equals(fresh.drop("claim_id"))


def test_a_file_of_many_kinds_forgets_and_goes_on(opened, lines, monkeypatch):
    monkeypatch.setattr(kinds.Memory, "MOST", 5)
    monkeypatch.setattr(kinds.Memory, "MOST_FEW", 5)
    expected = engine.price(lines, engine.Rules(opened.schedule.tables()))
    for few in (0, 10**9):
        monkeypatch.setattr(engine, "FEW", few)
        rules = engine.Rules(opened.schedule.tables())
        for _ in range(3):
            assert engine.price(lines, rules).equals(expected)


def test_two_days_of_one_era_are_priced_alike(opened):
    """The first day of every span, the day before it and the last: as many lines at once as one by one."""
    rules = engine.Rules(opened.schedule.tables())
    starts = rules.eras.to_list()
    days = sorted({day for start in starts for day in (start, start.replace(day=15))})
    frame = pl.DataFrame({"service_date": days}).select(
        "service_date", hcpcs=pl.lit("G0105"), modifiers=pl.lit("PT"), locality=pl.lit("10112-00"), pos=pl.lit("10")
    )
    one_by_one = pl.concat([OpenSchedule(opened.schedule).price_lines(frame[n]) for n in range(0, frame.height, 5)])
    many = pl.concat([frame] * (1 + engine.FEW // frame.height))
    assert engine.price(many, rules)[: frame.height][::5].equals(one_by_one)
