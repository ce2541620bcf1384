import io
import zipfile

import pytest
from cms_files import (
    GPCI_HEADINGS,
    PLACES,
    anesthesia,
    as_csv,
    as_xlsx,
    as_zip,
    caps,
    counties,
    gpci,
    payment,
    pprrvu,
    pprrvu_row,
    release,
    zip5,
    zip9,
)  # fmt: skip

from feecalc.cms import Kind, members, read_payment_file, read_release, read_zip_file, recognise, what_is
from feecalc.errors import ArchiveError, LayoutError, RejectedError


@pytest.fixture
def zipped(tmp_path):
    def make(files=None, name="rvu25d.zip", **changes):
        return as_zip(tmp_path / name, (release(**changes) if files is None else files).items())

    return make


def test_a_whole_release(zipped):
    files = read_release([zipped()])
    assert (files.year, files.quarter, files.conversion_factor, files.released) == (2025, "D", 323_465, "09/11/2025")
    heights = [f.height for f in (files.pprrvu, files.descriptions, files.gpci, files.anesthesia, files.localities)]
    assert heights == [2, 2, 4, 4, 4]
    assert files.opps_cap.height == 4
    assert files.members == {
        "pprrvu": "PPRRVU2025_Oct.csv",
        "gpci": "GPCI2025.csv",
        "anesthesia": "ANES2025.csv",
        "locality_county": "25LOCCO.csv",
        "opps_cap": "OPPSCAP_Oct.csv",
    }
    assert files.layouts["pprrvu"] == "pprrvu, csv, 31 columns"
    assert files.meta["gpci"]["floor"] == "with"
    assert [s.name for s in files.sources] == ["rvu25d.zip"]
    assert files.notes[0] == "not read: RVU25D.pdf"
    assert any("1 line under carrier 01112 left out (0 of status A)" in note for note in files.notes)


def test_the_same_twice(zipped):
    one, two = read_release([zipped()]), read_release([zipped(name="again.zip")])
    for table in ("pprrvu", "descriptions", "gpci", "anesthesia", "localities", "opps_cap"):
        assert getattr(one, table).equals(getattr(two, table))


def test_files_one_by_one_and_a_folder(tmp_path):
    folder = tmp_path / "rvu25d"
    folder.mkdir()
    for name, data in release().items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    one_by_one = read_release(sorted(folder.iterdir()))
    assert read_release([folder]).pprrvu.equals(one_by_one.pprrvu)
    assert len(one_by_one.sources) == 5


def test_csv_before_xlsx_before_txt(zipped):
    files = release() | {"GPCI2025.xlsx": as_xlsx(gpci([(*p[:4], "1.1", *p[5:]) for p in PLACES]))}
    path = zipped(files)
    assert read_release([path]).members["gpci"] == "GPCI2025.csv"
    preferred = read_release([path], prefer="xlsx")
    assert preferred.members["gpci"] == "GPCI2025.xlsx"
    assert preferred.members["pprrvu"] == "PPRRVU2025_Oct.csv"
    assert preferred.gpci["work"].to_list() == [1100] * 4


def test_two_releases_at_once_are_refused(zipped):
    other = release() | {"PPRRVU2025_Jul.csv": as_csv(pprrvu(month="July"))}
    with pytest.raises(RejectedError, match="Which pprrvu file is meant"):
        read_release([zipped(other)])
    path = zipped()
    assert read_release([path, path]).pprrvu.height == 2  # the very same bytes twice do no harm


def test_the_nonqpp_file_of_2026_is_read(zipped):
    def factor(value):
        return as_csv(pprrvu([pprrvu_row(2026, conv_factor=value)], 2026, "July"))

    files = {"PPRRVU2026_Jul_QPP.csv": factor("33.5675"), "PPRRVU2026_Jul_nonQPP.csv": factor("33.4009")}
    found = read_release([zipped(files, "rvu26c.zip")])
    assert found.conversion_factor == 334_009
    assert found.notes == ["PPRRVU2026_Jul_QPP.csv left out: the nonQPP file beside it has the same figures and more codes"]
    del files["PPRRVU2026_Jul_nonQPP.csv"]
    alone = read_release([zipped(files, "rvu26c-qp.zip")])
    assert (alone.conversion_factor, alone.meta["pprrvu"]["qp"]) == (335_675, "QPP")


def test_a_release_without_relative_values(zipped):
    partial = {name: data for name, data in release().items() if name[:4] in {"GPCI", "ANES", "25LO"}}
    files = read_release([zipped(partial, "rvu25a-partial.zip")])
    assert (files.year, files.quarter, files.conversion_factor) == (2025, "A", None)
    assert files.pprrvu is None
    assert files.descriptions is None
    assert read_release([zipped(partial, "download.zip")]).quarter == ""


def test_nothing_to_read(zipped):
    with pytest.raises(
        ArchiveError, match=r"a\.zip: no relative value release.*Found: ANES2025.csv \(anesthesia\); not read: b"
    ):
        read_release([zipped({"ANES2025.csv": as_csv(anesthesia()), "b.pdf": "x"}, "a.zip")])


def test_caps_of_an_unknown_code(zipped):
    with pytest.raises(RejectedError) as error:
        read_release([zipped(OPPSCAP_Oct=as_csv(caps([("70450", "TC", "A", "10112", "00", "1", "1")])))])
    assert [(p.file, p.value) for p in error.value.problems] == [("OPPSCAP_Oct.csv", "70450 TC")]
    assert "a code that PPRRVU does not have" in str(error.value)


def test_places_without_gpci(zipped):
    anes = as_csv(anesthesia([("10112", "01", "X", "19.31"), ("10112", "00", "ALABAMA", "19.31")]))
    locco = as_csv(counties([("10113", "0", "ALABAMA", "A", "B")]))
    with pytest.raises(RejectedError) as error:
        read_release([zipped(**{"ANES2025": anes, "25LOCCO": locco})])
    assert [(p.file, p.value) for p in error.value.problems] == [("ANES2025.csv", "10112-01"), ("25LOCCO.csv", "10113-00")]


def test_a_stale_county_sheet_is_a_note(zipped):
    stale = as_csv(counties([("10113", "0", "ALABAMA", "A", "B")], year=2021))
    files = read_release([zipped(**{"25LOCCO": stale})])
    assert "25LOCCO.csv: describes 2021, not 2025; the GPCI file does not have 1 place of it" in files.notes


def test_gpcis_of_another_year(zipped):
    sheet = gpci(names=[n.replace("2025", "2024") for n in GPCI_HEADINGS])
    sheet[0][0] = sheet[0][0].replace("2025", "2024")
    with pytest.raises(RejectedError, match="GPCIs of 2024 beside relative values of 2025"):
        read_release([zipped(GPCI2025=as_csv(sheet))])


def test_places_that_only_the_gpci_file_has(zipped):
    files = read_release([zipped(ANES2025=as_csv(anesthesia([("10112", "00", "ALABAMA", "19.31")])))])
    assert "ANES2025.csv: nothing for 01182-18, 02102-01, 15202-00" in files.notes


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("PPRRVU25_JAN.csv", as_csv(pprrvu()), Kind.PPRRVU),
        ("pprrvu2026_jul_nonqpp.CSV", as_csv(pprrvu()), Kind.PPRRVU),
        ("PPRVU2025_Jul.csv", "renamed", Kind.PPRRVU),
        ("values.csv", as_csv(pprrvu()), Kind.PPRRVU),
        ("GPCI2025.txt", "", Kind.GPCI),
        ("addendum.csv", as_csv(gpci()), Kind.GPCI),
        ("addendum.xlsx", as_xlsx(gpci()), Kind.GPCI),
        ("ANES2025.csv", as_csv(anesthesia()), Kind.ANESTHESIA),
        ("CY_2022_Anesthesia_Base_Units.xlsx", as_xlsx([["CODE", "2022"]]), None),
        ("OPPSCAP_Oct.xlsx", b"", Kind.OPPS_CAP),
        ("caps.csv", as_csv(caps([])), Kind.OPPS_CAP),
        ("25LOCCO.csv", as_csv(counties()), Kind.LOCALITY_COUNTY),
        ("ZIP5_OCT2025.txt", zip5("99501"), Kind.ZIP5),
        ("zips.txt", zip5("99501"), Kind.ZIP5),
        ("zips.txt", zip9("99501", "0001"), Kind.ZIP9),
        ("ZIP9_OCT2025.txt", zip9("99501", "0001"), Kind.ZIP9),
        ("PFALL25A.txt", payment(), Kind.PAYMENT_AMOUNTS),
        ("PFREV4.txt", payment(), Kind.PAYMENT_AMOUNTS),
        ("amounts.csv", payment(), Kind.PAYMENT_AMOUNTS),
        ("GPCI2025.csv", as_csv(anesthesia()), Kind.ANESTHESIA),
        ("RVU25D.pdf", "%PDF", None),
        ("readme.txt", "hello", None),
    ],
)
def test_recognise(member, name, data, kind):
    assert recognise(member(name, data)) is kind


def test_what_is(zipped, tmp_path):
    assert what_is(zipped()) == "release"
    assert what_is(zipped({"ZIP5_OCT2025.txt": zip5("99501")}, "zips.zip")) == "zip_locality"
    assert what_is(zipped({"PFREV4.txt": payment()}, "pf.zip")) == "payment_amounts"
    assert what_is(zipped({"readme.pdf": "x"}, "x.zip")) == "unknown"


def test_zip_files(zipped):
    both = read_zip_file([zipped({"ZIP5_OCT2025.txt": zip5("99501"), "ZIP9_OCT2025.txt": zip9("99501", "0001")}, "z.zip")])
    assert (both.quarter, both.effective, both.zip5.height, both.zip9.height) == ("20254", "2025-10-01", 1, 1)
    late = zipped({"ZIP9_JAN2026.txt": zip9("99501", "0001", quarter="20261")}, "z9.zip")
    assert read_zip_file([late]).effective == "2026-01-01"
    assert read_zip_file([late]).zip5 is None
    with pytest.raises(RejectedError, match="the files are of several quarters: 20254, 20261"):
        read_zip_file([zipped({"ZIP5_OCT2025.txt": zip5("99501")}, "z5.zip"), late])
    with pytest.raises(ArchiveError, match="no ZIP to locality file"):
        read_zip_file([zipped()])


def test_payment_files_in_nested_zips(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("PFREV26B.txt", payment(year="2026"))
    files = [("PFREV26B QP.zip", inner.getvalue()), ("PFREV26B non-QP.zip", inner.getvalue())]
    tables = read_payment_file([as_zip(tmp_path / "pfrev26b.zip", files)])
    assert [(t.member, t.meta["qp"]) for t in tables] == [
        ("PFREV26B QP.zip/PFREV26B.txt", "QPP"),
        ("PFREV26B non-QP.zip/PFREV26B.txt", "nonQPP"),
    ]


def test_a_file_that_changed_is_reported_not_passed_over(zipped):
    with pytest.raises(LayoutError, match=r"GPCI2025\.csv: no heading row"):
        read_release([zipped(GPCI2025=as_csv([["Place", "Work"], ["10112", "1.0"]]))])


def test_every_file_has_a_layout_with_a_source():
    from feecalc.cms.layout import layout

    for kind in Kind:
        known = layout(kind)
        assert known.file == f"feecalc/cms/layouts/{kind.value}.toml"
        assert len({c.name for c in known.columns}) == len(known.columns)
        assert all(c.allowed for c in known.columns if c.type in {"indicator", "flag"})


def test_members_of_a_release_are_sorted(zipped):
    names = [m.name for m in members(zipped())]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[[column]", "is not valid TOML"),
        ('member = []\nsignature = ""\n[[column]]\nname = "a"\ntype = "b"', "has the type 'b'"),
    ],
)
def test_a_layout_that_was_edited_badly(tmp_path, monkeypatch, toml, message):
    from feecalc.cms import layout

    (tmp_path / "layouts").mkdir()
    (tmp_path / "layouts" / "gpci.toml").write_text(toml)
    monkeypatch.setattr(layout, "files", lambda _: tmp_path)
    with pytest.raises(LayoutError, match=rf"feecalc/cms/layouts/gpci\.toml.*{message}"):
        layout.layout.__wrapped__("gpci")
