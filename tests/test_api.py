"""The object that a notebook gets: what it refuses, what it suggests, what it prints."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

import feecalc
from feecalc.api import SCHEDULE_COLUMNS, Asked
from feecalc.errors import InputError, NotLoadedError


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        ({"hcpcs": " "}, "No code"),
        ({"hcpcs": "99213", "units": 0}, "Units must be"),
        ({"hcpcs": "99213", "units": -2}, "Units must be"),
        ({"hcpcs": "99213", "units": 1.5}, "Units must be"),
        ({"hcpcs": "99213", "units": 10_000}, "Units must be"),
        ({"hcpcs": "99213", "date": "10/15/2025"}, "2025-10-15"),
        ({"hcpcs": "99213", "date": "2025-02-30"}, "not a date"),
        ({"hcpcs": "99213", "date": "2025-10-15", "release": "2025D"}, "not both"),
        ({"hcpcs": "99213", "zip": "35203", "locality": "10112-00"}, "not several"),
        ({"hcpcs": "99213", "zip": "352"}, "five digits"),
        ({"hcpcs": "99213", "locality": "Alabama"}, "10112-00"),
    ],
)
def test_a_question_that_cannot_be_understood(opened, ask, says):
    with pytest.raises(InputError, match=says):
        opened.price(**ask)


def test_units_stand_before_or_after_modifiers():
    for text in ("97110x2-GP-59", "97110-GP-59x2", "97110-gp-59 X 2"):
        assert Asked.parse(text) == Asked("97110", 2, ("GP", "59"))
    with pytest.raises(InputError, match="97110-GPx2"):
        Asked.parse("97110x2-GPx2")


def test_a_release_that_is_not_loaded(opened):
    with pytest.raises(NotLoadedError, match="not loaded"):
        opened.price("99213", release="2018A")


@pytest.mark.parametrize("typed", ["g0283", " G0283", "G0283 "])
def test_codes_in_lower_case_or_with_blanks(opened, typed):
    assert opened.price(typed, release="2025D").hcpcs == "G0283"
    assert opened.price(typed, release="2025D").outcome == "priced"


def test_an_unknown_code_is_answered_with_its_neighbours(opened):
    quote = opened.price("97353", release="2025D")
    assert (quote.outcome, quote.reason, quote.asks) == ("cannot_price", "unknown_code", True)
    assert {"97530", "97533", "97535"} <= set(quote.suggestions)
    assert "97535" in quote.sentence
    assert quote.allowed is None


def test_an_ambiguous_zip_lists_its_candidates(opened):
    quote = opened.price("99213", zip="35958", date="2025-10-15")
    assert (quote.outcome, quote.reason) == ("cannot_price", "ambiguous_zip")
    assert quote.candidates
    assert quote.as_dict()["candidates"][0]["locality"] == "10112-00"
    assert "nonfacility" not in [k for k, v in quote.as_dict().items() if k.endswith("facility") and v is not None]


@pytest.mark.parametrize(("on", "release"), [("2019-06-30", None), ("2027-01-01", None)])
def test_a_date_without_a_release(opened, on, release):
    quote = opened.price("99213", zip="35203", date=on)
    assert (quote.outcome, quote.reason, quote.release) == ("cannot_price", "no_release", release)
    assert "No release of that calendar year" in quote.card()


def test_an_unknown_place_of_service(opened):
    quote = opened.price("99213", pos="28", release="2025D")
    assert (quote.reason, quote.asks) == ("unknown_pos", True)


def test_the_card_reads_as_one(opened):
    card = repr(opened.price("97110", zip="35203", date="2025-10-15", units=3))
    for part in (
        "97110 × 3 units, Alabama, AL (10112-00), 2025-10-15",
        "Medicare allows $68.41",
        "(0.45 × 1.000 + 0.43 × 0.869 + 0.01 × 0.575) × 32.3465",
        "$20.79 each",
        "2025D",
        "rvu25d.zip, sha256",
    ):
        assert part in card


def test_the_default_date_is_today_and_is_said(opened):
    quote = opened.price("99213")
    assert quote.date == dt.date.today()
    assert any("today" in said for said in quote.assumptions)


def test_a_schedule_of_one_locality(opened):
    frame = feecalc.fee_schedule(release="2025D", locality="10112-00")
    assert frame.columns == list(SCHEDULE_COLUMNS)
    row = frame.filter(pl.col("hcpcs") == "99213").row(0, named=True)
    assert (row["nonfacility"], row["facility"]) == (Decimal("81.86"), Decimal("59.93"))
    assert (row["nonpar_nonfacility"], row["limiting_nonfacility"]) == (Decimal("77.77"), Decimal("89.44"))
    assert row["opps_nonfacility"] is None
    assert row["therapy_nonfacility"] is None
    assert set(frame["modifier"].unique()) == {"", "26", "TC", "53"}
    assert set(frame["status"].unique()) == {"A", "R", "T"}
    assert not frame.select(pl.struct("hcpcs", "modifier").is_duplicated().any()).item()


def test_a_schedule_stands_in_the_order_of_places_and_codes(opened):
    whole = opened.fee_schedule("2026C", "all").select("mac", "locality", "hcpcs", "modifier")
    assert whole.height > 1_000_000
    assert whole.equals(whole.sort(pl.all()))


def test_the_schedule_and_single_prices_are_the_same_engine(opened):
    frame = opened.fee_schedule("2025D", "national")
    sample = frame.sample(300, seed=7)
    lines = sample.select("hcpcs", modifiers="modifier", service_date=pl.lit(dt.date(2025, 10, 1)), locality=pl.lit("national"))
    priced = feecalc.price(lines)
    assert (priced["fee"] == sample["nonfacility"]).all()
    assert (priced["allowed"] == sample.select(pl.min_horizontal("nonfacility", "opps_nonfacility")).to_series()).all()


def test_a_capped_row_starts_its_percentages_from_the_cap(opened):
    frame = opened.fee_schedule("2025D", "national")
    row = frame.filter((pl.col("hcpcs") == "70496") & (pl.col("modifier") == "TC")).row(0, named=True)
    assert (row["nonfacility"], row["opps_nonfacility"]) == (Decimal("192.79"), Decimal("178.23"))
    assert row["nonpar_nonfacility"] == Decimal("169.32")


def test_every_amount_against_a_plain_computation_in_fractions(opened):
    """A second, slow reading of the formula, written apart from the engine, on rows of several releases and places."""
    from fractions import Fraction
    from math import floor

    def cents(value):
        return floor(value * 100 + Fraction(1, 2))

    for release in ("2020A", "2022B", "2024AR", "2025D", "2026C"):
        table = {(r["hcpcs"], r["modifier"]): r for r in opened.schedule.table(release, "pprrvu").iter_rows(named=True)}
        places = {(g["mac"], g["locality"]): g for g in opened.schedule.table(release, "gpci").iter_rows(named=True)}
        factor = Fraction(opened.schedule.releases[release].factor, 10_000)
        sample = opened.fee_schedule_cents(release, "all").sample(1_500, seed=11)
        for row in sample.iter_rows(named=True):
            rvu, place = table[row["hcpcs"], row["modifier"]], places[row["mac"], row["locality"]]
            gpci = {part: Fraction(place[part], 1000) for part in ("work", "pe", "mp")}

            def fee(pe, mp, rvu=rvu, gpci=gpci, factor=factor, share=1):
                work = Fraction(rvu["work"], 100) * gpci["work"]
                return cents((work + share * Fraction(pe, 100) * gpci["pe"] + Fraction(mp, 100) * gpci["mp"]) * factor)

            for setting in ("nonfacility", "facility"):
                full = fee(rvu[f"pe_{setting}"], rvu["mp"])
                assert row[setting] == full
                capped = rvu["opps_pe_nonfacility"] or rvu["opps_pe_facility"] or rvu["opps_mp"]
                cap = fee(rvu[f"opps_pe_{setting}"], rvu["opps_mp"]) if capped else None
                assert row[f"opps_{setting}"] == cap
                therapy = rvu["mult_proc"] == "5"
                half = fee(rvu[f"pe_{setting}"], rvu["mp"], share=Fraction(1, 2)) if therapy else None
                assert row[f"therapy_{setting}"] == half
                paid = full if cap is None else min(full, cap)
                nonpar = cents(Fraction(paid, 100) * Fraction(95, 100))
                assert row[f"nonpar_{setting}"] == nonpar
                assert row[f"limiting_{setting}"] == cents(Fraction(nonpar, 100) * Fraction(115, 100))


def test_history_covers_every_release_and_leaves_gaps_empty(opened):
    history = opened.history("97110")
    assert history["release"].to_list() == opened.schedule.priceable()
    assert history["allowed"].null_count() == 0
    new = opened.history("G2211")  # priced from 2024 on
    assert new.filter(pl.col("effective") < dt.date(2024, 1, 1))["allowed"].drop_nulls().sum() in (0, None)
    assert new.filter(pl.col("release") == "2025D")["outcome"].item() == "priced"


def test_a_code_in_every_locality(opened):
    frame = opened.across("97110", release="2025D")
    assert frame.height == 109
    assert (frame["allowed"][0], frame["state"][0]) == (Decimal("26.65"), "MS")
    assert (frame["allowed"][-1], frame["state"][-1]) == (Decimal("37.06"), "AK")


def test_localities_are_searched_by_any_word(opened):
    assert "10112-00" in opened.localities(text="alabama")["locality"].to_list()
    assert opened.localities(text="nowhere at all").is_empty()


def test_labels_are_ours_and_descriptors_are_not_there(opened):
    codes = opened.codes("2025D")
    assert len(codes) > 16_000
    assert codes["97110"].startswith("Exercise")
    assert sum(1 for words in codes.values() if words) < 120


def test_a_code_without_rvus_has_no_amount_in_any_release(opened):
    """Anesthesia is priced by its minutes: its history knows no amount, and never $0.00."""
    past = opened.history("00100")
    assert past["outcome"].unique().to_list() == ["cannot_price"]
    assert past["allowed"].null_count() == past["fee"].null_count() == past.height


def test_several_days_are_priced_each_by_itself(opened):
    days = [["97110-GP", "97530-GP"], ["97110-GPx2"], ["97530-GP", "97110-GP", "99213"]]
    asked = {"zip": "35203", "date": "2025-10-15", "deductible_left": "40"}
    for day, alone in zip(opened.price_days(days, **asked), (opened.price_day(day, **asked) for day in days), strict=True):
        assert day.as_dict() == alone.as_dict()
    assert opened.price_days([], **asked) == ()
    with pytest.raises(InputError, match="No code"):
        opened.price_days([["97110"], []], **asked)
