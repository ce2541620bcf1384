"""A year in every locality: each is what the volumes come to when they are priced there."""

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest

from feecalc.analysis import elsewhere
from feecalc.analysis.mix import read_mix, samples
from feecalc.analysis.revenue import Basis, price
from feecalc.errors import NotLoadedError

VISITS = b"""CPT,Mod,Units,Visit,DOS,ZIP
97530,GP,1,V1,2025-10-15,94105
97110,GP,2,V1,2025-10-15,94105
97110,GP,2,V2,2025-10-15,94105
97140,GP,1,V2,2025-10-15,94105
70553,,3,,2025-10-20,94105
ZZZZZ,,3,,2025-10-20,94105
"""


@pytest.mark.parametrize("at_once", [1, 200_000], ids=["place by place", "all together"])
def test_each_place_has_what_its_own_pricing_says(opened, monkeypatch, at_once):
    monkeypatch.setattr(elsewhere, "AT_ONCE", at_once)
    mix, basis = read_mix(VISITS, "v.csv"), Basis(date=dt.date(2025, 10, 15))
    told: list[tuple[int, int]] = []
    found = elsewhere.everywhere(price(mix, basis, opened), opened, lambda done, of: told.append((done, of)))
    assert found.height == 109
    assert told[-1] == (109, 109)
    assert len(told) == (109 if at_once == 1 else 1)
    assert found["allowed"].is_sorted()
    for row in found.gather_every(9).iter_rows(named=True):
        there = price(mix, replace(basis, locality=f"{row['mac']}-{row['locality']}"), opened).totals
        assert (row["allowed"] * 100, row["received"] * 100) == (there["allowed"], there["received"])


def test_therapy_without_visits_is_estimated_place_by_place(opened):
    mix = read_mix(samples()["therapy_clinic"])
    basis = Basis(date=dt.date(2026, 7, 1), zip="35203")
    here = price(mix, basis, opened)
    found = elsewhere.everywhere(here, opened)
    alabama = found.row(by_predicate=pl.col("mac").eq("10112") & pl.col("locality").eq("00"), named=True)
    assert alabama["allowed"] * 100 == here.totals["allowed"]
    assert alabama["name"] == "Alabama"


def test_places_are_those_that_every_release_knows(opened):
    mix = read_mix(b"CPT,Units,Month\n97110,3,2020-01\n97110,3,2025-01\n", "v.csv")
    found = elsewhere.everywhere(price(mix, Basis(), opened), opened)
    names = [
        {(p.mac, p.locality) for p in elsewhere.places.places(opened.schedule, name) if p.mac} for name in ("2020A", "2025A")
    ]
    assert set(found.select("mac", "locality").iter_rows()) == names[0] & names[1]
    assert found["allowed"].null_count() == 0


def test_volumes_without_a_release_have_no_places(opened):
    mix = read_mix(b"CPT,Units,Month\n97110,3,1999-01\n", "v.csv")
    with pytest.raises(NotLoadedError, match="No row was priced"):
        elsewhere.everywhere(price(mix, Basis(), opened), opened)
