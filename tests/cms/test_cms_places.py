import polars as pl
import pytest
from cms_files import ALABAMA, ALASKA, ANGELES, GPCI_HEADINGS, OHIO, PLACES, anesthesia, as_csv, as_xlsx, caps, counties, gpci

from feecalc.cms.anesthesia import read_anesthesia
from feecalc.cms.gpci import read_gpci
from feecalc.cms.locality_county import read_locality_county
from feecalc.cms.opps_cap import read_opps_cap
from feecalc.columns import ANESTHESIA, GPCI, LOCALITIES, OPPS_CAP
from feecalc.errors import LayoutError, RejectedError

KNOWN = {(p[0], p[2]) for p in PLACES}
GPCI_TXT = "\r\n".join(
    [
        "ADDENDUM E. FINAL CY 2025 GEOGRAPHIC PRACTICE COST INDICES (GPCIs) BY STATE AND MEDICARE LOCALITY",
        "",
        "Medicare Admi State  Locality   Locality Name   2025 PW GPCI2025 PE GPCI2025 MP GPCI",
        *[f"{p[0]:<16}{p[1]:<8}{p[2]:<5}{p[3]:<85}{p[4]:>12}{p[5]:>12}{p[6]:>12}" for p in PLACES],
        "MAC Assignments as of November 22, 2023",
        "",
        "*Work GPCI reflects a 1.5 floor in Alaska established by the MIPPA.",
    ]
)


def test_gpci(member):
    table = read_gpci(member("GPCI2025.csv", as_csv(gpci())))
    assert table.frame.schema == pl.Schema(GPCI)
    assert table.frame.rows() == [
        ("01182", "18", "CA", "LOS ANGELES", 1042, None, 1194, 690),
        ("02102", "01", "AK", "ALASKA", 1500, None, 1081, 592),
        ("10112", "00", "AL", "ALABAMA", 1000, None, 869, 575),
        ("15202", "00", "OH", "OHIO", 1000, None, 917, 957),
    ]
    assert table.meta == {"year": "2025", "floor": "with"}
    assert table.notes == ("GPCI2025.csv: 1 name had asterisks for footnotes",)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("GPCI2025.xlsx", as_xlsx(gpci())),
        ("GPCI2025.xlsx", as_xlsx(gpci(), numbers=False)),
        ("GPCI2025.csv", as_csv(gpci(), ends="\r")),
        ("GPCI2025.txt", GPCI_TXT),
    ],
)
def test_gpci_in_other_forms(member, name, data):
    assert read_gpci(member(name, data)).frame.equals(read_gpci(member("GPCI2025.csv", as_csv(gpci()))).frame)


def test_gpci_of_2020_has_no_state(member):
    names = [n.replace("2025", "2020") for n in GPCI_HEADINGS if n != "State"]
    names[0] = "Medicare Administrative Contractor"
    sheet = gpci([(p[0], *p[2:]) for p in PLACES], names)
    sheet[0][0] = sheet[0][0].replace("2025", "2020")
    table = read_gpci(member("GPCI2020.csv", as_csv(sheet)))
    assert table.frame["state"].null_count() == 4
    assert table.meta["year"] == "2020"


def test_gpci_of_january_2026_has_two_work_columns(member):
    names = [n.replace("2025", "2026") for n in GPCI_HEADINGS]
    names.insert(4, "2026 PW GPCI (without 1.0 Floor)")
    sheet = gpci([(*ALABAMA[:4], "0.988", "1.000", "0.875", "0.566")], names)
    sheet[0][0] = sheet[0][0].replace("2025", "2026")
    table = read_gpci(member("GPCI2026.csv", as_csv(sheet)))
    assert table.frame.rows() == [("10112", "00", "AL", "ALABAMA", 1000, 988, 875, 566)]
    assert table.meta == {"year": "2026", "floor": "both"}
    july = [n.replace("(with 1.0 Floor)", "(with 1.0 Floor)***") for n in names if "without" not in n]
    sheet = gpci([(*ALABAMA[:4], "1.000", "0.875", "0.566")], july)
    sheet[0][0] = sheet[0][0].replace("2025", "2026")
    assert read_gpci(member("GPCI2026.csv", as_csv(sheet))).meta["floor"] == "with"


def test_gpci_without_a_floor_column_is_no_gpci(member):
    names = [n.replace("2025", "2027").replace("with 1.0", "without 1.0") for n in GPCI_HEADINGS]
    sheet = gpci(names=names)
    sheet[0][0] = sheet[0][0].replace("2025", "2027")
    with pytest.raises(LayoutError, match=r"column 'PW GPCI \(with 1\.0 Floor\)' is missing.*gpci\.toml"):
        read_gpci(member("GPCI2027.csv", as_csv(sheet)))


def test_gpci_every_bad_row(member):
    rows = [
        (*ALABAMA[:4], "3.0", "0.869", "0.575"),
        (*ALASKA[:4], "1.5", "1.0811", "0.592"),
        ("O1182", *ANGELES[1:]),
        (OHIO[0], OHIO[1], "", *OHIO[3:]),
        ("", *OHIO[1:]),
        ALASKA,
        (*ANGELES[:4], "1", "1", "3.0"),
    ]
    with pytest.raises(RejectedError) as error:
        read_gpci(member("GPCI2025.csv", as_csv(gpci(rows))))
    assert [(p.row, p.column, p.value) for p in error.value.problems] == [
        (4, "2025 PW GPCI (with 1.0 Floor)", "3.0"),
        (5, "2025 PE GPCI", "1.0811"),
        (6, "Medicare Administrative Contractor (MAC)", "O1182"),
        (7, "Locality Number", ""),
        (8, "Medicare Administrative Contractor (MAC)", ""),
        (9, None, "02102 01"),
        (10, "2025 MP GPCI", "3.0"),
    ]


def test_anesthesia(member):
    table = read_anesthesia(member("ANES2025.csv", as_csv([*anesthesia(), ["0000\x1a", "00", "", "0.00"]])))
    assert table.frame.schema == pl.Schema(ANESTHESIA)
    assert table.frame.row(0) == ("01182", "18", 1931, None)
    assert table.meta == {"year": "2025", "national_factor": "20.3178", "national_factor_qp": ""}


def test_anesthesia_in_other_forms(member):
    plain = read_anesthesia(member("ANES2025.csv", as_csv(anesthesia()))).frame
    names = ("Contractor", "Locality", "Locality Name", "Anes CF of 20.3178")
    bare = anesthesia([(p[0], p[2], p[3], "19.31") for p in PLACES], names)
    book = read_anesthesia(member("ANES2025.xlsx", as_xlsx(bare)))
    assert book.frame.equals(plain)
    assert book.meta["national_factor"] == "20.3178"
    assert "had lost their leading zeros" in book.notes[0]
    lines = "\r\n".join([f"{p[0]:<12}{p[2]:<6}{p[3]:<55}1931" for p in PLACES]) + "\r\n\x1a"
    assert read_anesthesia(member("ANES2025.txt", lines)).frame.equals(plain)
    with pytest.raises(LayoutError, match="fixed-width anesthesia file of 2026"):
        read_anesthesia(member("ANES2026.txt", lines))


def test_anesthesia_of_2026_has_two_factors(member):
    names = (
        "Contractor",
        "Locality",
        "Locality Name",
        "Qualifying APM National Anes CF (with 2.5% statutory increase) of 20.599835",
        "Non-Qualifying APM National Anes CF (with 2.5% Statutory increase)  of 20.49754",
    )
    rows = [("10112 ", "00 ", "ALABAMA", "19.63", "19.53")]
    table = read_anesthesia(member("ANES2026.csv", as_csv(anesthesia(rows, names))))
    assert table.frame.rows() == [("10112", "00", 1953, 1963)]
    assert table.meta["national_factor"] == "20.49754"
    assert table.meta["national_factor_qp"] == "20.599835"
    turned = [(*row[:3], row[4], row[3]) for row in [names, *rows]]
    assert read_anesthesia(member("ANES2026.csv", as_csv(turned))).frame.equals(table.frame)
    with pytest.raises(LayoutError, match="in no known layout of 2025"):
        read_anesthesia(member("ANES2025.csv", as_csv(anesthesia(rows, names))))


def test_counties(member):
    rows = [
        ("5302", "1", "MISSOURI ", "METROPOLITAN ST. LOUIS", "ST. LOUIS"),
        ("5302", "99", "", "REST OF STATE* ", "ALL OTHER COUNTIES "),
        ("5302", "99", "", "REST OF STATE*", "ALL OTHER COUNTIES"),
    ]
    sheet = counties()
    sheet[4:4] = [list(row) for row in rows] + [[""] * 5]
    table = read_locality_county(member("25LOCCO.csv", as_csv([[*row, ""] for row in sheet])))
    assert table.frame.schema == pl.Schema(LOCALITIES)
    assert table.frame.filter(pl.col("mac") == "05302").rows() == [
        ("05302", "01", "MISSOURI", "METROPOLITAN ST. LOUIS", "ST. LOUIS"),
        ("05302", "99", "MISSOURI", "REST OF STATE", "ALL OTHER COUNTIES"),
    ]
    assert table.frame.height == 6
    assert table.meta["year"] == "2025"
    assert "25LOCCO.csv: listed more than once and joined: 05302-99" in table.notes


def test_a_state_never_flows_into_the_next_one(member):
    sheet = counties([("7102", "13", "ARKANSAS", "STATEWIDE", "ALL"), ("1182", "18", "", "LOS ANGELES", "LOS ANGELES")])
    table = read_locality_county(member("25LOCCO.csv", as_csv(sheet)))
    assert table.frame["state_name"].to_list() == ["", "ARKANSAS"]
    assert "25LOCCO.csv: no state printed for 1 row" in table.notes


def test_different_counties_of_one_key_are_kept(member):
    rows = [("1182", "18", "CALIFORNIA", "LOS ANGELES", "LOS ANGELES"), ("1182", "18", "CALIFORNIA", "LOS ANGELES", "ORANGE")]
    table = read_locality_county(member("25LOCCO.csv", as_csv(counties(rows))))
    assert table.frame["counties"].to_list() == ["LOS ANGELES; ORANGE"]


def test_a_worksheet_named_after_another_year(member):
    table = read_locality_county(member("25LOCCO.xlsx", as_xlsx(counties(), sheet="21LOCCO")))
    assert "25LOCCO.xlsx: the worksheet is named '21LOCCO', but its title says 2025" in table.notes
    assert table.frame.equals(read_locality_county(member("25LOCCO.csv", as_csv(counties()))).frame)


def test_counties_with_a_bad_locality(member):
    with pytest.raises(RejectedError, match=r"25LOCCO\.csv, row 5, column Locality Number: not a locality of two digits"):
        read_locality_county(member("25LOCCO.csv", as_csv(counties([("1182", "1B", "CALIFORNIA", "A", "B")]))))


CAPS = [("70450", "TC", "A", "01182", "18", "126.9", "126.90"), ("70450", "TC", "A", "10112", "00", "97.07", "97.07")]


def test_caps(member):
    stray = ("70450", "TC", "A", "01112", "18", "126.90", "126.9")
    text = as_csv(caps([*CAPS, stray])) + "\x1a,,,,,,"
    table = read_opps_cap(member("OPPSCAP_Oct.csv", text), KNOWN)
    assert table.frame.schema == pl.Schema(OPPS_CAP)
    assert table.frame.rows() == [
        ("70450", "TC", "A", "01182", "18", 12690, 12690),
        ("70450", "TC", "A", "10112", "00", 9707, 9707),
    ]
    assert table.notes == (
        "OPPSCAP_Oct.csv: 1 line under carrier 01112 left out (1 of status A): each has its twin under 01182",
    )
    assert read_opps_cap(member("OPPSCAP_Oct.csv", text)).frame.height == 3
    assert read_opps_cap(member("OPPSCAP_Oct.xlsx", as_xlsx(caps([*CAPS, stray]))), KNOWN).frame.equals(table.frame)
    lines = [f"{r[0]}{r[1]:<2} {r[2]} {r[3]}  {r[4]}{float(r[5]):9.2f}{float(r[6]):10.2f}" for r in [*CAPS, stray]]
    assert read_opps_cap(member("OPPSCAP_Oct.txt", "\r\n".join(lines)), KNOWN).frame.equals(table.frame)


@pytest.mark.parametrize(
    "line",
    [
        ("70450", "TC", "A", "01112", "18", "126.91", "126.90"),  # no twin: another price
        ("70450", "TC", "A", "01112", "17", "126.90", "126.90"),  # no twin: another locality
        ("70450", "TC", "A", "01192", "18", "126.90", "126.90"),  # another carrier
    ],
)
def test_caps_of_unknown_places(member, line):
    with pytest.raises(RejectedError) as error:
        read_opps_cap(member("OPPSCAP_Oct.csv", as_csv(caps([*CAPS, line]))), KNOWN)
    assert [(p.row, p.value) for p in error.value.problems] == [(4, f"{line[3]}-{line[4]}")]
    assert "a carrier and locality that the GPCI file does not have" in str(error.value)


def test_caps_every_bad_row(member):
    rows = [*CAPS, CAPS[0], ("70450", "", "A", "10112", "00", "97,07", "1.234")]
    with pytest.raises(RejectedError) as error:
        read_opps_cap(member("OPPSCAP_Oct.csv", as_csv(caps(rows))), KNOWN)
    assert [(p.row, p.column) for p in error.value.problems] == [
        (4, None),
        (5, "FACILITY PRICE"),
        (5, "NON-FACILTY PRICE"),
    ]
    with pytest.raises(LayoutError, match=r"row 2, column PROCSTAT: 'D' is a value.*opps_cap\.toml"):
        read_opps_cap(member("OPPSCAP_Oct.csv", as_csv(caps([("70450", "", "D", "10112", "00", "1", "1")]))))
