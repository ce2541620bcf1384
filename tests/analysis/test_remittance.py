"""The 835 as it comes: every construct of claims and lines, any delimiters, several payers, and files that are none."""

import datetime as dt
import gzip
import io
import random
import zipfile
from pathlib import Path

import polars as pl
import pytest
import x12_writer as x12
from remitted import Claims, Mailbag
from x12_writer import Adjustment, Claim, Line, Payment, ProviderAdjustment, Signs, Writer

import feecalc
from feecalc.analysis import remittance
from feecalc.analysis.remittance import CLAIMS, PATIENT, net, read, stream
from feecalc.analysis.remittance.frames import FRAMES
from feecalc.errors import InputError

DAY = dt.date(2026, 1, 5)
NEXT = dt.date(2026, 1, 6)


def text_of(*payments, **given):
    return x12.write(payments, **given)


def taken(*payments, **given):
    """What is read of payments written as an 835."""
    return read(text_of(*payments, **given).encode(), "era.835")


def told(found, words=""):
    return [what for what in found.problems["what"] if words in what]


def one_line(**given):
    """A line that balances: 100.00 charged, 20.00 over the fee, 16.00 the patient's, 64.00 paid."""
    usual = {
        "code": "97110", "charge": 10000, "paid": 6400, "dates": (("472", DAY),),
        "adjustments": (Adjustment("CO", "45", 2000), Adjustment("PR", "2", 1600)),
    }  # fmt: skip
    return Line(**usual | given)


def one_claim(*lines, **given):
    lines = lines or (one_line(),)
    usual = {"claim_id": "PT1", "charge": sum(x.charge for x in lines), "paid": sum(x.paid for x in lines), "lines": lines}
    return Claim(**usual | given)


def first(frame):
    return frame.row(0, named=True)


# What a claim and its lines say --------------------------------------------------------------------------------------------


def test_a_claim_and_who_paid_it():
    claim = one_claim(
        status="19",
        responsibility=1600,
        filing="MB",
        payer_claim="2226005",
        pos="22",
        frequency="7",
        rendering="1098765432",
        crossover=("STATE MEDICAID", "12345"),
        corrected_payer=("OTHER INSURANCE", "777"),
        remarks=("MA01", "MA18"),
        references=(("EA", "MR7"), ("F8", "2225999")),
        dates=(("232", DAY), ("233", NEXT), ("050", dt.date(2026, 1, 20))),
    )
    found = taken(Payment((claim,)))
    assert found.problems.is_empty()
    assert first(found.claims) == {
        "claim": 1, "payment": 1, "file": "era.835", "segment": 15, "payer": "NORTHERN MEDICARE CONTRACTOR",
        "payer_id": "01112", "payee_npi": "1234567893", "check_number": "EFT0000001", "paid_date": dt.date(2026, 2, 10),
        "claim_id": "PT1", "status": "19", "charge": 10000, "paid": 6400, "patient_responsibility": 1600, "filing": "MB",
        "payer_claim": "2226005", "pos": "22", "frequency": "7", "date_from": DAY, "date_to": NEXT,
        "received_date": dt.date(2026, 1, 20), "rendering_npi": "1098765432", "crossover": "STATE MEDICAID",
        "corrected_payer": "OTHER INSURANCE", "original_payer_claim": "2225999", "remarks": "MA01 MA18", "reversal": False,
        "reversal_of": None, "reversed_by": None, "corrects": None, "netted": False, "balanced": True,
    }  # fmt: skip


def test_a_line():
    line = one_line(
        modifiers=("GP", "CQ", "59", "KX"),
        units="2",
        units_billed="3",
        location="12",
        control="LINE7",
        rendering="1987654321",
        amounts=(("B6", 8000),),
        remarks=("N130", "M25"),
    )
    found = taken(Payment((one_claim(line, pos="11", rendering="1098765432"),)))
    assert found.problems.is_empty()
    assert first(found.lines) == {
        "claim": 1, "line": 1, "segment": 18, "code_type": "HC", "hcpcs": "97110", "modifiers": "GP CQ 59 KX",
        "billed_hcpcs": "97110", "billed_modifiers": "GP CQ 59 KX", "revenue": None, "charge": 10000, "paid": 6400,
        "units": 2000, "units_billed": 3000, "service_date": DAY, "service_date_to": None, "allowed": 8000,
        "line_control": "LINE7", "pos": "12", "rendering_npi": "1987654321", "remarks": "N130 M25", "balanced": True,
    }  # fmt: skip


def test_a_line_takes_place_day_and_practitioner_of_its_claim():
    claim = one_claim(one_line(dates=()), pos="11", rendering="1098765432", dates=(("232", DAY),))
    found = first(taken(Payment((claim,))).lines)
    assert (found["service_date"], found["pos"], found["rendering_npi"]) == (DAY, "11", "1098765432")
    assert (found["units"], found["units_billed"]) == (1000, 1000)


@pytest.mark.parametrize(
    ("units", "held"), [("", 1000), ("1.5", 1500), ("0", 0), (".125", 125), ("12.00", 12000), ("3.", 3000), ("-2", -2000)]
)
def test_units_are_thousandths_and_one_where_none_are_said(units, held):
    assert first(taken(Payment((one_claim(one_line(units=units)),))).lines)["units"] == held


def test_a_span_of_days():
    line = one_line(dates=(("150", DAY), ("151", NEXT)))
    found = first(taken(Payment((one_claim(line),))).lines)
    assert (found["service_date"], found["service_date_to"]) == (DAY, NEXT)


def test_a_procedure_that_the_payer_changed():
    line = one_line(code="99213", modifiers=("25",), billed=("99215", "25", "GC"))
    found = first(taken(Payment((one_claim(line),))).lines)
    assert (found["hcpcs"], found["modifiers"]) == ("99213", "25")
    assert (found["billed_hcpcs"], found["billed_modifiers"]) == ("99215", "25 GC")


def test_revenue_and_drug_codes():
    lines = (one_line(code="0420", qualifier="NU"), one_line(code="0001", qualifier="N4", revenue="0636"))
    found = taken(Payment((one_claim(*lines),))).lines
    assert found.select("code_type", "hcpcs", "revenue").rows() == [("NU", None, "0420"), ("N4", "0001", "0636")]


def test_adjustments_of_claim_and_line_six_in_a_segment():
    reasons = tuple(Adjustment("CO", f"{n}", n, f"{n}" if n % 2 else "") for n in range(1, 9))
    line = one_line(adjustments=(*reasons, Adjustment("PR", "2", 1600)), paid=10000 - 36 - 1600)
    claim = one_claim(line, adjustments=(Adjustment("OA", "23", 500), Adjustment("CO", "B4", 64)), paid=8364 - 564)
    found = taken(Payment((claim,)))
    assert found.problems.is_empty()
    rows = found.adjustments.select("claim", "line", "group", "reason", "amount", "quantity").rows()
    assert rows == [
        (1, None, "OA", "23", 500, None),
        (1, None, "CO", "B4", 64, None),
        *((1, 1, "CO", f"{n}", n, n * 1000 if n % 2 else None) for n in range(1, 9)),
        (1, 1, "PR", "2", 1600, None),
    ]
    assert found.adjustments["segment"].to_list() == [16, 17, *[21] * 6, *[22] * 2, 23]


def test_amounts_quantities_and_inpatient_remarks():
    line = one_line(amounts=(("B6", 8000), ("KH", -5)), quantities=(("ZK", "1.25"),))
    claim = one_claim(line, amounts=(("AU", 10000),), quantities=(("CA", "3"),), inpatient_remarks=("MA01", "N1", "N2"))
    found = taken(Payment((claim,)))
    amounts = found.amounts.select("line", "qualifier", "amount").rows()
    assert amounts == [(None, "AU", 10000), (1, "B6", 8000), (1, "KH", -5)]
    assert found.quantities.select("line", "qualifier", "quantity").rows() == [(None, "CA", 3000), (1, "ZK", 1250)]
    assert first(found.claims)["remarks"] == "MA01 N1 N2"


def test_a_claim_without_lines_and_one_that_is_denied():
    bare = one_claim(claim_id="BARE", lines=(), charge=5000, paid=4000, adjustments=(Adjustment("PR", "1", 1000),))
    denied = one_claim(
        one_line(paid=0, adjustments=(Adjustment("CO", "50", 10000),), remarks=("N115",)), claim_id="NO", status="4"
    )
    found = taken(Payment((bare, denied)))
    assert found.problems.is_empty()
    assert found.claims.select("claim_id", "status", "paid").rows() == [("BARE", "1", 4000), ("NO", "4", 0)]
    assert found.lines.select("claim", "line", "paid", "remarks").rows() == [(2, 1, 0, "N115")]


def test_lines_are_counted_in_their_claim():
    claims = [one_claim(*[one_line(control=f"{n}{m}") for m in range(n)], claim_id=f"PT{n}") for n in (2, 1, 3)]
    found = taken(Payment(tuple(claims))).lines
    assert found.select("claim", "line", "line_control").rows() == [
        (1, 1, "20"), (1, 2, "21"), (2, 1, "10"), (3, 1, "30"), (3, 2, "31"), (3, 3, "32"),
    ]  # fmt: skip


def test_a_secondary_payment():
    line = one_line(paid=1600, adjustments=(Adjustment("CO", "45", 2000), Adjustment("OA", "23", 6400)))
    found = taken(Payment((one_claim(line, status="2", filing="CI"),)))
    assert found.problems.is_empty()
    assert first(found.claims)["status"] == "2"


def test_payments_and_provider_adjustments():
    adjusted = tuple(ProviderAdjustment("WO", f"CLAIM{n}", 100 * n) for n in range(1, 8))
    interest = ProviderAdjustment("L6", "", -250)
    found = taken(Payment((one_claim(),), provider_adjustments=(*adjusted, interest)))
    assert found.problems.is_empty()
    assert found.provider_adjustments.select("reason", "reference", "amount").rows() == [
        *(("WO", f"CLAIM{n}", 100 * n) for n in range(1, 8)),
        ("L6", None, -250),
    ]
    assert found.provider_adjustments["fiscal_date"].unique().to_list() == [dt.date(2026, 12, 31)]
    payment = first(found.payments)
    assert (payment["amount"], payment["claims_paid"], payment["provider_adjustments"]) == (6400 - 2550, 6400, 2550)
    assert (payment["method"], payment["balanced"], payment["claims"]) == ("ACH", True, 1)


def test_a_payment_without_claims_and_one_without_money():
    only = Payment((), provider_adjustments=(ProviderAdjustment("L6", "", -100),))
    nothing = Payment((one_claim(one_line(paid=0, adjustments=(Adjustment("CO", "29", 10000),))),), method="NON", check="N1")
    found = taken(only, nothing)
    assert found.problems.is_empty()
    assert found.payments.select("amount", "method", "claims").rows() == [(100, "ACH", 0), (0, "NON", 1)]


def test_a_member_number_behind_the_reference_of_a_provider_adjustment_is_dropped():
    adjusted = (
        ProviderAdjustment("WO", "00222600500012345671EG4TE5MK73", 100),
        ProviderAdjustment("72", "CLAIM 1EG4TE5MK73", 1),
    )
    found = taken(Payment((one_claim(),), provider_adjustments=adjusted))
    assert found.provider_adjustments["reference"].to_list() == ["0022260050001234567", "CLAIM"]


# Many payments -------------------------------------------------------------------------------------------------------------


def expected_lines(payments):
    number = 0
    for payment in payments:
        for claim in payment.claims:
            number += 1
            for place, line in enumerate(claim.lines, 1):
                dates = dict(line.dates)
                yield {
                    "claim": number,
                    "line": place,
                    "hcpcs": line.code,
                    "modifiers": " ".join(line.modifiers),
                    "charge": line.charge,
                    "paid": line.paid,
                    "units": int(line.units) * 1000,
                    "service_date": dates["472"],
                    "allowed": dict(line.amounts).get("B6"),
                    "line_control": line.control,
                    "pos": line.location,
                    "rendering_npi": claim.rendering,
                    "remarks": " ".join(line.remarks),
                    "balanced": True,
                }


def expected_claims(payments):
    number = 0
    for place, payment in enumerate(payments, 1):
        for claim in payment.claims:
            number += 1
            dates = dict(claim.dates)
            yield {
                "claim": number,
                "payment": place,
                "payer": payment.payer,
                "check_number": payment.check,
                "claim_id": claim.claim_id,
                "status": claim.status,
                "charge": claim.charge,
                "paid": claim.paid,
                "patient_responsibility": claim.responsibility,
                "payer_claim": claim.payer_claim,
                "date_from": dates["232"],
                "received_date": dates["050"],
                "crossover": claim.crossover[0] if claim.crossover else None,
                "remarks": " ".join(claim.remarks),
                "balanced": True,
            }


def expected_adjustments(payments):
    number = 0
    for payment in payments:
        for claim in payment.claims:
            number += 1
            for place, held in ((None, claim.adjustments), *((n, x.adjustments) for n, x in enumerate(claim.lines, 1))):
                for group in dict.fromkeys(one.group for one in held):
                    for one in held:
                        if one.group == group:
                            yield {"claim": number, "line": place, "group": group, "reason": one.reason, "amount": one.amount}


def check_all(found, payments):
    for frame, expected in (
        (found.claims, expected_claims(payments)),
        (found.lines, expected_lines(payments)),
        (found.adjustments, expected_adjustments(payments)),
    ):
        rows = list(expected)
        assert frame.select(rows[0].keys()).to_dicts() == rows
    assert found.payments["balanced"].all()
    assert found.payments["amount"].to_list() == [payment.paid for payment in payments]


STYLES = {
    "usual": Signs(),
    "one line": Signs(line_end=""),
    "crlf": Signs(line_end="\r\n"),
    "blank lines": Signs(line_end="\n\n \r\n"),
    "newline terminates": Signs(terminator="\n", line_end=""),
    "crlf terminates": Signs(terminator="\r\n", line_end=""),
    "return terminates": Signs(terminator="\r", line_end=""),
    "other signs": Signs("|", ">", "!", "'", ""),
    "control characters": Signs("\x1d", "\x1f", "\x1c", "\x1e", ""),
    "control characters otherwise": Signs("\x1f", "\x1e", "\x1c", "\x1d", "\n"),
    "the reader's own swapped": Signs("\x1e", "\x1d", "^", "\x1c", ""),
    "backslash and dollar": Signs("$", "\\", "^", "%", "\n"),
}


def without(text, signs):
    """A text that holds none of the delimiters, which no value may."""
    return "".join(c for c in text if c not in signs.element + signs.component + signs.terminator)


@pytest.mark.parametrize("signs", STYLES.values(), ids=STYLES)
def test_any_delimiters(signs):
    writer = Writer(3)
    payer = without("PAYER *|:>~'", signs)  # the usual delimiters are letters like others where they are none
    payments = [writer.payment(20, payer=f"{payer}{n}", check=f"EFT{n}") for n in range(3)]
    found = read(x12.write(payments, signs).encode(), "era.835")
    assert found.problems.is_empty()
    check_all(found, payments)


def test_records_of_eighty_characters():
    payments = [Writer(4).payment(20)]
    text = text_of(*payments, signs=Signs(line_end=""))
    wrapped = "\r\n".join(text[at : at + 80] for at in range(0, len(text), 80))
    found = read(wrapped.encode())
    assert found.problems.is_empty()
    check_all(found, payments)


def test_several_payers_groups_and_interchanges_in_a_file():
    writer = Writer(5)
    payments = [writer.payment(5, payer=f"PAYER {n}", payer_id=f"1{n:09}", contractor=f"{n:05}") for n in range(6)]
    one = text_of(*payments[:4], groups=2)
    other = text_of(*payments[4:], signs=Signs("|", ">", "!", "'", "\r\n"), control=2)
    found = read((one + other).encode(), "joined.835")
    assert found.problems.is_empty()
    check_all(found, [payments[0], payments[2], payments[1], payments[3], *payments[4:]])
    assert found.claims["payer_id"].unique(maintain_order=True).to_list() == [
        "00000",
        "00002",
        "00001",
        "00003",
        "00004",
        "00005",
    ]


def test_many_files_as_one(tmp_path):
    writer = Writer(6)
    payments = [writer.payment(7) for _ in range(5)]
    sources = []
    for number, payment in enumerate(payments):
        path = tmp_path / f"{number}.835"
        path.write_text(text_of(payment, signs=Signs(line_end="\r\n" if number % 2 else "")))
        sources.append(path)
    found = read(sources)
    assert found.problems.is_empty()
    check_all(found, payments)
    assert found.claims["file"].unique(maintain_order=True).to_list() == [f"{n}.835" for n in range(5)]
    assert found.claims.group_by("file", maintain_order=True).first()["segment"].to_list() == [15] * 5


def test_paths_bytes_and_file_objects_read_the_same(tmp_path):
    text = text_of(Writer(7).payment(5))
    path = tmp_path / "era.835"
    path.write_text(text, newline="")
    whole = read(path)
    for source in (str(path), text.encode(), io.BytesIO(text.encode()), io.StringIO(text)):
        other = read(source, "era.835")
        for name in FRAMES:
            assert getattr(other, name).equals(getattr(whole, name)), name
    with path.open("rb") as file:
        assert read(file).claims.equals(whole.claims)


@pytest.mark.parametrize("lines", [1, 7, 50, 1000])
def test_parts_make_the_whole(lines, tmp_path):
    writer = Writer(8)
    payments = [writer.payment(8, provider_adjustments=(ProviderAdjustment("L6", "", -n),)) for n in range(4)]
    text = text_of(*payments, groups=2).replace("*64*", "*x*", 1).replace("AMT*B6", "ZZ9*B6", 3)
    whole = read(text.encode(), "era.835", batch_lines=10**6)
    parts = list(stream(text.encode(), "era.835", batch_lines=lines))
    assert len(parts) > 1 or lines == 1000
    for name in FRAMES:
        put = pl.concat(getattr(part, name) for part in parts)
        if name == "problems":  # one notice a part for segments of an unknown kind
            assert set(put["what"].filter(~put["what"].str.contains("no 835 has"))) == set(
                whole.problems["what"].filter(~whole.problems["what"].str.contains("no 835 has"))
            )
            continue
        kept = [column for column in put.columns if column not in ("reversal_of", "reversed_by", "corrects", "netted")]
        assert put.select(kept).equals(getattr(whole, name).select(kept)), name
    for part in parts:  # a claim is whole in its part
        assert set(part.lines["claim"]) <= set(part.claims["claim"])
        assert set(part.adjustments["claim"]) <= set(part.claims["claim"])


def test_memory_holds_one_part_at_a_time():
    text = text_of(Writer(9).payment(400)).encode()
    parts = stream(text, batch_lines=50)
    sizes = [part.lines.height for part in parts]
    assert sum(sizes) == text.count(b"SVC*")
    assert max(sizes) < 120


# Reversals -----------------------------------------------------------------------------------------------------------------


def test_a_reversal_and_what_corrects_it():
    paid = one_claim(payer_claim="A1")
    other = one_claim(claim_id="PT2", payer_claim="B1")
    right = one_claim(
        one_line(paid=6800, adjustments=(Adjustment("CO", "45", 1500), Adjustment("PR", "2", 1700))), payer_claim="A2"
    )
    older = Payment((paid, other), check="C1", date=dt.date(2026, 1, 10))
    newer = Payment((x12.reversed_claim(paid), right), check="C2", date=dt.date(2026, 3, 10))
    found = taken(older, newer)
    assert found.problems.is_empty()
    columns = ["claim_id", "reversal", "reversal_of", "reversed_by", "corrects", "netted"]
    assert found.claims.select(columns).rows() == [
        ("PT1", False, None, 3, None, True),
        ("PT2", False, None, None, None, False),
        ("PT1", True, 1, None, None, True),
        ("PT1", False, None, None, 3, False),
    ]
    assert found.claims.filter("netted")["paid"].sum() == 0


def test_a_reversal_of_what_was_not_read_stands_alone():
    paid = one_claim()
    found = taken(Payment((x12.reversed_claim(paid), one_claim(one_line(charge=9000, paid=5400)))))
    assert found.claims.select("reversal_of", "corrects", "netted").rows() == [(None, None, False), (None, 1, False)]


def test_a_correction_of_the_same_figures_stands():
    paid = one_claim(payer_claim="A1")
    newer = Payment((x12.reversed_claim(paid), one_claim(payer_claim="A2")), check="C2")
    columns = ["reversal_of", "corrects", "netted"]
    assert taken(newer).claims.select(columns).rows() == [(None, None, False), (None, 1, False)]
    older = Payment((paid,), check="C1", date=dt.date(2026, 1, 10))
    assert taken(older, newer).claims.select(columns).rows() == [(None, None, True), (1, None, True), (None, 2, False)]


def test_a_reversal_takes_back_one_claim_of_its_own_payer_and_number():
    paid = one_claim(payer_claim="A1")
    again = one_claim(payer_claim="A2")
    elsewhere = Payment((paid,), check="C0", payer="ANOTHER", contractor="99999")
    first_check = Payment((paid, again), check="C1", date=dt.date(2026, 1, 10))
    newer = Payment((x12.reversed_claim(again), x12.reversed_claim(paid)), check="C2", date=dt.date(2026, 3, 10), amount=-12800)
    found = read(text_of(elsewhere, first_check, newer).encode())
    assert found.claims["reversal_of"].to_list() == [None, None, None, 3, 2]
    assert found.claims["reversed_by"].to_list() == [None, 5, 4, None, None]


def test_thousands_of_claims_under_one_number_are_netted_in_no_time():
    paid, right = one_claim(payer_claim="A1"), one_claim(payer_claim="A2")
    older = Payment((paid,) * 3_000, check="C1")
    newer = Payment((x12.reversed_claim(paid), right) * 3_000, check="C2", amount=0)
    found = taken(older, newer).claims
    assert found["netted"].to_list() == [*[True] * 3_000, *[True, False] * 3_000]
    assert found.filter(~pl.col("netted"))["corrects"].is_not_null().all()


def test_net_works_on_parts_put_together():
    paid = one_claim()
    text = text_of(
        Payment((paid,), check="C1"),
        Payment((x12.reversed_claim(paid), one_claim(one_line(charge=9000, paid=5400))), check="C2"),
    )
    parts = list(stream(text.encode(), batch_lines=1))
    assert len(parts) > 1
    assert net(pl.concat(part.claims for part in parts)).equals(read(text.encode()).claims)


def test_the_same_file_twice_is_told():
    text = text_of(Payment((one_claim(),))).encode()
    found = read([text, text])
    assert found.claims.height == 2
    assert told(found, "was read before")


# Balancing -----------------------------------------------------------------------------------------------------------------


def changed(old, new, *payments, count=1):
    text = text_of(*(payments or (Payment((one_claim(one_line(amounts=(("B6", 8000),))),)),)))
    assert old in text
    return read(text.replace(old, new, count).encode(), "era.835")


def problem(found, words):
    rows = [row for row in found.problems.iter_rows(named=True) if words in row["what"]]
    assert len(rows) == 1, found.problems["what"].to_list()
    return rows[0]


def test_a_line_that_does_not_balance():
    row = problem(changed("CAS*CO*45*20~", "CAS*CO*45*19.5~"), "The line does not balance")
    assert (row["segment"], row["severity"], row["claim"], row["line"]) == (17, "error", 1, 1)
    assert "$100.00 less adjustments of $35.50 makes $64.50, but SVC03 is $64.00" in row["what"]


def test_a_claim_that_does_not_balance():
    found = changed("CLP*PT1*1*100*64", "CLP*PT1*1*100*65.01")
    row = problem(found, "The claim does not balance")
    assert (row["segment"], row["claim"]) == (15, 1)
    assert "$100.00 less adjustments of $36.00 makes $64.00, but CLP04 is $65.01" in row["what"]
    assert "The payments of the lines make $64.00" in problem(found, "payments of the lines")["what"]
    assert first(found.claims)["balanced"] is False
    assert first(found.lines)["balanced"] is True


def test_lines_that_do_not_make_their_claim():
    found = changed("CLP*PT1*1*100*64", "CLP*PT1*1*120*64")
    assert "The charges of the lines make $100.00, but CLP03 is $120.00" in problem(found, "charges of the lines")["what"]


def test_a_payment_that_does_not_balance():
    found = changed("BPR*I*64*", "BPR*I*60*")
    row = problem(found, "The payment does not balance")
    assert row["segment"] == 4
    assert "claims of $64.00 less provider adjustments of $0.00 make $64.00, but BPR02 is $60.00" in row["what"]
    assert first(found.payments)["balanced"] is False


def test_a_negative_amount_is_written_with_its_sign():
    found = changed("BPR*I*64*", "BPR*I*-60*")
    assert "BPR02 is -$60.00" in problem(found, "The payment does not balance")["what"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("SE*20*", "SE*19*", "SE01 says 19 for the segments of the transaction; there are 20"),
        ("SE*20*0001", "SE*20*0002", "SE02 is another control number than ST02"),
        ("GE*1*1", "GE*3*1", "GE01 says 3 for the transactions of the group; there are 1"),
        ("GE*1*1", "GE*1*9", "GE02 is another control number than GS06"),
        ("IEA*1*", "IEA*x*", "IEA01 says no number for the groups"),
        ("IEA*1*000000001", "IEA*1*000000007", "IEA02 is another control number than ISA13"),
        ("TRN*1*", "XX1*1*", "1 segment of the kind XX1 that no 835 has"),
        ("005010X221A1", "004010X091A1", "another version"),
    ],
)
def test_counts_and_control_numbers(old, new, words):
    found = changed(old, new)
    row = problem(found, words)
    assert row["severity"] in ("error", "warning")
    text = text_of(Payment((one_claim(one_line(amounts=(("B6", 8000),))),))).replace(old, new, 1)
    assert row["segment"] == text[: text.index(new)].count("~") + 1
    assert found.claims.height == found.lines.height == 1


def test_segments_missing_between_transactions_are_told():
    text = text_of(Payment((one_claim(),)), Payment((one_claim(),), check="C2"))
    found = read(text.replace("SE*19*0001~\n", "", 1).encode())
    assert told(found, "An ST begins before the SE of the one before it")
    assert found.payments["balanced"].to_list() == [True, True]


# Damage --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words", "column"),
    [
        ("SVC*HC:97110*100*64", "SVC*HC:97110*1OO*64", "SVC02 (the charge) is no number", "charge"),
        ("SVC*HC:97110*100*64", "SVC*HC:97110*100*", "SVC03 (the payment) is missing", "paid"),
        ("SVC*HC:97110*100*64", "SVC*HC:97110*100*6.4e1", "SVC03 (the payment) is no number", "paid"),
        ("SVC*HC:97110*100*64**1", "SVC*HC:97110*100*64**one", "SVC05 (the units) is no number", "units"),
        ("SVC*HC:97110*100*64**1", "SVC*HC:97110*100*64**1.0625", "SVC05 (the units) is no number", "units"),
        ("AMT*B6*80", "AMT*B6*$80", "AMT02 (an amount) is no number", "allowed"),
    ],
)
def test_numbers_that_are_none_leave_the_others(old, new, words, column):
    lines = (one_line(amounts=(("B6", 8000),)), one_line(amounts=(("B6", 8000),)))
    found = changed(old, new, Payment((one_claim(*lines), one_claim(claim_id="PT2"))))
    row = problem(found, words)
    assert row["severity"] == "error"
    assert found.lines[column].to_list()[0] is None
    assert found.lines[column].to_list()[1] is not None
    assert found.lines["balanced"].to_list()[1:] == [True, True]
    assert found.claims.height == 2


@pytest.mark.parametrize("amount", ["-", ".", "", "1,5", "1.234", "12345678901", "NaN", "inf", "0x1", "٣", " "])
def test_no_amount_is_guessed(amount):
    found = changed("CLP*PT1*1*100*64", f"CLP*PT1*1*{amount}*64")
    assert first(found.claims)["charge"] is None
    assert first(found.claims)["balanced"] is False
    assert told(found, "CLP03 (the charge)")


def test_a_date_that_is_none():
    found = changed("DTM*472*20260105", "DTM*472*20261305")
    assert first(found.lines)["service_date"] is None
    assert problem(found, "DTM02 (a date)")["segment"] == 18


def test_segments_of_kinds_that_no_835_has_are_counted():
    found = changed("CAS*CO*45*20~", "CAS*CO*45*20~\nK3*FREE TEXT~\nSMITH~\nK3*MORE~")
    assert told(found, "2 segments of the kind K3 that no 835 has")
    assert told(found, "1 segment that no 835 has")
    assert not told(found, "SMITH")
    assert first(found.lines)["balanced"] is True


def test_small_letters_blanks_and_empty_segments():
    payments = [Writer(10).payment(10)]
    lines = text_of(*payments).split("\n")
    text = "\n~ \n".join("  " + line[:3].lower() + line[3:] if n > 1 else line for n, line in enumerate(lines))
    found = read(text.encode())
    assert found.problems.is_empty()
    check_all(found, payments)


def test_a_byte_order_mark_and_letters_before_the_first_segment():
    payments = [Writer(11).payment(3)]
    text = text_of(*payments)
    check_all(read(b"\xef\xbb\xbf" + text.encode()), payments)
    check_all(read(text.encode("utf-16")), payments)
    check_all(read(b"\r\n\0 " + text.encode() + b"\x1a"), payments)
    found = read(b"Downloaded on Monday\n" + text.encode())
    check_all(found, payments)
    assert told(found, "What stands before the first ISA is no X12")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_letters_beyond_ascii(encoding):
    payments = [Writer(12).payment(2, payer="CAISSE SANTÉ ÎLE", payee="PHYSIOTHÉRAPIE")]
    found = read(text_of(*payments).encode(encoding))
    assert found.problems.is_empty()
    check_all(found, payments)
    assert first(found.payments)["payee"] == "PHYSIOTHÉRAPIE"


def test_delimiters_that_the_isa_does_not_name():
    payments = [Writer(13).payment(5)]
    text = text_of(*payments)
    found = read(text.replace("*P*:~", "*P*>~", 1).encode())
    check_all(found, payments)
    assert told(found, "ISA16 names another component separator")
    found = read(text.replace("ISA*00*", "ISA|00*", 1).encode())
    check_all(found, payments)
    found = read(text.replace("*P*:~", "*P*~", 1).encode())
    check_all(found, payments)
    assert told(found, "The ISA names no component separator")
    for end in ("\n", "\r\n"):
        found = read(text.replace("~\n", f"~{end}").replace(f"*:~{end}", f"*:{end}", 1).encode())
        check_all(found, payments)
        assert told(found) == ["The ISA has lost its terminator; that of the segments after it was taken."]
    found = read(text.replace("*P*:~", "*P*:|", 1).encode())
    check_all(found, payments)
    assert told(found) == ["The delimiters of the ISA are not those of the segments after it; theirs were taken."]
    body = text.split("~\n", 1)[1]
    found = read(body.encode())
    check_all(found, payments)
    assert told(found, "no readable ISA")
    assert told(found, "An IEA ends an interchange that has no ISA")


def test_a_terminator_is_missing_behind_the_last_segment():
    payments = [Writer(14).payment(3)]
    found = read(text_of(*payments).rstrip("~\n").encode())
    assert found.problems.is_empty()
    check_all(found, payments)


def test_interchanges_joined_without_a_terminator_between():
    payments = [Writer(15).payment(3), Writer(16).payment(3)]
    text = text_of(payments[0]).rstrip("~\n") + "\n" + text_of(payments[1])
    found = read(text.encode())
    assert found.problems.is_empty()
    check_all(found, payments)


def test_every_cut_keeps_what_was_whole():
    payment = Writer(17).payment(3)
    text = text_of(payment, signs=Signs(line_end=""))
    whole = read(text.encode(), "whole")
    begins = [at for at in range(len(text)) if text.startswith("~CLP", at)]
    cuts = range(text.index("~BPR") + 4, len(text) - 1)
    found = read([text[:cut].encode() for cut in cuts], [str(cut) for cut in cuts])
    ends = dict(found.problems.filter(pl.col("what").str.starts_with("The file ends")).select("file", "segment").iter_rows())
    claims = found.claims.partition_by("file", as_dict=True)
    lines = found.lines.join(found.claims.select("claim", "file", "claim_id"), on="claim").partition_by("file", as_dict=True)
    whole_lines = whole.lines.join(whole.claims.select("claim", "claim_id"), on="claim")
    compared = [name for name in whole_lines.columns if name != "claim"]
    checked = 0
    for cut in cuts:
        done = sum(begin + 4 < cut for begin in begins[1:])  # claims behind which another begins
        if done:
            of_file = claims[(str(cut),)]
            ids = of_file["claim_id"].to_list()[:done]
            assert ids == whole.claims["claim_id"].to_list()[:done]
            kept = lines[(str(cut),)].filter(pl.col("claim_id").is_in(ids)).select(compared)
            assert kept.equals(whole_lines.filter(pl.col("claim_id").is_in(ids)).select(compared))
            checked += 1
        if cut <= text.index("~IEA") + 4:
            assert ends[str(cut)] == text[:cut].count("~")
        elif cut < len(text) - 1:  # an end without its terminator is an end, but it says too little
            assert "IEA02 is another control number than ISA13." in found.problems.filter(file=str(cut))["what"].to_list()
    assert checked > 500


def test_a_claim_that_lost_its_header_is_not_given_to_the_one_before():
    claims = tuple(one_claim(one_line(control=f"L{n}"), claim_id=f"PT{n}", adjustments=()) for n in range(3))
    text = text_of(Payment(claims))
    header = next(line for line in text.splitlines(keepends=True) if line.startswith("CLP*PT1"))
    for left in ("", header.replace("CLP", "CLX")):
        found = read(text.replace(header, left).encode())
        assert found.claims["claim_id"].to_list() == ["PT0", "PT2"]
        assert found.lines["line_control"].to_list() == ["L0", "L2"]
        assert found.claims["balanced"].all()
        assert told(found, "A claim without a readable CLP")
        assert told(found, "The payment does not balance")


def test_a_header_that_runs_into_the_name_behind_it():
    claims = tuple(one_claim(one_line(control=f"L{n}"), claim_id=f"PT{n}", rendering="1098765432") for n in range(3))
    text = text_of(Payment(claims))
    begin = text.index("CLP*PT1")
    end = text.index("NM1*82", begin)
    found = read(f"{text[:begin]}CLP;PT1*1*100*64~\n{text[end:]}".encode())
    assert found.claims["claim_id"].to_list() == ["PT0", "PT2"]
    assert found.lines["line_control"].to_list() == ["L0", "L2"]
    twice = text.replace("NM1*82*1*ROE", "NM1*82*1*ROE*JOHN****XX*1098765432~\nNM1*82*1*ROE")
    assert read(twice.encode()).lines.height == 3  # a name more is no reason to leave a claim out


@pytest.mark.parametrize("sign", [".", "-", "/", ">"])
def test_one_damaged_procedure_changes_no_delimiter(sign):
    bare = one_claim(claim_id="BARE", lines=(), charge=5050, paid=4025, adjustments=(Adjustment("PR", "1", 1025),))
    text = text_of(Payment((one_claim(), bare))).replace("SVC*HC:", f"SVC*HC{sign}")
    found = read(text.encode())
    assert found.claims.filter(claim_id="BARE").select("charge", "paid", "balanced").rows() == [(5050, 4025, True)]


def test_claims_without_lines_that_lost_their_header():
    claims = tuple(
        one_claim(
            claim_id=f"PT{n}", lines=(), charge=100, paid=0, adjustments=(Adjustment("CO", "29", 100),), dates=(("232", DAY),)
        )
        for n in range(3)
    )
    text = text_of(Payment(claims)).replace("CLP*PT1", "CQP*PT1")
    found = read(text.encode())
    assert found.claims["claim_id"].to_list() == ["PT0", "PT2"]
    assert found.adjustments["claim"].to_list() == [1, 2]
    assert found.claims["balanced"].all()


# What is no 835 ------------------------------------------------------------------------------------------------------------


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return content.getvalue()


def other_set(kind, group):
    isa = text_of(Payment((one_claim(),))).split("~\n")[0]
    body = f"GS*{group}*A*B*20260101*1200*1*X*00~ST*{kind}*0001~BHT*0019*00*1~CLM*SECRET*100~SE*4*0001~GE*1*1~"
    return f"{isa}~{body}IEA*1*000000001~".encode()


NOT_REMITTANCES = {
    "empty": (b"", "is empty: it has 0 bytes"),
    "blank": (b" \r\n\0 ", "nothing but blanks"),
    "zip": (zipped(era="x"), "is a zip archive. Unpack it"),
    "damaged zip": (b"PK\x03\x04SECRET", "is a zip archive"),
    "xlsx": (zipped(xl__workbook="x"), "is an Excel workbook"),
    "gzip": (gzip.compress(b"SECRET"), "compressed with gzip"),
    "pdf": (b"%PDF-1.7 SECRET", "is a PDF"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1SECRET", "old Office program"),
    "html": (b"<!DOCTYPE html><html>SECRET", "is a web page"),
    "xml": (b"<?xml version='1.0'?><a>SECRET</a>", "is XML"),
    "json": (b'{"name": "SECRET"}', "is JSON"),
    "csv": (b"claim,cpt,units,paid\nSECRET,97110,1,2\n", "is a table"),
    "words": (b"Dear SECRET, your claim was paid.", "has no segments of X12"),
    "bytes": (bytes(range(256)) * 20, "has no segments of X12"),
    "837": (other_set("837", "HC"), "claims as they are sent to a payer (837)"),
    "999": (other_set("999", "FA"), "an acknowledgement of what was sent (999)"),
    "277": (other_set("277", "HN"), "status of claims (277)"),
    "another": (other_set("850", "PO"), "another kind of X12 transaction"),
    "no transaction": (b"".join(other_set("835", "HP").split(b"~")[:2]) + b"~GE*0*1~IEA*1*000000001~", "835"),
}


@pytest.mark.parametrize(("content", "words"), NOT_REMITTANCES.values(), ids=NOT_REMITTANCES)
def test_what_is_no_835_is_named(content, words):
    with pytest.raises(InputError) as error:
        read(content, "era.835")
    assert words in str(error.value)
    assert "SECRET" not in str(error.value)
    assert str(error.value).startswith("era.835")


def test_among_several_files_the_others_are_read():
    good = text_of(Payment((one_claim(),))).encode()
    found = read([good, NOT_REMITTANCES["pdf"][0], other_set("837", "HC"), good], ["a", "b", "c", "d"])
    assert found.claims["file"].to_list() == ["a", "d"]
    told_of = found.problems.filter(pl.col("severity") == "error").select("file", "segment").rows()
    assert told_of == [("b", None), ("c", None)]
    with pytest.raises(InputError, match="None of the 2 files is an 835"):
        read([b"", b"%PDF"], ["a", "b"])


def test_an_837_beside_an_835():
    good = text_of(Payment((one_claim(),)))
    found = read(
        other_set("837", "HC").replace(b"CLM*SECRET*100", b"CLM*PT1*100~REF*F8*7~DTM*232*20260101~NM1*QC*1*X~SVD*1*2")
        + good.encode()
    )
    assert found.claims.height == found.lines.height == 1


def test_a_path_that_is_none(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        read(tmp_path / "none.835")
    with pytest.raises(InputError, match="is not a file"):
        read(tmp_path)
    with pytest.raises(InputError, match="No file was given"):
        read([])
    with pytest.raises(InputError, match="as many names"):
        read([b"a", b"b", b"c"], ["a", "b"])


# A second reader -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pyx12():
    """Another implementation of the standard, with the implementation guide of the 835."""
    pytest.importorskip("pyx12", reason="pyx12, the second reader, is not installed")
    import pyx12.error_handler
    import pyx12.params
    import pyx12.x12context
    import pyx12.x12n_document

    return pyx12


def many_kinds():
    """Payments with everything that the writer knows."""
    changed_line = one_line(
        code="99213",
        modifiers=("25",),
        billed=("99215", "25"),
        units="1",
        units_billed="2",
        dates=(("150", DAY), ("151", NEXT)),
    )
    paid = one_claim(rendering="1098765432", remarks=("MA01",), amounts=(("AU", 10000),), dates=(("232", DAY), ("050", NEXT)))
    claims = (
        paid,
        x12.reversed_claim(paid),
        one_claim(
            changed_line,
            one_line(remarks=("N130",), amounts=(("B6", 8000),), control="L2", location="11"),
            claim_id="PT2",
            status="19",
            crossover=("STATE MEDICAID", "12345"),
            corrected=("DOE", "JANE", "1EG4TE5MK73"),
        ),
        one_claim(claim_id="PT3", lines=(), charge=5000, paid=4000, adjustments=(Adjustment("PR", "1", 1000),)),
    )
    adjusted = (ProviderAdjustment("WO", "CLAIM1", 100), ProviderAdjustment("L6", "", -25))
    writer = Writer(20)
    return [Payment(claims, provider_adjustments=adjusted), writer.payment(40), writer.payment(5, method="CHK")]


def test_the_writer_writes_what_the_guide_wants(pyx12):
    """So that what the reader is tried on is an 835."""
    for payment in many_kinds():
        text = text_of(payment)
        valid = pyx12.x12n_document.x12n_document
        assert valid(pyx12.params.params(), io.StringIO(text), fd_997=None, fd_html=None, fd_xmldoc=None)
        broken = text.replace("CLP*", "CLP**", 1)
        assert not valid(pyx12.params.params(), io.StringIO(broken), fd_997=None, fd_html=None, fd_xmldoc=None)


def test_the_files_of_the_other_tests_and_the_sample_are_what_the_guide_wants(pyx12, opened):
    sample = Path(feecalc.__file__).parent / "analysis" / "samples" / "remittance.835"
    for text in (*Mailbag(Claims(opened, 100)).interchanges, sample.read_text(encoding="ascii")):
        assert pyx12.x12n_document.x12n_document(
            pyx12.params.params(), io.StringIO(text), fd_997=None, fd_html=None, fd_xmldoc=None
        )


def dollars(cents):
    return None if cents is None else f"{cents / 100:.2f}"


def test_another_reader_reads_the_same(pyx12):
    text = text_of(*many_kinds())
    found = read(text.encode())
    source = pyx12.x12context.X12ContextReader(pyx12.params.params(), pyx12.error_handler.errh_null(), io.StringIO(text))
    number = 0

    def same(cents, other):
        return dollars(cents) == (None if other is None else f"{float(other):.2f}")

    def reasons(node):
        return [(cas.get_value("CAS01"), cas.get_value(f"CAS{n:02}"), f"{float(cas.get_value(f'CAS{n + 1:02}')):.2f}")
                for cas in node.select("CAS") for n in range(2, 20, 3) if cas.get_value(f"CAS{n:02}")]  # fmt: skip

    for tree in source.iter_segments("2100"):
        if tree.id != "2100":
            continue
        number += 1
        claim = found.claims.row(number - 1, named=True)
        assert claim["claim_id"] == tree.get_value("CLP01")
        assert claim["status"] == tree.get_value("CLP02")
        assert same(claim["charge"], tree.get_value("CLP03"))
        assert same(claim["paid"], tree.get_value("CLP04"))
        assert claim["payer_claim"] == tree.get_value("CLP07")
        assert claim["pos"] == tree.get_value("CLP08")
        own = found.adjustments.filter(claim=number)
        rows = [
            (g, r, dollars(a)) for g, r, a in own.filter(pl.col("line").is_null()).select("group", "reason", "amount").rows()
        ]
        assert rows == reasons(tree)
        others = list(tree.select("2110"))
        lines = found.lines.filter(claim=number).to_dicts()
        assert len(others) == len(lines)
        for line, other in zip(lines, others, strict=True):
            assert line["hcpcs"] == other.get_value("SVC01-2")
            assert line["modifiers"].split() == [m for n in range(3, 7) if (m := other.get_value(f"SVC01-{n}"))]
            assert same(line["charge"], other.get_value("SVC02"))
            assert same(line["paid"], other.get_value("SVC03"))
            assert line["units"] == float(other.get_value("SVC05")) * 1000
            rows = own.filter(line=line["line"]).select("group", "reason", "amount").rows()
            assert [(g, r, dollars(a)) for g, r, a in rows] == reasons(other)
            allowed = [amt.get_value("AMT02") for amt in other.select("AMT") if amt.get_value("AMT01") == "B6"]
            assert same(line["allowed"], allowed[0] if allowed else None)
    assert number == found.claims.height == 49


# Privacy -------------------------------------------------------------------------------------------------------------------

SECRETS = ("ZIMMERMANN", "WILHELMINA", "9XX9XX9XX99", "8YY8YY8YY88", "LINDQVIST", "123-45-6789", "MRN55")


def private_text():
    claim = one_claim(
        patient=("ZIMMERMANN", "WILHELMINA", "9XX9XX9XX99"),
        insured=("LINDQVIST", "WILHELMINA", "8YY8YY8YY88"),
        corrected=("ZIMMERMANN", "WILHELMINA", "8YY8YY8YY88"),
        references=(("SY", "123-45-6789"), ("1W", "9XX9XX9XX99"), ("EA", "MRN55")),
    )
    return text_of(Payment((claim,)))


def everything(found):
    return "\n".join(getattr(found, name).write_csv() for name in FRAMES)


def test_names_and_member_numbers_are_dropped():
    found = read(private_text().encode(), "era.835")
    assert not [secret for secret in SECRETS if secret in everything(found)]
    assert not set(PATIENT) & set(found.claims.columns)
    assert found.claims.columns == list(CLAIMS)


def test_names_and_member_numbers_are_kept_where_asked_for():
    found = read(private_text().encode(), keep_patient=True)
    assert first(found.claims)["patient_name"] == "ZIMMERMANN, WILHELMINA"
    assert first(found.claims)["member_id"] == "8YY8YY8YY88"  # the corrected one


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_brings_a_name_into_a_message(seed, caplog):
    rng = random.Random(seed)
    text = bytearray(private_text().encode())
    for _ in range(8):
        at = rng.randrange(106, len(text))
        text[at : at + 1] = bytes([rng.choice(b"~*:XZ9\n ")])
    try:
        found = read(bytes(text), "era.835")
    except InputError as error:
        said = str(error)
    else:
        said = "\n".join(found.problems["what"]) + "\n".join(found.problems["to_do"])
    for secret in SECRETS:
        assert secret[:6] not in said
        assert secret[-6:] not in said
    assert not caplog.records


# Hostile values ------------------------------------------------------------------------------------------------------------


def test_a_component_separator_in_a_plain_text_stays_there():
    adjusted = (ProviderAdjustment("CS", "A:B", 100),)
    found = taken(Payment((one_claim(claim_id="12:34"),), payer="PAYER: NORTH", provider_adjustments=adjusted))
    assert first(found.claims)["claim_id"] == "12:34"
    assert first(found.claims)["payer"] == first(found.payments)["payer"] == "PAYER: NORTH"
    assert found.provider_adjustments["reference"].to_list() == ["A:B"]


def test_values_that_look_like_formulas_or_markup_are_values():
    hostile = (
        '=HYPERLINK("http://x","y")',
        "+1+1",
        "@SUM(A1)",
        "<script>alert(1)</script>",
        "'; DROP TABLE claims; --",
        "%s%n{0}",
    )
    payments = [Payment((one_claim(claim_id=text[:20]),), payer=text, check=f"C{n}") for n, text in enumerate(hostile)]
    text = x12.write(payments, Signs("\x1d", "\x1f", "\x1c", "\x1e", ""))
    found = read(text.encode(), "=1+1.835")
    assert found.claims["payer"].to_list() == list(hostile)
    assert found.claims["claim_id"].to_list() == [text[:20] for text in hostile]


@pytest.mark.parametrize(
    "content",
    [
        b"ISA" + b"*" * 100_000,
        b"ISA*" * 20_000,
        b"~" * 200_000,
        b"CLP*" * 50_000,
        b"SVC*HC:1~" * 50_000,
        b"CLP*1*1*1*1~" * 30_000,
        b"N1*PR*X~NM1*QC~" * 20_000,
        b"CLP*1~" + b"NM1*QC~" * 50_000,
        b"CLP*1~" + b"CAS*CO~" * 50_000 + b"NM1*QC~NM1*QC~",
        b"SE*1~GE*1~IEA*1~ST*835~BPR*I*1~" * 5_000,
        b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260210*1200*^*00501*000000001*0*P*:~" * 3_000,
    ],
    ids=range(11),
)
def test_no_content_hangs_or_breaks(content):
    try:
        found = read(content)
    except InputError:
        return
    assert isinstance(found, remittance.Remittance)
