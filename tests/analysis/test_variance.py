"""A remittance against the fee schedule: errors put into right payments are found again, and right payments are left alone."""

import datetime as dt
from collections import Counter
from itertools import pairwise

import polars as pl
import pytest
from remitted import ELSEWHERE, HERE, KINDS, Claims, Mailbag, paid_right, remittance

from feecalc.analysis.remittance import read
from feecalc.analysis.variance import EobLine, Settings, Where, check, explain_code, explain_eob, read_pasted
from feecalc.analysis.variance import codes as words
from feecalc.errors import InputError
from feecalc.policy import STANDINGS

BIRMINGHAM = Where(zip="35203")
ALABAMA = Where(locality=HERE)
APRIL = dt.date(2026, 4, 10)


def found_by_line(variance) -> dict[tuple[int, int], str]:
    """The causes that were found, by claim and line, joined by a plus where there are several; "" where a line matches."""
    by_line: dict[tuple[int, int], list[str]] = {}
    for claim, line, cause in variance.causes.select("claim", "line", "cause").iter_rows():
        by_line.setdefault((claim, line), []).append(cause)
    return {key: "+".join(by_line.get(key, [])) for key in variance.lines.select("claim", "line").iter_rows()}


def compared_by_line(variance) -> dict[tuple[int, int], dict]:
    """What became of the claims C1, C2, ..., by their number and line: the last decision on each, `cause` as above."""
    found = found_by_line(variance)
    lines = variance.lines.filter(pl.col("claim_id").str.starts_with("C"), pl.col("reason").ne_missing("reversed"))
    rows = lines.select("claim", "line", "claim_id", "outcome").to_dicts()
    return {(int(row["claim_id"][1:]), row["line"]): {**row, "cause": found[row["claim"], row["line"]]} for row in rows}


def wrong(claims: Claims, found: dict[tuple[int, int], str]) -> Counter:
    """Pairs of the cause put in and the causes found, where they are not the same."""
    assert found.keys() == claims.truth.keys()
    return Counter((truth, found[key]) for key, truth in claims.truth.items() if truth != found[key])


@pytest.fixture(scope="module")
def injected(opened):
    """Ten thousand claims with errors in half of them, written as 835s of several payers with whatever stands in these."""
    claims = Claims(opened, 10_000)
    bag = Mailbag(claims)
    held = read(bag.content, "joined.835")
    assert held.problems.is_empty()  # so that everything balances to the cent
    assert held.payments["balanced"].all()
    return claims, bag, check(held, BIRMINGHAM, opened)


# Errors put in -------------------------------------------------------------------------------------------------------------

# Paid by the rules, by which these go: what they change is the patient's to pay, or a charge below the fee.
NO_ERRORS = {"", "deductible", "low_charge"}


def test_the_causes_found_are_those_that_were_put_in(injected):
    claims, _, variance = injected
    misses = wrong(claims, {key: row["cause"] for key, row in compared_by_line(variance).items()})
    assert misses.total() <= len(claims.truth) // 100, misses.most_common(10)
    rare = Counter(claims.truth.values())
    assert set(rare) == {error.removesuffix("_shown") for error in KINDS if error not in NO_ERRORS} | {""}
    for truth, count in rare.items():  # not only in the mean
        assert count > 50, truth
        assert sum(n for (cause, _), n in misses.items() if cause == truth) <= max(2, count // 20), truth


def test_no_right_line_is_flagged(injected):
    claims, _, variance = injected
    lines = compared_by_line(variance)
    right = [key for key, truth in claims.truth.items() if not truth]
    assert len(right) > 9_000
    assert Counter(lines[key]["outcome"] for key in right) == {"matches": len(right)}


def test_what_else_stands_in_the_files_is_told_apart(injected):
    claims, bag, variance = injected
    assert dict(variance.unpriced.select("reason", "lines").iter_rows()) == bag.skipped
    assert min(bag.skipped.values()) > 100
    assert variance.lines.height == len(claims.truth) + bag.skipped.total()
    assert variance.whole_claims["amount"].sum() == bag.whole > 0
    assert f"{bag.bare:,} claims have no service lines" in " ".join(variance.notes)


def test_where_no_deductible_is_expected_it_is_the_cause(opened):
    claims = Claims(opened, 1_500, seed=13)
    variance = check(claims.remittance, ALABAMA, opened, Settings(deductible="met"))
    taken = claims.remittance.adjustments.filter(reason="1").select("claim", "line").rows()
    found = found_by_line(variance)
    assert len(taken) > 30
    assert {found[key] for key in taken} == {"deductible"}
    assert wrong(claims, {key: "" if cause == "deductible" else cause for key, cause in found.items()}).total() <= 15


def test_where_nothing_states_what_was_allowed_it_is_worked_out(opened):
    claims = Claims(opened, 1_500, seed=3, stated=False)
    variance = check(claims.remittance, ALABAMA, opened)
    assert wrong(claims, found_by_line(variance)).total() <= len(claims.truth) // 100
    assert "does not state what was allowed" in variance.notes[0]


def test_the_effects_of_the_causes_add_up_to_the_differences(injected):
    _, _, variance = injected
    summed = variance.causes.group_by("row").agg(pl.col("effect", "allowed_effect").sum())
    beside = variance.lines.join(summed, on="row", how="left").with_columns(pl.col("effect", "allowed_effect").fill_null(0))
    assert beside.filter(pl.col("effect") != pl.col("difference")).is_empty()
    assert beside.filter(pl.col("allowed_effect") != pl.col("allowed") - pl.col("expected_allowed")).is_empty()
    assert variance.by_cause()["effect"].sum() == variance.totals["difference"] == variance.by("month")["difference"].sum()
    for name in ("payer", "code", "practitioner", "outcome", "action"):
        table = variance.by(name)
        assert table["lines"].sum() == variance.totals["lines"] - variance.totals["not priceable"]
        assert table["overpaid"].sum() - table["underpaid"].sum() == variance.totals["difference"]
    with pytest.raises(InputError, match="not by weather"):
        variance.by("weather")


def test_the_same_answer_every_time(opened):
    held = Claims(opened, 300, seed=5).remittance
    first, second = (check(held, ALABAMA, opened) for _ in range(2))
    assert first.lines.equals(second.lines)
    assert first.causes.equals(second.causes)


# What is found by hand -----------------------------------------------------------------------------------------------------


def allowed(opened, code: str, **given) -> str:
    circumstances = {"date": APRIL, "locality": HERE, **given}
    return str(opened.price(code, **circumstances).allowed)


def visits(opened, codes: list[str], **given) -> list[tuple[dict, list[dict]]]:
    """A claim for each code, allowed by the circumstances given and paid by the rules."""
    return [({}, [paid_right(allowed(opened, code, **given), code)]) for code in codes]


def test_two_causes_at_once_are_found_where_several_lines_agree(opened):
    both = {"provider_type": "NP", "setting": "facility"}
    variance = check(remittance(*visits(opened, ["99213", "99214", "99203"], **both)), ALABAMA, opened)
    assert variance.lines["outcome"].unique().to_list() == ["explained"]
    assert set(found_by_line(variance).values()) == {"setting+practitioner"}
    first, second = variance.causes.filter(pl.col("row") == 0)["allowed_effect"]
    office, hospital = (float(allowed(opened, "99213", setting=one)) for one in ("nonfacility", "facility"))
    assert first == round((hospital - office) * 100)  # the setting first, then the practitioner's share of it
    assert first + second == variance.lines["allowed"][0] - variance.lines["expected_allowed"][0]
    alone = check(remittance(*visits(opened, ["99213"], **both)), ALABAMA, opened)
    assert alone.lines["outcome"].to_list() == ["unexplained underpayment"]
    assert "No other line confirms it" in alone.lines["hint"][0]
    assert "Paid at the other setting's rate" in alone.lines["hint"][0]
    untried = check(remittance(*visits(opened, ["99213", "99214"], **both)), ALABAMA, opened, Settings(pairs=False))
    assert set(found_by_line(untried).values()) == {"unexplained"}


def test_three_causes_at_once_are_found_where_most_lines_agree(opened):
    three = {"provider_type": "NP", "setting": "facility", "qp": True}
    held = remittance(*visits(opened, ["99213", "99214", "99203", "99204"], **three))
    variance = check(held, ALABAMA, opened)
    assert set(found_by_line(variance).values()) == {"setting+practitioner+qp"}
    row = variance.causes.filter(pl.col("row") == 0)
    amounts = [allowed(opened, "99213"), allowed(opened, "99213", setting="facility")]
    amounts += [allowed(opened, "99213", setting="facility", provider_type="NP"), allowed(opened, "99213", **three)]
    steps = [round((float(after) - float(before)) * 100) for before, after in pairwise(amounts)]
    assert row["allowed_effect"].to_list() == steps
    assert row["effect"].sum() == variance.lines["difference"][0]
    two = check(remittance(*visits(opened, ["99213", "99214"], **three)), ALABAMA, opened)
    assert set(found_by_line(two).values()) == {"unexplained"}  # a chance that two lines of three rules may hit


def test_another_locality_needs_two_lines(opened):
    several = check(remittance(*visits(opened, ["99213", "99214", "97110"], locality=ELSEWHERE)), ALABAMA, opened)
    assert set(found_by_line(several).values()) == {"locality"}
    assert set(several.causes["detail"]) == {ELSEWHERE}
    one = check(remittance(*visits(opened, ["99213"], locality=ELSEWHERE)), ALABAMA, opened)
    assert one.lines["outcome"][0].startswith("unexplained")
    assert "No other line confirms it" in one.lines["hint"][0]
    assert "another locality" in one.lines["hint"][0]


def test_an_allowed_and_a_payment_cause_on_one_line(opened):
    facility = allowed(opened, "99214", setting="facility")
    line = paid_right(facility, "99214")
    line["paid"] = str(float(line["paid"]) + float(line["adjusted"].pop().split()[1]))  # and sequestration was not taken
    variance = check(remittance(({}, [line])), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "setting+sequestration"}
    assert variance.lines["outcome"].to_list() == ["explained"]


def test_one_half_explained_is_partly(opened):
    line = paid_right("77.77", "99214")
    line["paid"] = str(float(line["paid"]) + float(line["adjusted"].pop().split()[1]))
    variance = check(remittance(({}, [line])), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "unexplained+sequestration"}
    assert variance.lines["outcome"].to_list() == ["partly"]


def test_what_explains_it_as_well_is_told(opened):
    older = allowed(opened, "99213", date=dt.date(2025, 12, 15))
    assert older == allowed(opened, "99213", date=dt.date(2025, 7, 15)) != allowed(opened, "99213")
    variance = check(remittance(({}, [paid_right(older, "99213")])), ALABAMA, opened)
    assert variance.causes.select("cause", "detail").rows() == [("older_release", "release 2025D")]
    assert "Paid by an earlier fee schedule (release 2025C)" in variance.causes["alternatives"].to_list()[0]
    assert "release 2025C" in variance.lines["alternatives"][0]


def test_what_another_line_of_the_claim_speaks_against_is_no_cause(opened):
    # One line at 85 percent beside one in full: no kind of practitioner is paid so.
    lines = [paid_right(allowed(opened, "99213", provider_type="NP"), "99213"), paid_right(allowed(opened, "20610"), "20610")]
    variance = check(remittance(({}, lines)), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "unexplained", (1, 2): ""}
    assert "another kind of practitioner" in variance.lines["hint"][0]


def test_a_day_that_was_ranked_otherwise(opened):
    day = opened.price_day(["97530", "97110"], date=APRIL, locality=HERE)
    assert day.quotes[0].allowed > day.quotes[1].allowed
    later = opened.price_day(["97530", "97530"], date=APRIL, locality=HERE).quotes[1].allowed
    lines = [paid_right(str(later), "97530-GP"), paid_right(allowed(opened, "97110"), "97110-GP")]
    variance = check(remittance(({}, lines)), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "same_day_rank", (1, 2): "same_day_rank"}


def test_sequestration_goes_by_the_date_of_service(opened):
    for on, rate in ((dt.date(2022, 3, 15), 0), (dt.date(2022, 5, 16), 1), (dt.date(2022, 8, 1), 2)):
        amount = allowed(opened, "99213", date=on)
        line = paid_right(amount, "99213", date=on)
        share = float(amount) - float(line["adjusted"][0].split()[1])
        line["adjusted"] = line["adjusted"][:1]
        taken = round(round(share * 100) * rate / 100)
        line["paid"] = f"{share - taken / 100:.2f}"
        right = check(remittance(({}, [line])), ALABAMA, opened)
        assert right.lines["outcome"].to_list() == ["matches"], on
    may = dt.date(2022, 5, 16)
    variance = check(remittance(({}, [paid_right(allowed(opened, "99213", date=may), "99213", date=may)])), ALABAMA, opened)
    assert variance.causes.select("cause", "detail").rows() == [("sequestration", "at 2 percent")]


def test_the_deductible_is_taken_as_remitted_or_as_met(opened):
    amount = allowed(opened, "99213")
    line = {"code": "99213", "allowed": amount, "paid": "0.00", "adjusted": [f"PR-1 {amount}"]}
    assert check(remittance(({}, [line])), ALABAMA, opened).lines["outcome"].to_list() == ["matches"]
    met = check(remittance(({}, [line])), ALABAMA, opened, Settings(deductible="met"))
    assert found_by_line(met) == {(1, 1): "deductible"}
    assert met.lines["action"].to_list() == ["patient"]


def test_a_mips_adjustment_that_one_line_shows_is_a_hint(opened):
    amount = float(allowed(opened, "99213"))
    share = amount - round(amount * 0.2, 2)
    paid = round(share * 1.05, 2)
    line = {"code": "99213", "allowed": f"{amount:.2f}", "paid": f"{paid - round(paid * 0.02, 2):.2f}",
            "adjusted": [f"PR-2 {round(amount * 0.2, 2):.2f}"]}  # fmt: skip
    variance = check(remittance(({}, [line])), ALABAMA, opened)
    assert variance.lines["outcome"].to_list() == ["unexplained overpayment"]
    assert "MIPS" in variance.lines["hint"][0]


def test_a_qualified_beneficiarys_part_in_one_sum(opened):
    amount = float(allowed(opened, "99214"))
    part = round(amount * 0.2, 2)
    share = amount - part
    line = {"code": "99214", "allowed": f"{amount:.2f}", "paid": f"{share - round(share * 0.02, 2):.2f}",
            "adjusted": [f"OA-209 {part:.2f}"]}  # fmt: skip
    assert check(remittance(({}, [line])), ALABAMA, opened).lines["outcome"].to_list() == ["matches"]


def test_an_adjustment_that_the_remittance_shows_is_its_own_explanation(opened):
    line = paid_right(allowed(opened, "99213"), "99213")
    line["paid"] = f"{float(line['paid']) - 5:.2f}"
    line["adjusted"].append("CO-105 5.00")
    variance = check(remittance(({}, [line])), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "shown_adjustment"}
    assert variance.causes["effect"].to_list() == [-500]


def test_units_cut_by_the_payer(opened):
    two, three = (opened.price("97110", units=n, date=APRIL, locality=HERE).allowed for n in (2, 3))
    assert two < three
    line = paid_right(str(two), "97110-GP", units=2, units_billed=3)
    variance = check(remittance(({}, [line])), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "units"}
    assert variance.lines["expected_allowed"].to_list() == [int(three * 100)]


def test_a_code_that_the_payer_changed(opened):
    line = paid_right(allowed(opened, "99213"), "99213", billed="99214")
    variance = check(remittance(({}, [line])), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "recoded"}
    assert variance.lines["hcpcs"].to_list() == ["99214"]


def test_a_tolerance_lets_cents_pass(opened):
    off = f"{float(allowed(opened, '99213')) + 0.01:.2f}"
    held = remittance(({}, [paid_right(off, "99213")]))
    assert check(held, ALABAMA, opened).lines["outcome"].to_list() == ["unexplained overpayment"]
    lenient = check(held, ALABAMA, opened, Settings(tolerance=1))
    assert lenient.lines["outcome"].to_list() == ["matches"]
    assert check(held, ALABAMA, opened, Settings(unit_tolerance=1)).totals["matches"] == 1
    assert lenient.by_cause()["effect"].sum() == lenient.totals["difference"]


def test_settings_change_what_is_expected(opened):
    npi = {"rendering_npi": "1234567890"}
    line = paid_right(allowed(opened, "99213", provider_type="NP"), "99213")
    known = Settings(practitioners={"1234567890": "NP"})
    assert check(remittance((npi, [line])), ALABAMA, opened, known).totals["matches"] == 1
    assert check(remittance(({}, [line])), ALABAMA, opened, Settings(provider_type="PA")).totals["matches"] == 1
    assert set(found_by_line(check(remittance((npi, [line])), ALABAMA, opened)).values()) == {"practitioner"}
    qp = paid_right(allowed(opened, "99213", qp=True), "99213")
    assert check(remittance(({}, [qp])), ALABAMA, opened, Settings(qp=True)).totals["matches"] == 1
    facility = paid_right(allowed(opened, "99213", setting="facility"), "99213")
    assert check(remittance(({"pos": "22"}, [facility])), ALABAMA, opened).totals["matches"] == 1
    assert check(remittance(({}, [facility])), ALABAMA, opened, Settings(setting="facility")).totals["matches"] == 1


def test_most_lines_off_in_the_same_way_points_to_the_settings(opened):
    held = remittance(*visits(opened, ["99213", "99214", "99203", "99212", "97110"] * 2, qp=True))
    note = check(held, ALABAMA, opened).notes[0]
    assert note == "10 of 10 lines: Paid at the other conversion factor (QP). Check this setting first."
    assert check(held, ALABAMA, opened, Settings(qp=True)).notes == ()
    odd = remittance(*(({}, [paid_right(f"{n}.77", "99213")]) for n in range(20, 40)))
    assert "lines match no rule" in check(odd, ALABAMA, opened).notes[0]


# Denials -------------------------------------------------------------------------------------------------------------------


def denied(code: str, *adjusted: str, **more) -> dict:
    return {"code": code, "charge": "100.00", "paid": "0.00", "adjusted": [*adjusted], **more}


def test_a_pair_of_indicator_0_can_never_be_overturned(opened):
    on = dt.date(2024, 8, 1)
    lines = [
        paid_right(allowed(opened, "94060", date=on), "94060", date=on),
        denied("94010", "CO-97 100.00", date=on, remarks="N20 M80"),
    ]
    variance = check(remittance(({}, lines)), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "", (1, 2): "denied_ncci"}  # the remark speaks before reason 97
    row = variance.lines.row(1, named=True)
    assert row["edit"] == "94010 (column 2) is not paid beside 94060: indicator 0 (NCCI table of 2024Q3)"
    assert row["action"] == "never"
    assert row["difference"] == -row["expected_paid"] < 0


def test_a_pair_of_indicator_1_and_a_table_that_does_not_reach(opened):
    lines = [paid_right(allowed(opened, "11730"), "11730"), denied("12001", "CO-236 100.00")]
    row = check(remittance(({}, lines)), ALABAMA, opened).lines.row(1, named=True)
    assert row["edit"].startswith(
        "12001 (column 2) is not paid beside 11730: indicator 1 (NCCI table of 2024Q3, which does not"
    )
    assert row["action"] == "modifier"


def test_a_denied_line_takes_no_place_from_the_others(opened):
    # 97530 would have been the first of the day; as it was denied, 97110 is paid in full, and that is right.
    lines = [paid_right(allowed(opened, "97110"), "97110-GP"), denied("97530-GP", "CO-50 100.00")]
    variance = check(remittance(({}, lines)), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "", (1, 2): "denied_not_necessary"}
    day = opened.price_day(["97110", "97530"], date=APRIL, locality=HERE)
    assert variance.lines["expected_allowed"].sum() == sum(int(quote.allowed * 100) for quote in day.quotes)


@pytest.mark.parametrize(
    ("adjusted", "remarks", "cause", "action"),
    [
        ("CO-151 100.00", "N362", "denied_units", "appeal"),
        ("CO-16 100.00", "MA130 M51", "denied_information", "resubmit"),
        ("CO-29 100.00", None, "denied_late", "never"),
        ("CO-18 100.00", None, "denied_duplicate", "resubmit"),
        ("OA-22 100.00", None, "denied_other_payer", "other_payer"),
        ("PR-27 100.00", None, "denied_eligibility", "resubmit"),
        ("PR-96 100.00", "N425", "denied_not_covered", "never"),
        ("CO-B7 100.00", None, "denied_provider", "appeal"),
        ("CO-119 100.00", None, "denied_therapy_threshold", "resubmit"),
        ("CO-197 100.00", None, "denied_authorization", "appeal"),
        ("CO-ZZ9 100.00", None, "denied_other", "appeal"),
    ],
)
def test_what_the_remittance_says_of_a_denial(opened, adjusted, remarks, cause, action):
    row = check(remittance(({}, [denied("97110-GP", adjusted, remarks=remarks)])), ALABAMA, opened)
    assert found_by_line(row) == {(1, 1): cause}
    assert row.lines["outcome"].to_list() == ["explained"]
    assert row.lines["action"].to_list() == [action]
    assert row.causes["detail"].to_list() == [adjusted.split()[0]]


def test_a_unit_limit_is_told(opened):
    lines = [denied("97110-GP", "CO-222 100.00", units=7)]
    row = check(remittance(({}, lines)), ALABAMA, opened).lines.row(0, named=True)
    assert row["edit"] == "7 units billed; the unit limit is 6, indicator 3 (table of 2026Q2)"


def test_nothing_paid_and_no_reason_that_denies_is_unexplained(opened):
    variance = check(remittance(({}, [denied("97110-GP", "CO-45 100.00")])), ALABAMA, opened)
    assert variance.lines["outcome"].to_list() == ["unexplained underpayment"]


def test_a_whole_claim_denied_by_its_own_adjustment(opened):
    claim = {"status": "4", "adjusted": ["CO-29 100.00"]}
    variance = check(remittance((claim, [denied("97110-GP")])), ALABAMA, opened)
    assert found_by_line(variance) == {(1, 1): "denied_late"}


def test_what_medicare_never_pays_is_right_when_unpaid(opened):
    variance = check(remittance(({}, [denied("97010", "CO-97 100.00")])), ALABAMA, opened)
    assert variance.lines["outcome"].to_list() == ["matches"]


# What is not compared ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "line", "reason"),
    [
        ({"reversal": True, "status": "22"}, {}, "reversed"),
        ({"netted": True}, {}, "reversed"),
        ({"filing": "16"}, {}, "other_payer"),
        ({"status": "2"}, {}, "secondary"),
        ({}, {"adjusted": ["OA-23 10.00"]}, "secondary"),
        ({}, {"code_type": "N4"}, "no_code"),
        ({}, {"code": "99499"}, "contractor_priced"),
        ({}, {"code": "97353"}, "unknown_code"),
        ({}, {"code": "99213-QQ"}, "unknown_modifier"),
        ({"pos": "00"}, {}, "unknown_pos"),
        ({}, {"date": dt.date(2031, 1, 1)}, "no_release"),
    ],
)
def test_what_is_not_compared_says_why(opened, claim, line, reason):
    variance = check(remittance((claim, [{**paid_right("50.00", "99213"), **line}])), ALABAMA, opened)
    assert variance.lines.select("outcome", "reason", "difference").rows() == [("not priceable", reason, None)]
    assert variance.unpriced["sentence"].to_list() != [""]
    assert variance.totals["difference"] == 0


def test_every_payer_where_they_are_asked_for(opened):
    held = remittance(({"filing": "16"}, [paid_right(allowed(opened, "99213"), "99213")]))
    assert check(held, ALABAMA, opened, Settings(payers="all")).totals["matches"] == 1


def test_fractional_units_are_not_guessed(opened):
    held = remittance(({}, [paid_right("50.00", "99213")]))
    held.lines = held.lines.with_columns(units_billed=pl.lit(1_500, dtype=pl.Int64))
    assert check(held, ALABAMA, opened).lines["reason"].to_list() == ["fractional_units"]


def test_adjustments_of_whole_claims_are_told_apart(opened):
    claim = {"adjusted": ["CO-B4 5.00"]}
    variance = check(remittance((claim, [paid_right(allowed(opened, "99213"), "99213")])), ALABAMA, opened)
    assert variance.totals["matches"] == 1
    assert variance.whole_claims.select("claim_id", "reason", "amount").rows() == [("C1", "B4", 500)]


def test_a_claim_without_lines_and_a_missing_place_of_service_are_told(opened):
    variance = check(remittance(({}, []), ({"pos": None}, [paid_right(allowed(opened, "99213"), "99213")])), ALABAMA, opened)
    assert any("no service lines" in note for note in variance.notes)
    assert any("no place of service" in note for note in variance.notes)


def test_nothing_at_all_is_an_answer(opened):
    variance = check(remittance(), ALABAMA, opened)
    assert variance.totals["lines"] == 0
    assert variance.by_cause().is_empty()
    assert variance.headline.startswith("Of 0 lines")


def test_no_patient_is_in_any_answer(opened):
    held = remittance(({}, [paid_right("60.00", "99213")]))
    held.claims = held.claims.with_columns(patient_name=pl.lit("DOE JANE"), member_id=pl.lit("1EG4TE5MK73"))
    variance = check(held, ALABAMA, opened)
    for frame in (variance.lines, variance.causes, variance.asked, variance.whole_claims):
        assert not {"patient_name", "member_id"} & set(frame.columns)
        assert "DOE" not in str(frame.to_dicts())


# What cannot be asked ------------------------------------------------------------------------------------------------------


def test_a_place_is_needed_and_only_one(opened):
    for given in ({}, {"zip": "35203", "state": "AL"}):
        with pytest.raises(InputError, match="one of ZIP, locality and state"):
            Where(**given)
    with pytest.raises(InputError, match="five digits"):
        Where(zip="352")
    held = remittance(({}, [paid_right("60.00", "99213")]))
    with pytest.raises(InputError, match="spans several"):
        check(held, Where(zip="35958"), opened)
    with pytest.raises(InputError, match="payment localities"):
        check(held, Where(state="CA"), opened)
    assert (
        check(held, Where(state="AL"), opened).lines["expected_allowed"].to_list()
        == check(held, BIRMINGHAM, opened).lines["expected_allowed"].to_list()
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"provider_type": "WIZARD"}, "WIZARD"),
        ({"practitioners": {"1": "ELF"}}, "ELF"),
        ({"setting": "home"}, "facility or nonfacility"),
        ({"deductible": "half"}, "remitted or met"),
        ({"payers": "mine"}, "medicare or all"),
        ({"tolerance": -1}, "from 0 on"),
        ({"evidence": 0}, "from 1 on"),
    ],
)
def test_settings_that_cannot_be(given, says):
    with pytest.raises(InputError, match=says):
        Settings(**given)


def test_frames_that_lack_a_column_are_refused(opened):
    held = remittance(({}, [paid_right("60.00", "99213")]))
    held.lines = held.lines.drop("paid")
    with pytest.raises(InputError, match="no column paid"):
        check(held, ALABAMA, opened)


# Words ---------------------------------------------------------------------------------------------------------------------


def test_every_code_and_cause_has_words_and_something_to_do():
    actions, causes = words.actions(), words.causes()
    for kind in ("carc", "rarc"):
        held = words.section(kind)
        assert len({one["code"] for one in held}) == len(held)
        for one in held:
            assert one["sentence"].endswith(".")
            assert one.get("action", "none") in actions
            assert one.get("cause") is None or causes[one["cause"]].side == "denial"
    for one in words.section("carc"):
        assert one["class"] in ("price", "patient", "payment", "denial")
        assert (one["class"] == "denial") == ("cause" in one)
    for one in causes.values():
        assert one.side in ("allowed", "payment", "denial", "open")
        assert one.action in actions
        assert one.sentence.endswith(".")
    limits = words.section("limit")
    assert limits["redetermination"]["days"] == 120
    for one in (*limits.values(), words.section("medicare"), words.section("mips_shown")):
        assert one["standing"] in STANDINGS
        assert one["source"]
    assert {one.limit for one in actions.values()} <= {"", *limits}


def test_codes_in_plain_words():
    assert explain_code("CO-253").startswith("Sequestration")
    assert explain_code("pr 2") == explain_code("2") == "The patient's coinsurance."
    assert "MIPS" in explain_code("N807")
    assert "no words" in explain_code("CO-ZZ9")


# One explanation of benefits -----------------------------------------------------------------------------------------------


def test_an_eob_that_follows_the_rules(opened):
    lines = [
        EobLine("97530-GP", "100.00", "24.97", "31.85", ["CO-45 68.15", "PR-2 6.37", "CO-253 0.51"]),
        EobLine("97110-GPx2", "120.00", "32.59", "41.58", ["CO-45 78.42", "PR-2 8.32", "CO-253 0.67"]),
    ]
    told = explain_eob(lines, BIRMINGHAM, "2025-10-15", opened)
    assert told.variance.lines["outcome"].to_list() == ["matches", "matches"]
    card = told.card()
    assert "half" not in card.split("2. 97110")[0]
    assert "50 percent of its practice expense" in card.split("2. 97110")[1]
    assert "CO 253" in card
    assert "What differs" not in card
    assert [round(step.end) for step in told.arithmetic[2].steps][-1] == 4158


def test_an_eob_that_does_not(opened):
    told = explain_eob([EobLine("97110-GP-CQ", "60.00", "21.03", "26.83")], BIRMINGHAM, dt.date(2025, 10, 15), opened)
    assert told.line(1)["causes"] == "Therapy assistant's cut not taken (CQ, CO)"
    card = told.card()
    assert "names no patient's part" in card
    assert "What differs" in card
    assert "Paid" not in card.splitlines()[0]


@pytest.mark.parametrize(
    ("line", "date", "says"),
    [
        (EobLine("97110", "sixty", "21.04", "26.83"), "2025-10-15", "Line 1, billed"),
        (EobLine("97110", "60.00", "21.04"), "2025-10-15", "give what was allowed"),
        (EobLine("97110", "60.00", "21.04", "26.83", ["45: 3"]), "2025-10-15", "no adjustment such as"),
        (EobLine("97110", "60.00", "21.04", "26.83"), "15.10.2025", "is not a date"),
        (EobLine("9711!", "60.00", "21.04", "26.83"), "2025-10-15", "no code"),
    ],
)
def test_an_eob_that_cannot_be_read(opened, line, date, says):
    with pytest.raises(InputError, match=says):
        explain_eob([line], BIRMINGHAM, date, opened)
    with pytest.raises(InputError, match="No line"):
        explain_eob([], BIRMINGHAM, date, opened)


def test_an_eob_with_an_open_deductible_adds_up(opened):
    line = EobLine("97110-GP", "60.00", "13.19", "26.83", ["PR-1 10.00", "PR-2 3.37", "CO-253 0.27"])
    told = explain_eob([line], BIRMINGHAM, "2025-10-15", opened)
    assert told.variance.lines["outcome"].to_list() == ["matches"]
    assert [round(step.end) for step in told.arithmetic[1].after] == [2656]  # 26.83 less 0.27


PASTED_ROW = {
    "code": "97530-GP", "units": "2", "billed": "70.00", "allowed": "32.42", "paid": "25.42",
    "adjusted": "CO-45 37.58, PR-2 6.48", "remarks": "N851",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "97530-GP\t2\t70.00\t32.42\t25.42\tCO-45 37.58, PR-2 6.48\tN851",
        "CPT\tMods\tQty\tCharges\tAllowed\tProv Pd\tGRP/RC-AMT\tRemark codes\tDeduct\tCoins\n"
        "97530\tGP\t2\t70.00\t32.42\t25.42\tCO-45 37.58\tN851\t0.00\t6.48",
        "97530 GP 2 70.00 32.42 25.42 CO-45 37.58 PR-2 6.48 N851\n\n",
        "  97530-gp   2  70.00  32.42  25.42   CO-45 37.58,  PR-2 6.48  N851",
        "97530-GP; 2; 70.00; 32.42; 25.42; CO-45 37.58, PR-2 6.48; N851\r\n",
    ],
)
def test_lines_are_pasted_in_the_ways_in_which_they_come(text):
    assert read_pasted(text) == ([PASTED_ROW], [])


def test_what_is_pasted_and_is_no_line_is_told():
    found, problems = read_pasted("Explanation of benefits\n97530 GP 1 70.00 32.42 25.42\nTotal 70.00 32.42 25.42\n97110 60")
    assert [row["code"] for row in found] == ["97530-GP"]
    assert [problem.split(" was")[0] for problem in problems] == ["Row 1", "Row 3", "Row 4"]
    assert read_pasted(" \n") == ([], [])
    assert read_pasted("97110\t\t60\t26.83\t21.03")[0][0]["units"] == ""
