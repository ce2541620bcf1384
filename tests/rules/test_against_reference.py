"""feecalc against the reference pricer on random claims: every line, every amount."""

from decimal import Decimal

import polars as pl
import pytest
from reference import pricer
from reference.claims import random_claims

import feecalc

from .cases import MONEY, dollars
from .random_frames import frame_of

CLAIMS, SEED = 20_000, 20250101
AMOUNTS = ("outcome", *MONEY)


def expected(results: list[dict]) -> list[tuple]:
    return [(result["outcome"], *(dollars(result[name]) for name in MONEY)) for result in results]


def difference(lines: list[dict], answers: pl.DataFrame, wanted: list[tuple], most: int = 5) -> str:
    """The first lines that differ, each with its whole claim; empty where none does."""
    got = answers.select(AMOUNTS).rows()
    off = [index for index, (mine, theirs) in enumerate(zip(got, wanted, strict=True)) if mine != theirs]
    if not off:
        return ""
    said = [f"{len(off)} of {len(lines)} lines differ"]
    reasons = answers.select("reason", "flags").rows()
    for index in off[:most]:
        here = lines[index]
        said.append(f"\nline {here['line']} of claim {here['claim_id']} ({', '.join(AMOUNTS)})")
        said.append(f"  feecalc   {show(got[index])}  {reasons[index]}")
        said.append(f"  reference {show(wanted[index])}")
        alike = [i for i, line in enumerate(lines) if line["claim_id"] == here["claim_id"]]
        for i in alike if here["claim_id"] is not None else [index]:
            kept = {name: str(value) for name, value in lines[i].items() if value not in (None, "")}
            said.append(f"  {'>' if i == index else ' '} {kept} -> {show(got[i])}")
    return "\n".join(said)


def show(amounts: tuple) -> str:
    return " ".join("-" if value is None else str(value) for value in amounts)


@pytest.fixture(scope="module")
def reference(opened):
    reference = pricer.Reference(opened.schedule)
    if not reference.base_units:
        pytest.skip(f"without CMS's own files ({pricer.CMS_DIR}) the reference cannot price anesthesia; set FEECALC_CMS_DIR")
    return reference


@pytest.fixture(scope="module")
def claims(opened) -> list[dict]:
    return random_claims(opened.schedule, CLAIMS, SEED)


@pytest.fixture(scope="module")
def wanted(reference, claims) -> list[tuple]:
    return expected(reference.price(claims))


def test_random_claims_agree_to_the_cent(claims, wanted):
    assert len({line["claim_id"] for line in claims}) > CLAIMS * 0.9
    off = difference(claims, feecalc.price(frame_of(claims)), wanted)
    assert not off, off


def test_the_random_claims_reach_the_rules(reference, claims, wanted):
    """A comparison is worth what it compares: every outcome, and nearly every rule of the reference has been at work."""
    outcomes = [outcome for outcome, *_ in wanted]
    assert min(outcomes.count(outcome) for outcome in ("priced", "zero", "cannot_price")) > len(claims) // 20
    for convention in "B1 B2 B3 B4 C1 C2 C3 C4 D1 D2 D3 D4 D5 D6 D7 D8 E1 E2 E3 E4 E5 E6 E7 F1 F2 F3 F4 F5 F6".split():
        assert any(rule.startswith(convention) for rule in reference.hits), convention


def test_a_numbered_claim_and_null_for_no_modifier_change_nothing(claims, wanted):
    frame = frame_of(claims).with_columns(
        claim_id=pl.col("claim_id").str.strip_prefix("C").cast(pl.Int64),
        modifiers=pl.when(pl.col("modifiers") != "").then("modifiers"),
    )
    assert frame["modifiers"].null_count() > 0
    off = difference(claims, feecalc.price(frame), wanted)
    assert not off, off


def test_a_difference_is_told_with_its_claim():
    lines = [{"claim_id": "C1", "line": 1, "hcpcs": "99213"}, {"claim_id": "C1", "line": 2, "hcpcs": "97110"}]
    got = pl.DataFrame({name: ["priced"] * 2 if name == "outcome" else [Decimal("1.00")] * 2 for name in AMOUNTS}).with_columns(
        reason=pl.lit(None, dtype=pl.String), flags=pl.lit("")
    )
    rows = got.select(AMOUNTS).rows()
    assert difference(lines, got, rows) == ""
    told = difference(lines, got, [rows[0], ("zero", *rows[1][1:])])
    assert "1 of 2 lines differ" in told
    assert "99213" in told
    assert "97110" in told
