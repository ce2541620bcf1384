"""The page *What changed*, driven as a person would, without a browser."""

from decimal import Decimal

import polars as pl
import pytest
from driven import checked, plain, put, said, visit
from streamlit.testing.v1 import AppTest

from feecalc.analysis import causes, code_lists
from feecalc.analysis.releases_compare import Question, compare
from feecalc.locality import NATIONWIDE, Place

KNOWN = ["10004", "97110", "97112", "97140", "97150", "99213", "99214", "G0283"]


# Lists of codes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "codes", "told"),
    [
        ("97110, 97140", ["97110", "97140"], ""),
        ("97140\n97110\t97140", ["97140", "97110"], ""),
        ("97110-97140", ["97110", "97112", "97140"], ""),
        ("97110 – 97112", ["97110", "97112"], ""),
        ("97140-97110", ["97110", "97112", "97140"], ""),
        ("9711*", ["97110", "97112"], ""),
        ("g0283", ["G0283"], ""),
        ("97110.0", ["97110"], ""),
        ("97110-GP 97112", ["97110", "97112"], "The modifiers of 97110-GP were left out"),
        ("00000 97110", ["97110"], "Not in the fee schedule: 00000."),
        ("exercise 97110", ["97110"], "Not read as codes: EXERCISE"),
        ("", [], ""),
    ],
)
def test_a_list_of_codes_is_read(text, codes, told):
    read = code_lists.parse(text, KNOWN)
    assert read.codes == codes
    assert " ".join(read.told).startswith(told)
    assert bool(read.told) == bool(told)


def test_a_long_list_of_unknown_codes_is_told_in_short():
    read = code_lists.parse(" ".join(f"{n:05}" for n in range(1, 21)), KNOWN)
    assert read.codes == []
    assert read.told[0].endswith("and 12 more.")


def test_every_family_holds_codes(opened):
    known = opened.codes("2026C")
    for name, (_, spans) in code_lists.FAMILIES.items():
        assert code_lists.parse(spans, known).codes, name


# Two releases beside each other ---------------------------------------------------------------------------------------------


def question(before="2025D", after="2026C", codes=None, place=NATIONWIDE, setting="nonfacility", qp=False) -> Question:
    return Question(before, after, codes, place, setting, qp)


def test_amounts_are_those_of_the_engine_and_causes_add_up(opened):
    found = compare(opened, question(place=Place("10112", "00", "Alabama", "AL")))
    for release, side in (("2025D", "0"), ("2026C", "1")):
        fees = opened.fee_schedule_cents(release, "10112-00").with_columns(pl.col("hcpcs", "modifier").cast(pl.String))
        allowed = fees.select("hcpcs", "modifier", allowed=pl.min_horizontal("nonfacility", "opps_nonfacility"))
        paid = found.rows.filter(pl.col(f"paid_{side}").is_not_null())
        both = paid.join(allowed, on=["hcpcs", "modifier"])
        assert both.height == paid.height == fees.height > 9_000
        assert both.filter(pl.col(f"paid_{side}") != pl.col("allowed")).is_empty()
    summed = found.both.select(pl.sum_horizontal(causes.CAUSES).alias("parts"), "change")
    assert summed.filter(pl.col("parts") != pl.col("change")).is_empty()
    assert sum(found.causes.values()) == found.both["change"].sum()
    assert sum(count for *_, count in found.distribution()) == found.both["tenths"].drop_nulls().len()
    assert sum(found.counts.values()) == found.rows.height


def test_what_is_paid_by_time_or_by_nobody_has_no_amount(opened):
    found = compare(opened, question(codes=("00100", "97010")))
    assert found.rows.select("hcpcs", "kind").rows() == [("00100", "unpaid"), ("97010", "unpaid")]
    assert found.rows["paid_1"].null_count() == 2


def test_swapping_the_releases_turns_every_change_round(opened):
    there, back = compare(opened, question("2025D", "2026C")), compare(opened, question("2026C", "2025D"))
    assert there.both["change"].sum() == -back.both["change"].sum()
    assert there.counts["new"] == back.counts["gone"]
    assert there.counts["up"] == back.counts["down"]
    assert there.causes == {cause: -cents for cause, cents in back.causes.items()}


def test_a_release_beside_itself_has_no_change(opened):
    found = compare(opened, question("2026C", "2026C"))
    assert set(found.counts) == {"same", "unpaid"}
    assert found.causes == {}
    assert found.indicators.is_empty()
    assert found.points.is_empty()
    assert found.places.is_empty()


@pytest.mark.parametrize(("setting", "qp", "after"), [("nonfacility", False, "27.20"), ("nonfacility", True, "27.34")])
def test_one_code_against_a_quote(opened, setting, qp, after):
    found = compare(opened, question(codes=("97110",), place=Place("10112", "00"), setting=setting, qp=qp))
    (row,) = found.rows.iter_rows(named=True)
    quote = opened.price("97110", locality="10112-00", release="2026C", qp=qp)
    assert Decimal(row["paid_1"]).scaleb(-2) == quote.allowed == Decimal(after)
    assert row["kind"] == "up"


# The page -------------------------------------------------------------------------------------------------------------------


def visiting(**params: str) -> AppTest:
    return visit("feecalc/ui/pages/what_changed.py", **params)


SINCE_OCTOBER = {"before": "2025D", "after": "2026C"}


def headline(page: AppTest) -> str:
    (found,) = [plain(m.value.removeprefix("#### ")) for m in page.markdown if m.value.startswith("#### ")]
    return found


def test_the_first_screen_compares_the_two_newest_releases(opened):
    page = visiting()
    before, after = opened.schedule.priceable()[-2:]
    found = compare(opened, question(before, after))
    assert headline(page).startswith(
        f"From {before} to {after} Medicare pays more for {found.counts['up']:,} and less for {found.counts['down']:,}"
        f" of {found.both.height:,} amounts of all codes nationally, in the office; the middle one rises by"
        f" {Decimal(found.median).scaleb(-1)} %."
    )
    assert "The conversion factor" in said(page)
    assert f"Release {after}" in said(page)
    assert len(page.get("vega_lite_chart")) == 3


def test_therapy_codes_at_a_zip(opened):
    page = put(visiting(**SINCE_OCTOBER), "selectbox", "changes_codes", "therapy")
    assert "The conversion factor goes from $32.3465 to $33.4009 (+3.3 %)." in said(page)
    page = put(page, "text_input", "changes_zip", "35203")
    assert "73 and less for 4 of 77 amounts of therapy codes in Alabama" in headline(page)
    assert page.query_params["codes"] == "therapy"
    assert page.query_params["zip"] == "35203"
    amounts = page.dataframe[0].value
    exercise = amounts[amounts["code"] == "97110"]
    assert (exercise["before"].item(), exercise["after"].item()) == (Decimal("26.83"), Decimal("27.20"))
    assert exercise["cause"].item() == "Conversion factor (dollars per RVU)"
    link = visiting(codes="therapy", zip="35203", **SINCE_OCTOBER)
    assert headline(link) == headline(page)


def test_a_list_of_ones_own(opened):
    page = put(visiting(), "selectbox", "changes_codes", "mine")
    assert headline(page).startswith("Type or paste the codes")
    page = put(page, "text_area", "changes_list", "97110 97140 99999 hello")
    assert "of 2 amounts of 2 codes of my own list" in headline(page)
    assert "Not in the fee schedule: 99999" in said(page)
    assert "Not read as codes: HELLO" in said(page)
    page = put(page, "text_area", "changes_list", "hello")
    assert headline(page).startswith("Type or paste the codes")


def test_the_volumes_of_the_practice_are_a_choice_once_they_are_loaded():
    page = visiting()
    assert "volumes" not in str(page.selectbox(key="changes_codes").options)
    page.switch_page("feecalc/ui/pages/revenue.py")
    page = checked(page.run())
    page = checked(next(b for b in page.button if b.label == "A small therapy clinic").click().run())
    page.switch_page("feecalc/ui/pages/what_changed.py")
    page = checked(page.run())
    page = put(page, "selectbox", "changes_codes", "volumes")
    assert "the codes of my practice" in headline(page)
    assert "codes" not in page.query_params


def test_swap_and_the_same_release_twice():
    page = checked(visiting(**SINCE_OCTOBER).button(key="changes_swap").click().run())
    assert headline(page).startswith("From 2026C to 2025D")
    page = put(page, "selectbox", "changes_after", "2026C")
    assert "compared with itself" in headline(page)


def test_a_zip_of_several_places_and_one_of_none_are_asked_back():
    page = visiting(zip="35958")
    assert [b for b in page.button if b.label.startswith("Alabama")]
    page = checked(next(b for b in page.button if b.label.startswith("Alabama")).click().run())
    assert "in Alabama" in headline(page)
    page = visiting(zip="123")
    assert "00123" in said(page)
    assert not page.exception


def test_bad_links_are_told_and_left_out():
    page = visiting(before="2019Z", codes="everything", setting="moon")
    for wrong in ("2019Z", "everything", "moon"):
        assert f"“{wrong}” cannot be read" in said(page)
    assert headline(page).startswith("From ")


def test_the_facility_setting_and_qp_change_the_answer():
    assert "in a facility" in headline(visiting(setting="facility"))
    assert "for Qualifying APM Participants goes from $32.3465 to $33.5675" in said(visiting(qp="1", **SINCE_OCTOBER))


def test_one_code_over_the_years(opened):
    page = visiting(code="97110", zip="35203")
    assert "One unit of 97110 paid $29.58 in Alabama from January 1, 2020 (2020A) and pays $" in said(page)
    table = page.dataframe[-1].value
    assert table["release"].tolist() == list(reversed(opened.schedule.priceable()))
    newest = table[table["release"] == "2026C"].iloc[0]
    assert (newest["allowed"], newest["factor"]) == (Decimal("27.20"), Decimal("33.4009"))


def test_a_code_that_time_pays_shows_words_and_no_zeros():
    page = visiting(code="00100")
    assert "No loaded release has an amount for 00100" in said(page)
    table = page.dataframe[-1].value
    assert table["allowed"].isna().all()
    assert set(table["outcome"]) == {"no amount"}


def test_a_word_in_the_code_box_offers_codes_and_nonsense_says_so():
    page = put(visiting(), "text_input", "changes_code", "exercise")
    assert [b for b in page.button if b.label.startswith("97110")]
    page = put(page, "text_input", "changes_code", "zzzz")
    assert "No code matches" in said(page)
    page = put(page, "text_input", "changes_code", "00000")
    assert "No loaded release has 00000" in said(page)
