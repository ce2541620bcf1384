"""The page *Contracts*, driven as a person would, without a browser."""

import json

import polars as pl
import pytest
from driven import checked, click, headlines, put, said, visit
from streamlit.testing.v1 import AppTest

from feecalc.analysis.contract_terms import CarveOut, Contract, Rate
from feecalc.errors import InputError
from feecalc.ui import practice_contracts, practice_terms

PAGE = "feecalc/ui/pages/contracts.py"
# One 99213 and ten 97110 a payer, alone on their days: amounts that a person can follow.
VOLUMES = (
    "CPT,Units,Visit ID,DOS,Payer,Charge\n"
    "99213,1,1,2025-10-15,Aetna,200.00\n"
    "97110,1,2,2025-10-15,Aetna,30.00\n"
    "99213,1,3,2025-10-15,Blue,80.00\n"
    "97110,1,4,2025-10-15,Blue,60.00\n"
    "99213,1,5,2025-10-15,Medicare,200.00\n"
)


def visiting(**params: str) -> AppTest:
    return visit(PAGE, **params)


def loaded(content: str = VOLUMES, **params: str) -> AppTest:
    page = visiting(prices="2025D", **params)
    checked(page.file_uploader(key="practice_upload").set_value(("volumes.csv", content.encode(), "text/csv")).run())
    return click(page, "Price these volumes")


def opened_with(*contracts: Contract, page: AppTest | None = None) -> AppTest:
    """The page with contracts opened from a file."""
    page = page or loaded()
    content = practice_contracts.to_bytes(contracts)
    return checked(page.file_uploader(key="contracts_file").set_value(("mine.toml", content, "text/plain")).run())


def payers(page: AppTest) -> dict[str, dict]:
    frame = next(f.value for f in page.dataframe if "standing" in f.value.columns)
    return {row["payer"]: row for row in frame.to_dict("records")}


def pictures(page: AppTest) -> list[tuple[dict, bytes]]:
    return [(json.loads(chart.proto.spec), chart.proto.data.data) for chart in page.get("vega_lite_chart")]


AETNA = Contract("Aetna", default=110)
BLUE = Contract("Blue", default=90, carve_outs=(CarveOut("97110", fee="40.00"),))


def test_the_volumes_come_first():
    page = visiting()
    assert headlines(page) == ["Load what your practice did, or look at a sample first."]
    click(page, "A small therapy clinic")
    assert headlines(page) == ["What do your payers pay, in percent of Medicare? Add a payer below, or take the sample."]


def test_the_sample_contracts_fit_the_sample_volumes():
    page = click(click(visiting(prices="2025D"), "A small therapy clinic"), "Sample contracts")
    assert not page.error
    assert headlines(page)[0].startswith("Your payers with contracts pay ")
    assert " % of Medicare; the weakest is " in headlines(page)[0]
    assert page.get("vega_lite_chart")


def test_contracts_from_a_file_against_medicare():
    page = opened_with(AETNA, BLUE)
    assert not page.error
    found = payers(page)
    assert float(found["Aetna"]["rate"]) == pytest.approx(110.0, abs=0.02)
    assert found["Medicare"]["standing"] == "no contract"
    weakest = min(("Aetna", "Blue"), key=lambda name: found[name]["rate"])
    assert f"the weakest is {weakest} at" in headlines(page)[0]
    assert "Without a contract here: Medicare." in said(page)


def test_charges_below_the_contract_are_listed():
    page = opened_with(AETNA, BLUE)
    text = said(page)
    assert "Charges that are too low" in [s.value for s in page.subheader]
    assert "| Aetna | `97110`" in text
    assert "| Blue | `99213`" in text
    assert "$30.00" in text


def test_the_percent_that_would_equal_last_year():
    page = opened_with(Contract("Aetna", medicare="2024", default=100))
    found = payers(page)["Aetna"]
    # A contract that stays with 2024 allows the same in both years: what equals last year is what it pays now.
    assert float(found["last_year"]) == pytest.approx(float(found["rate"]), abs=0.01)
    follows = payers(opened_with(Contract("Aetna", default=100)))["Aetna"]
    assert float(follows["rate"]) == 100
    assert float(follows["last_year"]) > 100  # Medicare paid more at the prices of 2024
    assert "at the prices of 2024D" in said(page) or "at the prices of 2024C" in said(page)


def test_a_payer_is_added_by_name_and_its_terms_are_typed():
    page = loaded()
    put(page, "selectbox", "contracts_add", "Aetna")
    assert headlines(page) == ["Aetna pays 100.0 % of what Medicare allows."]
    number = page.button_group(key="contracts_payer").value
    put(page, "text_input", f"contract_{number}_default", "120")
    assert headlines(page) == ["Aetna pays 120.0 % of what Medicare allows."]
    put(page, "text_input", f"contract_{number}_default", "lots")
    assert "Contract with Aetna" in page.error[0].value
    put(page, "text_input", f"contract_{number}_default", "105 %")
    assert headlines(page) == ["Aetna pays 105.0 % of what Medicare allows."]


def test_rates_and_carve_outs_are_typed_into_grids():
    page = opened_with(AETNA)
    key = "contract_1_rates"
    page.session_state[key] = {"edited_rows": {}, "added_rows": [{"codes": "97010-97799", "percent": "80"}], "deleted_rows": []}
    checked(page.run())
    assert 80 < float(payers(page)["Aetna"]["rate"]) < 110
    page.session_state["contract_1_carves"] = {
        "edited_rows": {},
        "added_rows": [{"codes": "99213", "not_covered": "maybe"}],
        "deleted_rows": [],
    }
    checked(page.run())
    assert "Not covered is yes or blank" in page.error[0].value


def test_a_payers_own_fee_schedule_becomes_carve_outs():
    page = opened_with(AETNA)
    fees = b"CPT,Fee\n97110,50.00\n99213,120.00\n"
    checked(page.file_uploader(key="contract_1_fees").set_value(("fees.csv", fees, "text/csv")).run())
    assert "2 fees read from fees.csv." in said(page)
    assert float(payers(page)["Aetna"]["compared"]) == 170
    checked(page.file_uploader(key="contract_1_fees").set_value(("bad.csv", b"A,B\n1,2\n", "text/csv")).run())
    assert "bad.csv" in said(page)
    assert float(payers(page)["Aetna"]["compared"]) == 170


def test_switching_payers_loses_nothing():
    page = opened_with(AETNA, BLUE)
    put(page, "text_input", "contract_1_default", "115")
    page.session_state["contract_1_rates"] = {
        "edited_rows": {},
        "added_rows": [{"codes": "97110", "percent": "70"}],
        "deleted_rows": [],
    }
    checked(page.run())
    before = payers(page)["Aetna"]["rate"]
    put(page, "button_group", "contracts_payer", 2)
    assert payers(page)["Aetna"]["rate"] == before
    put(page, "button_group", "contracts_payer", 1)
    assert page.text_input(key="contract_1_default").value == "115"
    assert payers(page)["Aetna"]["rate"] == before
    click(page, "Remove this contract")
    assert list(payers(page)) == ["Blue", "Aetna", "Medicare"] or payers(page)["Aetna"]["standing"] == "no contract"


def test_two_contracts_of_one_name_are_told():
    page = opened_with(AETNA, BLUE)
    put(page, "text_input", "contract_1_name", "blue")
    assert "Two contracts are with “Blue”" in page.error[0].value


@pytest.mark.parametrize("content", [b"", b"not toml = [", b"feecalc_scenarios = 1\n"])
def test_a_file_that_is_none_of_contracts_is_refused(content):
    page = checked(loaded().file_uploader(key="contracts_file").set_value(("bad.toml", content, "text/plain")).run())
    assert len(page.error) == 1
    assert "bad.toml" in page.error[0].value


def test_contracts_survive_their_file_and_the_form():
    contracts = (
        Contract(
            "Aetna",
            medicare="2024",
            default="112.5",
            rates=(Rate("97010-97799, 98940", "85"),),
            carve_outs=(
                CarveOut("97161", fee="95.50"),
                CarveOut("71046", fee=10, modifiers="26"),
                CarveOut("G0283", not_covered=True),
            ),
            sequestration=True,
            lesser_of_charge=True,
            rounding="dollar",
            also=("Aetna PPO",),
            note="until June",
        ),
        BLUE,
    )  # fmt: skip
    assert practice_contracts.of_bytes("x.toml", practice_contracts.to_bytes(contracts)) == contracts
    for contract in contracts:
        assert practice_terms.Draft(1, contract).contract() == contract
    with pytest.raises(InputError, match=r"mine\.toml"):
        practice_contracts.of_bytes("mine.toml", b"nonsense [")


def test_the_heat_table_shows_every_payer_and_the_dearest_codes():
    page = opened_with(AETNA, BLUE)
    spec, data = next(p for p in pictures(page) if p[0].get("encoding", {}).get("x", {}).get("field") == "payer")
    cells = pl.read_ipc_stream(data)
    assert set(cells["payer"]) == {"Aetna", "Blue"}
    assert cells.filter(pl.col("payer") == "Aetna")["text"].to_list() == ["110", "110"]
    assert spec["encoding"]["y"]["sort"][0] == "99213"
    put(page, "button_group", "contracts_volume", "all")
    assert page.get("vega_lite_chart")


def test_a_file_without_payers_is_weighed_as_a_whole():
    page = opened_with(AETNA, BLUE, page=loaded("CPT,Units\n99213,3\n97110,5\n"))
    assert headlines(page)[0].startswith(
        "No row of your file names these payers. For all its services Aetna would pay 110.0 %, Blue would pay "
    )
    assert next(e for e in page.expander if e.label == "If every payer paid by one contract")
    assert any(b"Aetna" in data and b"dollars" in data for _, data in pictures(page))


def test_place_and_date_go_along_from_one_page_to_the_other_and_volumes_stay():
    page = loaded(zip="35203")
    put(page, "selectbox", "practice_prices", "2024C")
    page.switch_page("feecalc/ui/pages/revenue.py")
    checked(page.run())
    assert headlines(page)[0].startswith("At the prices of July 1, 2024 Medicare allows $")
    assert "at ZIP 35203 in Alabama" in headlines(page)[0]
    put(page, "selectbox", "practice_prices", "2025D")
    page.switch_page(PAGE)
    checked(page.run())
    assert page.selectbox(key="practice_prices").value == "2025D"
    assert page.text_input(key="practice_zip").value == "35203"


def test_nothing_of_payers_or_volumes_stands_in_the_address():
    page = opened_with(AETNA, BLUE)
    assert page.query_params == {"prices": "2025D"}
