"""Frames of claim lines: the contract, what is cleaned, and that nothing is lost or guessed."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

import feecalc
from feecalc.errors import InputError
from feecalc.pricing.lines import ADDED

DATE = dt.date(2025, 10, 15)


def priced(**columns):
    base = {"service_date": [DATE], "locality": ["10112-00"]}
    length = max(len(v) for v in columns.values())
    frame = pl.DataFrame({**{k: v * length for k, v in base.items() if k not in columns}, **columns}, strict=False)
    return feecalc.price(frame)


def test_rows_and_columns_come_back_in_order_with_the_answer_beside_them():
    frame = pl.DataFrame(
        {
            "hcpcs": ["99213", "97110", "97010", "99499"] * 50,
            "units": [1, 3, 1, 1] * 50,
            "service_date": [DATE] * 200,
            "locality": ["10112-00"] * 200,
            "note": [f"row {i}" for i in range(200)],
            "status": ["the caller's own"] * 200,
        }
    )
    result = feecalc.price(frame)
    assert result.columns == [*frame.columns, *ADDED]
    assert result.select(frame.columns).equals(frame)
    assert result["allowed"].to_list()[:4] == [Decimal("81.86"), Decimal("68.41"), Decimal("0.00"), None]
    assert result["outcome"].to_list()[:4] == ["priced", "priced", "zero", "cannot_price"]
    assert result["fee"].to_list()[:4] == [Decimal("81.86"), Decimal("26.83"), None, None]


def test_a_lazy_frame_stays_lazy():
    lazy = feecalc.price(pl.LazyFrame({"hcpcs": ["99213"], "service_date": [DATE], "locality": ["national"]}))
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect()["allowed"].item() == Decimal("88.95")


def test_text_is_cleaned():
    result = priced(hcpcs=[" 97110 ", "g0283", "97110\u00a0"], modifiers=["gp,kx", "", None])
    assert result["outcome"].to_list() == ["priced"] * 3


def test_codes_that_a_spreadsheet_made_numbers_get_their_zeros_back():
    assert priced(hcpcs=[100])["reason"].item() == "anesthesia_modifier"


def test_places():
    result = priced(
        hcpcs=["99213"] * 6,
        locality=[None, "00", "10112 0", "NATIONAL", None, "99"],
        mac=[None, "10112", None, None, None, "10112"],
        zip=["35203", None, None, None, None, None],
    )
    assert result["allowed"].to_list()[:4] == [Decimal("81.86")] * 3 + [Decimal("88.95")]
    assert result["reason"].to_list()[4:] == ["no_place", "unknown_locality"]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"hcpcs": ["97353"]}, "unknown_code"),
        ({"hcpcs": [None]}, "unknown_code"),
        ({"hcpcs": ["99213"], "units": [0]}, "units"),
        ({"hcpcs": ["99213"], "units": [-1]}, "units"),
        ({"hcpcs": ["99213"], "units": [1.5]}, "units"),
        ({"hcpcs": ["99213"], "units": ["two"]}, "units"),
        ({"hcpcs": ["99213"], "units": [10_000]}, "units"),
        ({"hcpcs": ["99213"], "modifiers": ["26"]}, "invalid_modifier"),
        ({"hcpcs": ["71046"], "modifiers": ["53"]}, "invalid_modifier"),
        ({"hcpcs": ["45378"], "modifiers": ["53 26"]}, "invalid_modifier"),
        ({"hcpcs": ["99213"], "modifiers": ["26 TC"]}, "invalid_modifier"),
        ({"hcpcs": ["99213"], "modifiers": ["ZZ"]}, "unknown_modifier"),
        ({"hcpcs": ["99213"], "modifiers": ["22"]}, "by_report"),
        ({"hcpcs": ["99213"], "modifiers": ["GP KX 59 25 XU"]}, "too_many_modifiers"),
        ({"hcpcs": ["99213"], "pos": ["28"]}, "unknown_pos"),
        ({"hcpcs": ["99213"], "pos": ["18"]}, "pos_unsettled"),
        ({"hcpcs": ["99213"], "pos": ["27"], "service_date": [dt.date(2023, 9, 30)]}, "pos_not_in_force"),
        ({"hcpcs": ["99213"], "pos": ["10"], "service_date": [dt.date(2021, 12, 31)]}, "pos_not_in_force"),
        ({"hcpcs": ["99213"], "setting": ["outside"]}, "unknown_setting"),
        ({"hcpcs": ["99213"], "participation": ["maybe"]}, "unknown_participation"),
        ({"hcpcs": ["99213"], "locality": [None], "zip": ["00000"]}, "unknown_zip"),
        ({"hcpcs": ["99213"], "locality": [None], "zip": ["35958"]}, "ambiguous_zip"),
        ({"hcpcs": ["99213"], "service_date": [dt.date(2019, 12, 31)]}, "no_release"),
        ({"hcpcs": ["99213"], "service_date": [dt.date(2027, 1, 1)]}, "no_release"),
        ({"hcpcs": ["99213"], "service_date": ["October"]}, "service_date"),
    ],
)
def test_what_cannot_be_priced_says_why(columns, reason):
    result = priced(**columns)
    assert result["outcome"].item() == "cannot_price"
    assert result["reason"].item() == reason
    assert result["allowed"].item() is None
    assert result["fee"].item() is None


def test_a_setting_that_is_stated_wins_over_the_place_of_service():
    result = priced(hcpcs=["99213"] * 3, pos=["21", "21", "18"], setting=[None, "nonfacility", "facility"])
    assert result["allowed"].to_list() == [Decimal("59.93"), Decimal("81.86"), Decimal("59.93")]


def test_every_place_of_service_has_a_setting_or_says_that_it_has_none():
    from feecalc import policy

    table = policy.load("places_of_service")["pos"]
    result = priced(hcpcs=["99213"] * len(table), pos=list(table))
    for code, outcome, fee in zip(table, result["outcome"], result["fee"], strict=True):
        expected = {"facility": Decimal("59.93"), "nonfacility": Decimal("81.86"), "unsettled": None}[table[code]["setting"]]
        assert fee == expected, code
        assert outcome == ("cannot_price" if expected is None else "priced")


def test_status_t_pays_only_alone():
    frame = pl.DataFrame(
        {
            "claim_id": ["alone", "beside", "beside", "unsettled", "unsettled", "zeros", "zeros", None, None],
            "hcpcs": ["94760", "94760", "99213", "94760", "99499", "94760", "97010", "94760", "99213"],
            "service_date": [DATE] * 9,
            "locality": ["national"] * 9,
        }
    )
    result = feecalc.price(frame)
    assert result["reason"].to_list() == [
        None,
        "status_t_with_others",
        None,
        "status_t_uncertain",
        "contractor_priced",
        None,
        "bundled",
        None,
        None,
    ]


def test_status_t_looks_at_its_own_day():
    frame = pl.DataFrame(
        {
            "claim_id": [1, 1],
            "hcpcs": ["94760", "99213"],
            "service_date": [DATE, dt.date(2025, 10, 16)],
            "locality": ["national"] * 2,
        }
    )
    assert feecalc.price(frame)["outcome"].to_list() == ["priced", "priced"]


def test_lines_of_one_day_reduce_each_other_and_those_of_another_claim_do_not():
    frame = pl.DataFrame(
        {
            "claim_id": ["a", "a", "a", "b"],
            "hcpcs": ["97530", "97110", "99213", "97110"],
            "service_date": [DATE] * 4,
            "locality": ["national"] * 4,
        }
    )
    allowed = [str(amount) for amount in feecalc.price(frame)["allowed"]]
    assert allowed == ["34.61", "21.83", "88.95", "28.79"]


def test_missing_and_reserved_columns_are_named():
    with pytest.raises(InputError, match="no column 'hcpcs'"):
        feecalc.price(pl.DataFrame({"code": ["99213"]}))
    with pytest.raises(InputError, match="allowed"):
        feecalc.price(pl.DataFrame({"hcpcs": ["99213"], "allowed": [1]}))


def test_an_empty_frame_stays_empty():
    result = feecalc.price(pl.DataFrame({"hcpcs": []}, schema={"hcpcs": pl.String}))
    assert result.is_empty()
    assert result.columns == ["hcpcs", *ADDED]


def test_flags_name_what_the_answer_rests_on():
    result = priced(
        hcpcs=["99213", "97110", "10140"],
        service_date=[dt.date(2024, 11, 1), DATE, DATE],
        units=[1, 2, 2],
    )
    assert result["flags"].to_list() == ["release_substituted", "therapy_reduced", "reduced"]
