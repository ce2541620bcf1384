"""Finding CMS's files on its pages, whatever it calls them this time."""

from datetime import date

import pytest
from stand_in import ADDON, MUE, PAYMENTS, PTP, RELEASES, ZIPS, page

from feecalc.cms.discovery import MOST_LEAVES, DownloadError, discover, links, name_of, path_below, posted, unwrap

BASE = "https://www.cms.gov"
OLD = "/medicare/medicare-fee-service-payment/physicianfeesched/pfs-relative-value-files"


def site(**pages):
    """A reader of pages that are not anywhere."""
    asked = []

    def read(address):
        asked.append(address)
        for path, (given, answer) in pages.items():
            if address == given:
                assert path
                return f"{BASE}{given}", answer.body.decode()
        raise DownloadError(f"{address} is not there (404).")

    read.asked = asked
    return read


@pytest.mark.parametrize(
    ("address", "kind", "name"),
    [
        ("/files/zip/RVU25A.zip", "release", "2025A"),
        ("/files/zip/rvu24ar-posted-04/01/2024.zip", "release", "2024AR"),
        ("/files/zip/rvu24ar1.zip", "release", "2024AR"),
        ("/files/zip/rvu18c1.zip", "release", "2018C"),
        ("/files/zip/rvu25d-0.zip", "release", "2025D"),
        ("/files/zip/rvu27a-updated-01-04-2027.zip", "release", "2027A"),
        ("/medicare/x/downloads/rvu19a.zip", "release", "2019A"),
        ("/files/zip/pprrvu26_jan_nonqpp.zip", "release", "2026A"),
        ("/files/zip/pfrev26c-posted-06-30-2026.zip", "payment_amounts", "2026C"),
        ("/files/zip/zip-code-carrier-locality-file-revised-08/14/2025.zip", "zip_locality", "2025-10-01"),
        ("/files/zip/zip-code-carrier-locality-file-revised-11-18-2025.zip", "zip_locality", "2026-01-01"),
        ("/files/zip/zip-code-carrier-locality-file.zip", "zip_locality", "newest"),
        ("/files/zip/medicare-ncci-2026q4-practitioner-ptp-edits-ccipra-v323r0-f2.zip", "ncci_ptp", "2026Q4"),
        ("/files/zip/medicare-ncci-2026-q4-practitioner-services-mue-table.zip", "ncci_mue", "2026Q4"),
        ("/files/zip/add-code-edits-medicare-effective-06012026.zip", "ncci_addon", "2026Q2"),
    ],
)
def test_irregular_names_are_understood(address, kind, name):
    named = name_of(address)
    assert (named.kind, named.name) == (kind, name)


@pytest.mark.parametrize(
    "address",
    [
        "/files/zip/medicare-ncci-2026q4-hospital-ptp-edits-ccioph-v323r0-f1.zip",
        "/files/zip/medicare-ncci-2026-q4-facility-outpatient-hospital-services-mue-table.zip",
        "/files/zip/medicare-ncci-2026q2-practitioner-quarterly-additions-deletions-revisions-ptp.zip",
        "/files/zip/cy-2027-pfs-final-rule-addenda.zip",
        "/files/zip/26clabq3.zip",
        "/files/zip/rvu27.zip",
    ],
)
def test_what_only_looks_alike_is_left_alone(address):
    assert name_of(address) is None


def test_a_name_that_says_too_little_is_understood_from_its_text_or_its_page():
    assert name_of("/files/zip/abc.zip", "RVU 26D - Updated 08/26/2026 (ZIP)").name == "2026D"
    assert name_of("/files/zip/pprrvu20_v1220.zip", "Download", f"{BASE}{RELEASES}/rvu20a").name == "2020A"
    assert name_of("/files/zip/addenda.zip", "Addenda", f"{BASE}{RELEASES}/rvu20a") is None


@pytest.mark.parametrize(
    ("address", "day"),
    [
        ("/files/zip/rvu21c-updated-6302021.zip", date(2021, 6, 30)),
        ("/files/zip/rvu20a-updated-01312020.zip", date(2020, 1, 31)),
        ("/files/zip/rvu24b-updated-03/18/2024.zip", date(2024, 3, 18)),
        ("/files/zip/rvu26d-updated-08-26-2026.zip", date(2026, 8, 26)),
        ("/files/zip/rvu26d-updated-13-26-2026.zip", None),
        ("/files/zip/rvu22a.zip", None),
    ],
)
def test_dates_of_posting(address, day):
    assert posted(address) == day


@pytest.mark.parametrize(
    "wrapped",
    [
        "/apps/ama/license.asp?file=/files/zip/rvu26d.zip",
        "https://www.cms.gov/license/ama?file=/files/zip/rvu26d.zip",
        "/license/ama?file=%2Ffiles%2Fzip%2Frvu26d.zip&x=1",
        "/license/ama?file=https://www.cms.gov/files/zip/rvu26d.zip",
        "/apps/ama/license.asp?file=files/zip/rvu26d.zip",
        "/license/ama?file=/license/ama?file=/files/zip/rvu26d.zip",
    ],
)
def test_licence_links_are_unwrapped(wrapped):
    whole = links(f'<a href="{wrapped}">x</a>', f"{BASE}/somewhere/here")[0].url
    assert unwrap(whole) == f"{BASE}/files/zip/rvu26d.zip"


def test_an_address_that_is_no_licence_link_stays():
    for url in (f"{BASE}/files/zip/a.zip", f"{BASE}/license/ama", f"{BASE}/search?file=/files/zip/a.zip"):
        assert unwrap(url) == url


def test_links_of_a_broken_page():
    html = """<base href="/files/"><A HREF=' zip/a.zip '>A&amp;<b>B</b></A><a>none</a><a href="http://[">bad</a>
    <a href=../b.zip>open <a href="//www.cms.gov/c.zip?x=1&amp;y=2">next"""
    found = [(link.url, link.text) for link in links(html, f"{BASE}/page/one")]
    assert found == [
        (f"{BASE}/files/zip/a.zip", "A&B"),
        (f"{BASE}/b.zip", "open"),
        (f"{BASE}/c.zip?x=1&y=2", "next"),
    ]


def test_only_cms_and_the_base_are_followed():
    base = "http://127.0.0.1:9/mirror"
    assert path_below("http://127.0.0.1:9/mirror/files/a.zip", base) == "/files/a.zip"
    assert path_below("https://www.cms.gov/files/a.zip", base) == "/files/a.zip"
    assert path_below("https://www.cms.gov.example.org/files/a.zip", base) is None
    assert path_below("https://example.org/files/a.zip", base) is None
    assert path_below("file:///etc/a.zip", base) is None


def test_next_january_needs_no_change():
    read = site(
        listing=(
            RELEASES,
            page("r", (f"{OLD}/rvu26d", "RVU26D"), (f"{RELEASES}/rvu27a", " RVU27A"), (f"{OLD}/rvu18a", "RVU18A")),
        ),
        detail=(
            f"{RELEASES}/rvu27a",
            page(
                "d",
                ("/apps/ama/license.asp?file=/files/zip/rvu27a.zip", "RVU27A"),
                ("/license/ama?file=/files/zip/rvu27a-updated-01/04/2027.zip", "RVU27A - Updated 01/04/2027"),
                ("/files/zip/cy-2027-pfs-addenda.zip", "Addenda"),
                ("https://example.org/files/zip/rvu27a-updated-12-31-2027.zip", "elsewhere"),
            ),
        ),
    )
    found = discover(read, BASE, ["release"], lambda kind, name: name == "2027A")
    assert found.notes == []
    (entry,) = found.entries
    assert (entry.kind, entry.name, entry.effective) == ("release", "2027A", date(2027, 1, 1))
    assert entry.addresses == ("/files/zip/rvu27a-updated-01/04/2027.zip", "/files/zip/rvu27a.zip")
    assert read.asked == [RELEASES, f"{RELEASES}/rvu27a"]  # no page is opened that nobody asks for


def test_a_listing_of_several_leaves_is_read_to_its_end():
    """Its pager names the next leaves only, in any order, again and again, beside links that only look like it."""

    def leaf(name, *pager):
        others = [("/about?page=7", "elsewhere"), (f"{RELEASES}?sort=x", "sorted")]
        return page("r", (f"{RELEASES}/{name}", name.upper()), *[(target, "Next") for target in pager], *others)

    def detail(name):
        return f"{RELEASES}/{name}", page("d", (f"/files/zip/{name}.zip", name.upper()))

    read = site(
        first=(RELEASES, leaf("rvu25a", "?page=2", f"{RELEASES}?page=1&x=y", "?page=0")),
        second=(f"{RELEASES}?page=1&x=y", leaf("rvu26d", "?page=0", "?page=2", "?page=3")),
        third=(f"{RELEASES}?page=2", leaf("rvu27a", "?page=1&x=y")),
        **{name: detail(name) for name in ("rvu25a", "rvu26d", "rvu27a")},
    )
    found = discover(read, BASE, ["release"])
    assert [entry.name for entry in found.entries] == ["2025A", "2026D", "2027A"]
    assert read.asked[:4] == [RELEASES, f"{RELEASES}?page=1&x=y", f"{RELEASES}?page=2", f"{RELEASES}?page=3"]
    assert [f"{RELEASES}?page=3 could not be read" in note for note in found.notes] == [True]


def test_a_pager_without_end_is_left_in_time():
    asked = []

    def read(address):
        asked.append(address)
        number = int(address.partition("page=")[2] or 0)
        return f"{BASE}{address}", page(
            "r", ("/files/zip/rvu26d.zip", "x"), (f"{RELEASES}?page={number + 1}", "Next")
        ).body.decode()

    assert [entry.name for entry in discover(read, BASE, ["release"]).entries] == ["2026D"]
    assert len(asked) == MOST_LEAVES


def test_zips_on_the_listing_itself_and_two_pages_of_one_release():
    read = site(
        listing=(
            RELEASES,
            page("r", ("/files/zip/rvu26d.zip", "x"), (f"{RELEASES}/rvu26d", "x"), (f"{RELEASES}/rvu26d-0", "x")),
        ),
        one=(f"{RELEASES}/rvu26d", page("d", ("rvu26d-updated-08-26-2026.zip", "relative"))),
        two=(f"{RELEASES}/rvu26d-0", page("d", ("/files/zip/rvu26d-posted-09-30-2026.zip", "x"))),
    )
    (entry,) = discover(read, BASE, ["release"]).entries
    assert entry.addresses == (
        "/files/zip/rvu26d-posted-09-30-2026.zip",
        f"{RELEASES}/rvu26d-updated-08-26-2026.zip",
        "/files/zip/rvu26d.zip",
    )


def test_the_newest_version_of_the_pairs_with_all_its_parts():
    def part(version, number):
        return f"/license/ama?file=/files/zip/medicare-ncci-2026q4-practitioner-ptp-edits-ccipra-{version}-f{number}.zip"

    targets = [part("v323r0", n) for n in (2, 1)] + [part("v323r1", n) for n in (2, 1, 4, 3)]
    read = site(
        ptp=(PTP, page("p", *[(target, "PTP") for target in targets])),
        mue=(MUE, page("m", ("/files/zip/medicare-ncci-2026-q4-practitioner-services-mue-table.zip", "MUE"))),
        addon=(ADDON, page("a", ("/files/zip/add-code-edits-medicare-effective-10012026.zip", "AOC"))),
        zips=(ZIPS, page("z", ("/files/zip/zip-code-carrier-locality-file-updated-08-12-2026.zip", "ZIP"))),
        payments=(PAYMENTS, page("f", (f"{PAYMENTS}/pfrev26c", "PFREV26C"))),
        payment=(f"{PAYMENTS}/pfrev26c", page("f", ("/files/zip/pfrev26c-posted-06-30-2026.zip", "PFREV26C"))),
    )
    found = discover(read, BASE, ["ncci_ptp", "ncci_mue", "ncci_addon", "zip_locality", "payment_amounts"])
    assert found.notes == []
    entries = {entry.kind: entry for entry in found.entries}
    assert [name_of(path).part for path in entries["ncci_ptp"].addresses] == [1, 2, 3, 4]
    assert all("v323r1" in path for path in entries["ncci_ptp"].addresses)
    assert entries["ncci_ptp"].parts
    assert [entries[kind].name for kind in ("ncci_mue", "ncci_addon", "zip_locality", "payment_amounts")] == [
        "2026Q4",
        "2026Q4",
        "2026-10-01",
        "2026C",
    ]


def test_what_cannot_be_read_or_placed_is_told():
    empty = discover(site(listing=(RELEASES, page("r", ("/about", "x")))), BASE, ["release"])
    assert "may have changed its form" in empty.notes[0]
    gone = discover(site(), BASE, ["release"])
    assert "could not be read" in gone.notes[0]
    lost = discover(site(listing=(RELEASES, page("r", (f"{RELEASES}/rvu27a", "x")))), BASE, ["release"])
    assert f"{RELEASES}/rvu27a could not be read" in lost.notes[0]
    between = discover(site(listing=(RELEASES, page("r", ("/files/zip/rvu27ar.zip", "x")))), BASE, ["release"])
    assert between.entries == []
    assert "2027AR" in between.notes[0]
    assert "policy/releases.toml" in between.notes[0]
