import datetime as dt

import pytest

from feecalc import locality
from feecalc.errors import InputError

ON = dt.date(2025, 10, 15)


@pytest.mark.parametrize("text", ["10112-00", "1011200", "10112 0", "10112/00", " 10112-0 "])
def test_keys_in_many_shapes(text):
    assert locality.parse_key(text) == ("10112", "00")


def test_a_mac_that_lost_its_zero_gets_it_back():
    assert locality.parse_key("1112-5") == ("01112", "05")


@pytest.mark.parametrize("text", ["", "Alabama", "10112", "10112-000", "99"])
def test_what_is_no_key(text):
    with pytest.raises(InputError, match="10112-00"):
        locality.parse_key(text)


def test_a_zip_with_one_locality(opened):
    place = locality.by_zip(opened.schedule, "2025D", "35203", ON).place
    assert (place.key, place.state, place.name) == ("10112-00", "AL", "Alabama")


def test_a_zip_that_spans_localities_asks(opened):
    answer = locality.by_zip(opened.schedule, "2025D", "35958", ON)
    assert answer.place is None
    assert answer.reason == "ambiguous_zip"
    assert "35958" in answer.detail
    assert "10112-00" in {p.key for p in answer.candidates}


def test_every_flagged_zip_has_candidates(opened):
    zip_file = next(iter(opened.schedule.zip_files.values()))
    table = zip_file.read("zip5")
    for code in table.filter(table["plus_four"])["zip"].sample(20, seed=3):
        answer = locality.by_zip(opened.schedule, "2025D", code, ON)
        assert answer.place is None
        assert answer.candidates


def test_an_older_date_says_that_a_later_zip_file_served(opened):
    answer = locality.by_zip(opened.schedule, "2021A", "35203", dt.date(2021, 1, 1))
    assert answer.place.key == "10112-00"
    assert answer.substituted


def test_every_zip_of_the_newest_file_has_a_locality_of_the_newest_release(opened):
    zip_file = list(opened.schedule.zip_files.values())[-1]
    gpci = opened.schedule.table(opened.schedule.newest.name, "gpci").select("mac", "locality")
    assert zip_file.read("zip5").join(gpci, on=["mac", "locality"], how="anti").is_empty()


@pytest.mark.parametrize("text", ["3520", "ABCDE", "352031", "35203-12"])
def test_what_is_no_zip(opened, text):
    with pytest.raises(InputError, match="five digits"):
        locality.by_zip(opened.schedule, "2025D", text, ON)


def test_states(opened):
    assert locality.by_state(opened.schedule, "2025D", "al").place.key == "10112-00"
    assert len(locality.by_state(opened.schedule, "2025D", "CA").candidates) == 29
    assert locality.by_state(opened.schedule, "2025D", "ZZ").reason == "unknown_locality"


@pytest.mark.parametrize(
    ("cms", "ours"),
    [
        ("REST OF TEXAS", "Rest of Texas"),
        ("DC + MD/VA SUBURBS", "DC + MD/VA Suburbs"),
        ("NYC SUBURBS/LONG ISLAND", "NYC Suburbs/Long Island"),
        ("SEATTLE (KING CNTY)", "Seattle (King County)"),
        ("BALTIMORE/SURR. CNTYS", "Baltimore/surrounding counties"),
    ],
)
def test_names_in_ordinary_case(cms, ours):
    assert locality.tidy(cms) == ours


def zip9_line(zip5: str, extension: str, mac: str, locality: str) -> str:
    """A line of CMS's ZIP9 file: 80 characters, the extension at 22 to 25."""
    line = f"AL{zip5}{mac}{locality}R".ljust(20) + "1" + extension
    return (line.ljust(31) + "A").ljust(75) + "20254"


def test_the_four_digit_extension_decides_once_its_file_is_imported(home, tmp_path):
    from feecalc.api import OpenSchedule
    from feecalc.importing import import_file

    file = tmp_path / "ZIP9_OCT2025.txt"
    file.write_text(
        "\r\n".join([zip9_line("35958", "0001", "10112", "00"), zip9_line("35958", "0002", "10212", "99")]) + "\r\n"
    )
    import_file(file)
    schedule = OpenSchedule().schedule
    assert locality.by_zip(schedule, "2025D", "35958-0001", ON).place.key == "10112-00"
    assert locality.by_zip(schedule, "2025D", "359580002", ON).place.key == "10212-99"
    assert "all nine digits" in locality.by_zip(schedule, "2025D", "35958", ON).detail
    assert "not in CMS's ZIP9 file" in locality.by_zip(schedule, "2025D", "35958-0003", ON).detail
    assert locality.by_zip(schedule, "2025D", "35203", ON).place.key == "10112-00"
