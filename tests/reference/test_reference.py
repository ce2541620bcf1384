"""The reference pricer against the worked examples of the payment rules (section 25), so that the oracle itself is checked.

Left out, because the conventions price no such thing: 29 (the cap of a code that the contractor prices), 40 (shares of the
post-operative days), 61 and 62 (amounts of 2014, by the function alone), 96 (a payment file's field). Where an example rounds
a whole visit, the conventions work line by line, and the cents between them are written beside the example: 89 to 92.
"""

from datetime import date

import pytest

from . import pricer

NATIONAL = {"mac": "", "locality": "national"}
ALABAMA = {"mac": "10112", "locality": "00"}
OHIO = {"mac": "15202", "locality": "00"}
Y2025 = {"service_date": date(2025, 10, 15)}
Y2026 = {"service_date": date(2026, 7, 15)}
Y2020 = {"service_date": date(2020, 10, 15)}
OFFICE, HOSPITAL = {"setting": "nonfacility"}, {"setting": "facility"}


@pytest.fixture(scope="module")
def reference():
    from feecalc.schedule import Schedule

    return pricer.Reference(Schedule.open())


@pytest.fixture(scope="module")
def price(reference):
    def of(*lines, **common):
        """Results of lines such as "45385-59 x2", all of one claim."""
        made = []
        for number, line in enumerate(lines, 1):
            line = {"text": line} if isinstance(line, str) else dict(line)
            code, _, units = line.pop("text").partition(" x")
            hcpcs, *modifiers = code.split("-")
            made.append(
                {
                    "claim_id": "C",
                    "line": number,
                    "hcpcs": hcpcs,
                    "modifiers": " ".join(modifiers),
                    "units": int(units or 1),
                    **NATIONAL,
                    **Y2025,
                    **OFFICE,
                    **common,
                    **line,
                }
            )
        return reference.price(made)

    return of


def allowed(results):
    return [r["allowed"] for r in results]


def total(results):
    return sum(allowed(results))


@pytest.mark.parametrize(
    ("number", "code", "common", "nonfacility", "facility"),
    [
        (1, "99213", {}, 8895, 6372),
        (2, "99213", ALABAMA, 8186, 5993),
        (3, "99213", {"mac": "02102", "locality": "01"}, 11220, 8492),
        (4, "99213", {"mac": "01112", "locality": "05"}, 10915, 7335),
        (5, "99213", {"mac": "13202", "locality": "01"}, 10106, 7164),
        (6, "99213", Y2026, 9519, 5745),
        (7, "99213", Y2026 | {"qp": True}, 9567, 5774),
        (8, "99213", Y2026 | {"mac": "01112", "locality": "05"}, 11758, 6437),
        (9, "99213", Y2026 | {"mac": "01112", "locality": "09"}, 11971, 6529),
        (10, "99203", Y2026 | {"mac": "04412", "locality": "99"}, 11405, 7031),
        (11, "99213", Y2026 | ALABAMA, 8779, 5477),
        (11, "99213", Y2026 | ALABAMA | {"qp": True}, 8823, 5504),
        (12, "99213", Y2026 | {"mac": "02102", "locality": "01"}, 11872, 7853),
        (13, "99213", Y2026 | {"mac": "13202", "locality": "01", "qp": True}, 10817, 6409),
        (15, "76145", {"mac": "01112", "locality": "05"}, 133981, 133981),
        (17, "50688", {"mac": "01112", "locality": "57"}, 7778, 7778),
        (18, "21610", Y2026 | {"mac": "01112", "locality": "51"}, 129470, 129470),
        (42, "45378-53", {}, 16400, 8895),
        (42, "45378", {}, 32767, 17726),
        (43, "44388-53", {}, 15268, 7537),
        (43, "44388", {}, 30535, 15041),
        (44, "G0105-53", {}, 16367, 8863),
        (44, "G0121-53", {}, 16400, 8895),
    ],
)
def test_base_formula(price, number, code, common, nonfacility, facility):
    assert [price(code, **(common | s))[0]["allowed"] for s in (OFFICE, HOSPITAL)] == [nonfacility, facility]


@pytest.mark.parametrize(
    ("number", "code", "outcome"),
    [
        (19, "97010", "zero"),
        (20, "97014", "zero"),
        (20, "G0283", "priced"),
        (21, "98943", "zero"),
        (22, "97545", "cannot_price"),
        (22, "97546", "cannot_price"),
        (23, "97353", "cannot_price"),
        (24, "94760", "priced"),
        (25, "70170", "cannot_price"),
    ],
)
def test_status_and_gates(price, number, code, outcome):
    assert price(code)[0]["outcome"] == outcome


def test_24_status_t_beside_others(price):
    assert [r["outcome"] for r in price("94760", "99213")] == ["zero", "priced"]
    assert [r["outcome"] for r in price("94760", "97010")] == ["priced", "zero"]
    assert [r["outcome"] for r in price("94760", "70170")] == ["cannot_price", "cannot_price"]


@pytest.mark.parametrize(
    ("number", "lines", "common", "expected"),
    [
        # 25.3 OPPS cap
        (26, ["70496-TC"], {}, [17823]),
        (27, ["70496"], {}, [25780]),
        (30, ["71046"], {}, [3267]),
        (31, ["70551-TC"], Y2026 | {"mac": "01112", "locality": "05"}, [17925]),
        (31, ["70551-TC"], Y2026 | {"mac": "01112", "locality": "09"}, [18329]),
        # 25.4 bilateral, assistant, co-surgeon, split
        (32, ["27447-50"], {}, [188645]),
        (33, ["27447-LT", "27447-RT"], {}, [125763, 62882]),
        (34, ["27447-80"], {}, [20122]),
        (35, ["27447-50-80"], {}, [30183]),
        (36, ["27447-AS"], {"provider_type": "PA"}, [17104]),
        (37, ["22558-62"], {}, [93603]),
        (38, ["66984-54"], {}, [41740]),
        (39, ["66984-55"], {}, [10435]),
        (41, ["10140-78"], HOSPITAL, [9316]),
        # 25.5 multiple surgery and endoscopy
        (45, ["44950", "49505", "10140"], HOSPITAL, [62817, 25780, 5823]),
        (46, ["45385", "45380"], HOSPITAL, [24292, 1553]),
        (47, ["45378", "45385", "45380"], HOSPITAL, [0, 24292, 1553]),
        (48, ["45385", "45380", "43239"], HOSPITAL, [24292, 1553, 6631]),
        (49, ["45384", "45385", "45380"], OFFICE, [46708, 10771, 8701]),
        # 25.6 diagnostic reductions
        (50, ["74177", "71260"], {}, [29726, 5564 + 5040]),
        (51, ["93880", "93306"], {}, [18179, 15728]),
        (52, ["92083", "92134"], {}, [6113, 2852]),
        (53, ["92134"], {}, [3138]),
        # 25.7 imaging technology
        (54, ["71046-FY"], {}, [3041]),
        (55, ["71046-FX"], {}, [2814]),
        (56, ["71046-FX-FY"], {}, [2633]),
        (57, ["74177-CT"], {}, [26519]),
        # 25.8 practitioner, participation
        (58, ["99213"], ALABAMA | {"provider_type": "NP"}, [6958]),
        (59, ["90834"], {}, [10416]),
        (59, ["90834"], {"provider_type": "CSW"}, [7812]),
        (59, ["90834"], {"provider_type": "MHC"}, [7812]),
        (60, ["99213"], ALABAMA | {"participation": "nonparticipating"}, [7777]),
        # 25.11 therapy
        (83, ["97110 x2"], OHIO | Y2020, [3021 + 2360]),
        (84, ["97140 x2"], OHIO | Y2020, [2783 + 2205]),
        (85, ["97530 x2"], OHIO | Y2020, [3843 + 2753]),
        (86, ["97530", "97110 x2", "97140"], {}, [3461, 2 * 2183, 2070]),
        (87, ["97530", "97110 x2", "97140"], ALABAMA, [3185, 2 * 2079, 1972]),
        (94, ["97535 x3"], {}, [7892]),
        (94, ["97535 x3"], Y2026, [8016]),
        (95, ["97530", "97537"], {}, [3461, 2377]),
    ],
)
def test_amounts(price, number, lines, common, expected):
    assert allowed(price(*lines, **common)) == expected


def test_28_reduced_before_the_cap(price):
    """The second scan: the uncapped technical part at 50 % is below the cap."""
    results = price("74177-TC", "70496-TC")
    assert results[1]["allowed"] == 9640
    assert results[1]["fee"] == 19279


def test_47_the_base_is_zero(price):
    assert price("45378", "45385", **HOSPITAL)[0]["outcome"] == "zero"


@pytest.mark.parametrize(("par", "nonpar", "limit"), [(8186, 7777, 8944), (2276, 2162, 2486), (2213, 2102, 2417)])
def test_60_to_62_limiting_charge(par, nonpar, limit):
    assert pricer.a2_item(par, pricer.Fraction(95, 100)) == nonpar
    assert pricer.f2_limiting_charge(par) == limit


@pytest.mark.parametrize(("number", "left", "expected"), [(63, 0, (0, 1637, 6549, 131)), (64, 5000, (5000, 637, 2549, 51))])
def test_patient_and_sequestration(price, number, left, expected):
    result = price("99213", deductible_left=left, **ALABAMA)[0]
    assert tuple(result[k] for k in ("deductible", "coinsurance", "medicare_share", "sequestration")) == expected
    assert result["medicare_share"] - result["sequestration"] == {63: 6418, 64: 2498}[number]


@pytest.mark.parametrize(
    ("number", "code", "extra", "expected"),
    [
        (65, "00840-AA", {"minutes": 95}, 23751),
        (66, "00840-QK", {"minutes": 95}, 11876),
        (66, "00840-QX", {"minutes": 95, "provider_type": "CRNA"}, 11876),
        (66, "00840-QY", {"minutes": 95}, 11876),
        (67, "00840-AD", {"induction": True}, 7724),
        (67, "00840-AD", {}, 5793),
        (68, "00840-QZ", {"minutes": 60, **Y2026}, 19530),
        (68, "00840-QZ", {"minutes": 60, "qp": True, **Y2026}, 19630),
    ],
)
def test_anesthesia(reference, price, number, code, extra, expected):
    if not reference.base_units:
        pytest.skip(f"CMS's own files are not here ({pricer.CMS_DIR}); set FEECALC_CMS_DIR")
    assert price(code, **(ALABAMA | extra))[0]["allowed"] == expected


@pytest.mark.parametrize(
    ("code", "amounts"),
    [
        ("97110", ((2879, 2183), (2683, 2079), (2906, 2221), (2920, 2232))),
        ("97116", ((2879, 2183), (2683, 2079), (2906, 2221), (2920, 2232))),
        ("97112", ((3202, 2426), (2985, 2311), (3273, 2488), (3290, 2501))),
        ("97140", ((2717, 2070), (2534, 1972), (2772, 2121), (2786, 2132))),
        ("97150", ((1747, 1359), (1631, 1294), (1804, 1403), (1813, 1410))),
        ("97530", ((3461, 2458), (3185, 2313), (3507, 2505), (3525, 2518))),
        ("97535", ((3202, 2345), (2964, 2219), (3240, 2388), (3256, 2400))),
        ("97537", ((3170, 2377), (2949, 2260), (3206, 2422), (3222, 2434))),
    ],
)
def test_76_to_82_therapy_units(price, code, amounts):
    cases = ({}, ALABAMA, Y2026, Y2026 | {"qp": True})
    assert [price(f"{code} x2", **c)[0]["allowed"] for c in cases] == [full + reduced for full, reduced in amounts]


VISIT = ("97530", "97110 x2", "97140")
VISIT_CQ = ("97530-CQ", "97110-CQ x2", "97140-CQ")
PARTS = ("allowed", "coinsurance", "medicare_share", "sequestration", "received")


@pytest.mark.parametrize(
    ("number", "lines", "common", "example", "cents_apart"),
    [
        (88, VISIT, {}, (9897, 1979, 7918, 158, 9739), (0, 0, 0, 0, 0)),
        (89, VISIT_CQ, {}, (9897, 1979, 6730, 135, 8574), (0, 0, 1, -1, 2)),
        (90, VISIT, Y2026, (10070, 2014, 8056, 161, 9909), (0, -1, 1, 0, 0)),
        (91, VISIT_CQ, Y2026, (10070, 2014, 6848, 137, 8725), (0, -1, 0, 0, -1)),
        (92, VISIT, Y2026 | {"qp": True}, (10121, 2024, 8097, 162, 9959), (0, 0, 0, -1, 1)),
        (93, ("97110-CQ x3",), {}, (7245, 1449, 4927, 99, 6277), (0, 0, 0, 0, 0)),
    ],
)
def test_receipts(price, number, lines, common, example, cents_apart):
    results = price(*lines, **common)
    sums = [sum(r[p] for r in results) for p in PARTS]
    assert [mine - theirs for mine, theirs in zip(sums, example, strict=True)] == list(cents_apart)


def test_22_keeps_its_place_and_others_leave_the_list(price):
    kept = price("44950-22", "49505", "10140", **HOSPITAL)
    assert allowed(kept) == [None, 25780, 5823]
    assert not any("rank_uncertain" in r["flags"] for r in kept)
    left = price("44950-52", "49505", "10140", **HOSPITAL)
    assert allowed(left) == [None, 51560, 5823]
    assert ["rank_uncertain" in r["flags"] for r in left] == [False, True, True]


def test_the_sixth_place_and_a_line_that_reaches_it(price):
    codes = ["27447", "22558", "66984", "44950", "49505"]
    assert [r["outcome"] for r in price(*codes, "10140", **HOSPITAL)] == ["priced"] * 5 + ["cannot_price"]
    assert allowed(price("27447", "10140 x4", **HOSPITAL)) == [125763, 4 * 5823]
    assert allowed(price("27447", "10140 x5", **HOSPITAL)) == [125763, None]


def test_pairs(price):
    one, two = price("10140-RT", "10140-LT", **HOSPITAL)
    assert (one["allowed"], two["outcome"], two["allowed"]) == (11645, "zero", 0)
    assert allowed(price("27447-LT", "27447-RT", "27447")) == [125763, 62882, 62882]  # three lines: no pair
    cut = price({"text": "27447-LT", "charge": 100000}, {"text": "27447-RT", "charge": 70000})
    assert allowed(cut) == [125763, 170000 - 125763]
    assert allowed(price({"text": "27447-LT", "charge": 100000}, "27447-RT")) == [125763, 62882]
    ranked = price("22558", "27447-LT", "27447-RT")  # the pair's total of 1,886.45 ranks first
    assert allowed(ranked) == [74882, 125763, 62882]


def test_a_bilateral_member_stops_a_family_in_whatever_list(price):
    lines = price("45385", "45380-78", "44950", **HOSPITAL)
    assert [r["outcome"] for r in lines] == ["cannot_price", "cannot_price", "priced"]
    assert "rank_uncertain" in lines[2]["flags"]


def test_global_only_codes_among_technical_parts(price):
    assert price("93000")[0]["outcome"] == "priced"
    assert price("93000 x2")[0]["outcome"] == "cannot_price"
    beside = price("93000", "93880")
    assert allowed(beside) == [None, 18179]
    assert "rank_uncertain" in beside[1]["flags"]
    assert [r["outcome"] for r in price("93000", "93880-26")] == ["priced", "priced"]


def test_another_session_is_for_imaging_alone(price):
    assert allowed(price("74177", "71260-59")) == [29726, 16432]
    assert allowed(price("93880", "93306-59")) == [18179, 15728]


def test_random_claims_are_seeded_and_their_results_add_up(reference):
    from .claims import random_claims

    lines = random_claims(reference.schedule, 300, 7)
    assert lines == random_claims(reference.schedule, 300, 7)
    results = reference.price(lines)
    assert {r["outcome"] for r in results} == {"priced", "zero", "cannot_price"}
    for line, r in zip(lines, results, strict=True):
        assert (r["fee"] is not None) == (r["outcome"] == "priced")
        if r["outcome"] == "cannot_price":
            assert r["allowed"] is None
            assert r["received"] is None
            continue
        assert r["received"] == r["deductible"] + r["coinsurance"] + r["medicare_share"] - r["sequestration"]
        if not {"CQ", "CO"} & set(line["modifiers"].split()):
            assert r["allowed"] == r["deductible"] + r["coinsurance"] + r["medicare_share"]
