"""Prices known beforehand: tests/cases/known_values.toml."""

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

CASES = tomllib.loads((Path(__file__).parent / "cases" / "known_values.toml").read_text(encoding="utf-8"))["case"]
MONEY = {"allowed", "fee", "nonfacility", "facility", "therapy", "opps_cap", "nonparticipating", "limiting_charge"}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_known_value(opened, case):
    quote = opened.price(**case["ask"])
    got = {
        "release_name": quote.release.name if quote.release else None,
        "place_key": quote.place.key if quote.place else None,
    }
    for name, expected in case["expect"].items():
        actual = got[name] if name in got else getattr(quote, name)
        if name in MONEY or name == "conversion_factor":
            expected = None if expected == "none" else Decimal(expected)
        elif name == "flags":  # the case names those that matter to it beside the ones of the date
            actual = [flag for flag in actual if flag != "qp_default" or "qp_default" in expected]
        assert actual == expected, name


def test_every_answer_carries_its_source_and_adds_up(opened):
    for case in CASES:
        quote = opened.price(**case["ask"])
        answer = quote.as_dict()
        assert answer["outcome"] in {"priced", "zero", "cannot_price"}
        assert (answer["reason"] is None) == (answer["outcome"] == "priced")
        assert len(answer["source"]["sha256"]) == 64
        assert answer["steps"]
        assert answer["confidence"]["standing"] in {"verified", "sourced", "secondary", "assumed"}
        if answer["outcome"] == "priced":
            assert quote.steps[-1].after == f"${quote.allowed:,}"
            assert abs(sum(quote.components.values()) - quote.fee) <= Decimal("0.005")
