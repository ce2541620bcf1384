"""The list of CMS's files: complete, well-formed, and merged with what CMS's pages name."""

import re
from collections import Counter
from datetime import date
from itertools import pairwise

from feecalc import paths, policy
from feecalc.cms import catalogue
from feecalc.cms.catalogue import Entry
from feecalc.cms.discovery import name_of
from feecalc.schedule import Schedule

RELEASES = [entry for entry in catalogue.known() if entry.kind == "release"]


def test_every_release_from_2019_to_2026_is_listed_with_its_first_day():
    expected = {name: day for year in range(2019, 2027) for name, day in policy.known_releases(year)}
    assert {entry.name: entry.effective for entry in RELEASES} == expected
    assert len(RELEASES) == 33
    assert catalogue.first_year() == 2019


def test_every_built_in_release_and_zip_file_is_in_the_catalogue():
    built_in = Schedule((paths.builtin(), "built-in"))
    assert set(built_in.releases) <= {entry.name for entry in RELEASES}
    listed = {entry.effective for entry in catalogue.known() if entry.kind == "zip_locality"}
    assert set(built_in.zip_files) <= listed


def test_entries_are_well_formed():
    keys = Counter((entry.kind, entry.name) for entry in catalogue.known())
    assert [key for key, count in keys.items() if count > 1] == []
    for entry in catalogue.known():
        assert entry.addresses
        assert all(re.fullmatch(r"/[\w/.-]+\.zip", address) for address in entry.addresses), entry
        assert entry.standing in policy.STANDINGS
        assert entry.source
        hashes = [*entry.sha256.values(), *entry.member_sha256.values()]
        assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in hashes), entry
        assert set(entry.member_sha256) <= set(entry.members), entry


def test_an_address_names_the_entry_that_bears_it():
    """So that what the pages name is found under the catalogue's own name."""
    checked = 0
    for entry in catalogue.known():
        if entry.kind in {"release", "payment_amounts", *catalogue.EDITS}:
            for address in entry.addresses:
                named = name_of(address)
                assert named is not None, address
                assert (named.kind, named.name, named.effective) == (entry.kind, entry.name, entry.effective)
                checked += 1
    assert checked > 60


def test_parts_are_in_order_and_of_one_version():
    for entry in catalogue.known():
        if entry.parts:
            named = [name_of(address) for address in entry.addresses]
            assert [one.part for one in named if one] == [1, 2, 3, 4]
            assert len({one.version for one in named if one}) == 1


def test_merged_tries_found_addresses_first_and_adds_new_files():
    old = Entry("release", "2026A", date(2026, 1, 1), ("/old.zip",), sha256={"/old.zip": "0" * 64}, standing="verified")
    again = Entry("release", "2026A", date(2026, 1, 1), ("/new.zip", "/old.zip"))
    new = Entry("release", "2027A", date(2027, 1, 1), ("/rvu27a.zip",))
    undated = Entry("zip_locality", "newest", None, ("/zip-code-carrier-locality-file.zip",))
    entries = catalogue.merged([old], [undated, new, again])
    assert [entry.name for entry in entries] == ["2026A", "2027A", "newest"]
    assert entries[0].addresses == ("/new.zip", "/old.zip")
    assert (entries[0].sha256, entries[0].standing) == ({"/old.zip": "0" * 64}, "verified")


def test_parts_of_two_versions_are_not_mixed():
    day = date(2026, 10, 1)
    old = Entry("ncci_ptp", "2026Q4", day, tuple(f"/v323r0-f{n}.zip" for n in range(1, 5)), parts=True)
    new = Entry("ncci_ptp", "2026Q4", day, tuple(f"/v323r1-f{n}.zip" for n in range(1, 5)), parts=True)
    assert catalogue.merged([old], [new])[0].addresses == new.addresses


def test_the_bounds_hold_for_every_real_step_and_catch_the_wrong_file():
    percent = catalogue.rows_percent()
    loaded = Schedule((paths.builtin(), "built-in"))
    releases = [loaded.releases[name] for name in loaded.priceable()]
    for before, after in pairwise(releases):
        for table, counted in before.manifest["tables"].items():
            rows, rows_before = after.manifest["tables"][table]["rows"], counted["rows"]
            assert 100 * abs(rows - rows_before) <= percent * rows_before, (after.name, table)
    assert percent * 19_226 < 100 * (19_226 - 11_811)  # the QPP file of 2026 in place of the other


def test_the_terms_say_whose_codes_they_are_and_where_to_read():
    terms = catalogue.terms()
    assert "American Medical Association" in terms.text
    assert terms.page in terms.text
    assert terms.version
