"""The code chooser: its data against the schedule, its search, and what it says of being paid apart."""

import datetime as dt
import json
import re
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from feecalc import guide, policy
from feecalc.cli.guide import guide_command
from feecalc.errors import InputError

TOML = policy.FOLDER / "guide.toml"
TABLE = policy.load("guide")
CODES = [entry["hcpcs"] for entry in TABLE["code"]]
ON = dt.date(2026, 8, 3)  # release 2026C


def codes(*args, **kwargs):
    return [candidate.hcpcs for candidate in guide.candidates(*args, **kwargs)]


def rows(opened, release):
    return opened.schedule.table(release, "pprrvu").filter(pl.col("modifier") == "")


def status(opened, release, code):
    found = rows(opened, release).filter(pl.col("hcpcs") == code)["status"]
    return found[0] if len(found) else None


# The data -------------------------------------------------------------------------------------------------------------------


def test_every_code_named_anywhere_in_the_guide_is_in_the_newest_release(opened):
    text = re.sub(r"\bCR [0-9]{5}\b", "", TOML.read_text(encoding="utf-8"))  # change requests are numbered like codes
    named = set(re.findall(r"\b(?:[0-9]{5}|G[0-9]{4}|[0-9]{4}T)\b", text))
    assert set(CODES) <= named
    gone = {"G0515"}  # named as what 97129 replaced
    missing = named - set(rows(opened, opened.schedule.newest.name)["hcpcs"]) - gone
    assert not missing
    assert not gone & set(CODES)


def test_no_code_stands_twice_and_each_has_one_label_of_ours():
    labels = policy.load("labels")["label"]
    assert len(CODES) == len(set(CODES))
    for entry in TABLE["code"]:
        assert ("label" in entry) != (entry["hcpcs"] in labels), f"{entry['hcpcs']}: one label, here or in labels.toml"
        assert guide.about(entry["hcpcs"]).label


def test_every_note_pair_and_general_note_has_a_source_a_day_and_a_standing():
    notes = [note for entry in TABLE["code"] for note in entry.get("note", [])]
    own_pairs = [pair for pair in TABLE["pair"] if "source" in pair or "standing" in pair or "as_of" in pair]
    said = [*notes, *own_pairs, *TABLE["general"], TABLE["own_words"]]
    assert len(notes) > 20
    for entry in said:
        assert entry["source"].strip()
        assert isinstance(entry["as_of"], dt.date)
        assert entry["standing"] in policy.STANDINGS
    for code in CODES:
        entry = guide.about(code)
        assert entry.source
        assert all(one.source and one.standing in policy.STANDINGS for one in (*entry.notes, *entry.differences))


def test_the_guide_holds_no_price():
    text = TOML.read_text(encoding="utf-8")
    assert "$" not in text
    assert not re.search(r"\b[0-9]+\.[0-9]{2}\b", text), "a number with two places looks like money or RVUs"
    assert not re.search(r"dollar|percent|cheap|expensive|pays (more|less|better)|higher[- ]pay", text, re.IGNORECASE)


def test_no_descriptor_of_the_ama_and_no_denial_rates():
    text = TOML.read_text(encoding="utf-8").lower()
    for phrase in (
        "neuromuscular reeducation",
        "therapeutic procedure",
        "1 or more areas",
        "one or more areas",
        "direct (one-on-one)",
        "application of a modality",
        "list separately",
        "each 15 minutes",
    ):
        assert phrase not in text


def test_every_goal_is_served_and_every_entry_is_whole():
    names = [goal.name for goal in guide.goals()]
    assert len(names) == len(set(names))
    assert {goal for entry in TABLE["code"] for goal in entry["goals"]} == set(names)
    for code in CODES:
        entry = guide.about(code)
        assert entry.contact in guide.CONTACTS
        assert entry.purpose.endswith(".")
        assert entry.record
        assert entry.disciplines
        assert set(entry.disciplines) <= {"PT", "OT", "SLP"}
        assert entry.goals or entry.words, f"nothing brings up {code}"


def test_every_pair_is_of_two_codes_of_the_guide_and_is_told_for_both():
    seen = set()
    for pair in TABLE["pair"]:
        first, second = pair["codes"]
        assert {first, second} <= set(CODES)
        assert first != second
        assert frozenset(pair["codes"]) not in seen
        seen.add(frozenset(pair["codes"]))
        assert second in {one.other for one in guide.about(first).differences}
        assert first in {one.other for one in guide.about(second).differences}
        assert first in pair["difference"] or second in pair["difference"] or "same service" in pair["difference"].lower()


def test_every_term_says_something():
    for term in guide._terms():
        assert term.words
    skip = TABLE["search"]["skip"]
    assert len(skip) == len(set(skip))


# What the notes assert, checked in the releases -------------------------------------------------------------------------------


def test_what_the_notes_call_verified_holds_in_the_files(opened):
    for release in opened.schedule.priceable():
        row = rows(opened, release).filter(pl.col("hcpcs") == "97537").row(0, named=True)
        assert (row["status"], row["work"] > 0, row["pe_nonfacility"] > 0) == ("A", True, True), release
        assert status(opened, release, "97010") == "B"
        assert status(opened, release, "97014") == "I"
        assert status(opened, release, "G0283") == "A"
    for release in ("2025D", "2026C"):
        for code in ("97545", "97546"):
            row = rows(opened, release).filter(pl.col("hcpcs") == code).row(0, named=True)
            assert row["status"] == "R"
            assert not any(row[name] for name in ("work", "pe_nonfacility", "pe_facility", "mp"))
    packs = rows(opened, "2025D").filter(pl.col("hcpcs") == "97010").row(0, named=True)
    assert packs["not_used_for_medicare"]
    assert packs["pe_nonfacility"] > 0


def test_first_releases_of_newer_codes(opened):
    loaded = opened.schedule.priceable()
    for code, last_without, first_with in (
        ("97550", "2023D", "2024A"),
        ("97551", "2023D", "2024A"),
        ("97552", "2023D", "2024A"),
        ("98985", "2025D", "2026C"),
        ("98979", "2025D", "2026C"),
    ):
        assert last_without in loaded
        assert status(opened, last_without, code) is None
        assert status(opened, first_with, code) == "A"
    assert status(opened, "2020A", "97129") == status(opened, "2020A", "97130") == "A"


# The search -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("strength", ["97110"]),
        ("endurance", ["97110"]),
        ("ROM", ["97110"]),
        ("range of motion", ["97110"]),
        ("balance", ["97112"]),
        ("coordination", ["97112"]),
        ("proprioception", ["97112"]),
        ("posture", ["97112"]),
        ("falls", ["97112"]),
        ("gait", ["97116"]),
        ("walking", ["97116"]),
        ("stairs", ["97116"]),
        ("manual techniques", ["97140"]),
        ("joint mobilization", ["97140"]),
        ("functional activities", ["97530"]),
        ("transfers", ["97530"]),
        ("daily living", ["97535"]),
        ("activities of daily living", ["97535"]),
        ("home", ["97535"]),
        ("cooking", ["97535"]),
        ("getting dressed", ["97535"]),
        ("community", ["97537"]),
        ("work", ["97537"]),
        ("return to work", ["97537"]),
        ("shopping", ["97537"]),
        ("work conditioning", ["97545", "97546"]),
        ("group", ["92508", "97150"]),
        ("aquatic", ["97113"]),
        ("massage", ["97124"]),
        ("wheelchair", ["97542"]),
        ("splint", ["97760", "97763"]),
        ("artificial limb", ["97761", "97763"]),
        ("memory", ["97129", "97130"]),
        ("Epley", ["95992"]),
        ("vertigo", ["95992"]),
        ("dizziness", ["95992", "97112"]),
        ("swallowing", ["92526"]),
        ("speech", ["92507"]),
        ("caregiver", ["97550", "97551", "97552"]),
        ("paraffin", ["97018"]),
        ("iontophoresis", ["97033"]),
        ("ultrasound", ["97035"]),
        ("traction", ["97012"]),
        ("e-stim", ["97014", "97032", "G0281", "G0283"]),
        ("re-evaluation", ["97164", "97168"]),
        ("home exercise", ["97110", "97112", "97530", "97535"]),
        ("home exercise program", ["97110", "97112", "97530", "97535"]),
    ],
)
def test_words_bring_up_what_a_therapist_expects(words, expected):
    assert codes(words) == expected


def test_evaluations_by_discipline_and_level():
    assert codes("evaluation", "PT")[-3:] == ["97161", "97162", "97163"]
    assert {"97165", "97166", "97167"} <= set(codes("evaluation", "OT"))
    assert {"92521", "92522", "92523", "92524", "92610"} <= set(codes("evaluation", "SLP"))
    assert codes("low complexity evaluation") == ["97161", "97165"]
    assert codes("high complexity evaluation", "OT") == ["97167"]
    assert codes("reevaluation", "SLP") == []


def test_several_words_bring_up_the_codes_of_each():
    assert codes("balance gait") == codes(["balance", "gait"]) == ["97112", "97116"]
    assert codes("improve strength and balance") == ["97110", "97112"]
    both = guide.candidates("walking and stairs")
    assert [(one.hcpcs, one.because) for one in both] == [("97116", ("gait",))]  # the goal's own label
    both = guide.candidates("stairs walking")
    assert [(one.hcpcs, one.because) for one in both] == [("97116", ("stairs", "walking"))]


def test_the_longest_words_count_first():
    assert codes("work") == ["97537"]
    assert codes("work conditioning work") == ["97537", "97545", "97546"]
    assert guide.understood("home exercise balance") == (("home exercise", "balance"), ())


def test_a_word_of_enough_letters_may_be_a_beginning():
    assert codes("coordi") == ["97112"]
    assert codes("reached") == ["97530"]
    assert codes("walkers") == ["97116"]
    assert codes("hand") == [], "no part of 'hands on'"
    assert codes("tension") == [], "no form of TENS"


def test_words_that_are_not_known_bring_up_nothing_and_are_told():
    assert codes("zebra") == []
    assert guide.understood("shoulder pain zebra") == (("pain",), ("shoulder", "zebra"))
    assert codes("") == []
    assert guide.understood(["", "the"]) == ((), ())


def test_goals_by_their_names():
    for goal in guide.goals():
        found = codes(goal.name, one_on_one=not goal.several)
        assert found, goal.name
        assert all(goal.name in guide.about(code).goals for code in found)
    assert codes("daily_living") == ["97535"]
    assert codes("Daily living and home") == ["97535"]


def test_the_order_is_that_of_the_codes():
    found = codes([goal.name for goal in guide.goals()])
    assert all(a < b for a, b in pairwise(found))
    assert len(found) > 60


def test_one_patient_or_several():
    assert codes("balance") == ["97112"]
    assert codes("balance", one_on_one=False) == ["97150"]
    assert codes("balance group", "PT") == ["97112", "97150"]
    assert codes("speech", one_on_one=False) == ["92508"]
    assert codes("heat", one_on_one=False) == ["97010", "97018", "97024"], "what nobody has to stay for, several can have"
    assert codes("group", "SLP") == ["92508"]


def test_disciplines():
    assert codes("group", "pt") == codes("group", "OT") == ["97150"]
    assert codes("swallowing", "ST") == ["92526"]
    assert codes("gait", "SLP") == []
    with pytest.raises(InputError, match="PT, OT or SLP"):
        guide.candidates("gait", "chiropractor")


def test_about_one_code():
    entry = guide.about(" g0283 ")
    assert (entry.hcpcs, entry.unit, entry.timed, entry.contact) == ("G0283", "session", False, guide.UNATTENDED)
    assert guide.about("97110").timed
    assert guide.about("97150").contact == guide.GROUP
    assert not guide.about("97150").timed
    assert guide.about("97353") is None
    assert {"97112", "97116", "97530", "97535"} <= {one.other for one in guide.about("97110").differences}


def test_97537_keeps_fee_and_coverage_apart(opened):
    notes = guide.about("97537").notes
    assert any("Coverage is another question" in note.text and "contractor" in note.text for note in notes)
    assert [note.standing for note in notes] == ["verified", "secondary"]
    payable, status_, sentence, release = guide.payable(opened.schedule, "97537", ON)
    assert (payable, status_, release) == (True, "A", "2026C")
    assert "status A" in sentence
    assert "2026C" in sentence
    assert "coverage is another question" in sentence


def test_the_payers_whose_rules_differ_are_named():
    assert guide.about("97014").notes[0].payers == "other payers"
    assert any("Medicare Advantage" in note.payers for note in guide.general())


# Paid apart -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected", "status_"),
    [
        ("97110", True, "A"),
        ("g0283", True, "A"),
        ("97026", True, "R"),
        ("97010", False, "B"),
        ("97014", False, "I"),
        ("98943", False, "N"),
        ("97545", None, "R"),
        ("97039", None, "C"),
        ("36591", None, "T"),
        ("00100", True, "J"),
        ("97353", None, ""),
    ],
)
def test_paid_apart_by_status(opened, code, expected, status_):
    found = guide.payable(opened.schedule, code, ON)
    assert (found.payable, found.status, found.release) == (expected, status_, "2026C")
    assert found.sentence.endswith(".")
    assert code.upper() in found.sentence


def test_paid_apart_by_date(opened):
    assert guide.payable(opened.schedule, "97550", dt.date(2023, 5, 1)) == (
        None,
        "",
        "There is no code 97550 in release 2023B.",
        "2023B",
    )
    assert guide.payable(opened.schedule, "97550", dt.date(2024, 5, 1)).payable is True
    none = guide.payable(opened.schedule, "97537", dt.date(2019, 5, 1))
    assert (none.payable, none.release) == (None, "")
    assert "No release of 2019" in none.sentence
    lent = guide.payable(opened.schedule, "97537", dt.date(2026, 1, 5))
    assert lent.release == "2026C"
    assert "2026A" in lent.sentence


# The command ----------------------------------------------------------------------------------------------------------------


def run(*args):
    return CliRunner().invoke(guide_command, list(args))


def test_the_command_shows_candidates():
    done = run("balance", "gait", "--discipline", "PT", "--date", "2026-08-03")
    assert done.exit_code == 0
    assert done.output.index("97112  ") < done.output.index("97116  ")
    assert "Or 97116?" in done.output
    assert "2026C" in done.output
    assert "$" not in done.output


def test_the_command_shows_one_code_with_its_sources():
    done = run("97537", "--date", "2026-08-03")
    assert done.exit_code == 0
    flat = " ".join(done.output.split())
    assert "Coverage is another question" in flat
    assert "status A (Active) in release 2026C" in flat
    assert "The note should show: role or task" in flat
    assert "Or 97535?" in flat


def test_the_command_as_json():
    done = run("balance", "97537", "--date", "2026-08-03", "--json")
    assert done.exit_code == 0
    got = json.loads(done.output)
    assert got["date"] == "2026-08-03"
    assert [one["hcpcs"] for one in got["candidates"]] == ["97112"]
    assert got["candidates"][0]["because"] == ["balance"]
    assert got["codes"][0]["payable"] == {
        "payable": True,
        "status": "A",
        "sentence": guide.payable(_schedule(), "97537", ON).sentence,
        "release": "2026C",
    }
    assert got["unknown"] == []
    assert all(note["source"] for note in got["general"])


def _schedule():
    from feecalc.schedule import Schedule

    return Schedule.open()


def test_the_command_names_what_it_does_not_know():
    done = run("zebra", "97353", "--date", "2026-08-03")
    assert done.exit_code == 1
    assert "'zebra'" in done.stderr
    assert "97353" in done.stderr
    assert "97535" in done.stderr
    done = run("97353", "9753", "--date", "2026-08-03", "--json")
    assert done.exit_code == 1
    got = json.loads(done.stdout)
    assert got["unknown"] == ["97353", "9753"]
    assert "97535" in got["near"]["97353"]
    assert "97537" in got["near"]["9753"]


def test_the_command_tells_where_discipline_or_group_leave_nothing():
    done = run("gait", "--discipline", "SLP")
    assert done.exit_code == 1
    assert "--discipline" in done.stderr
    assert done.stdout == ""


def test_the_command_refuses_what_it_cannot_understand():
    for args in (["gait", "--date", "tomorrow"], ["gait", "--discipline", "DC"]):
        done = run(*args)
        assert done.exit_code != 0
        assert isinstance(done.exception, InputError)


def test_the_command_lists_the_goals():
    done = run()
    assert done.exit_code == 0
    assert all(goal.name in done.output and goal.label in done.output for goal in guide.goals())
    assert [one["name"] for one in json.loads(run("--json").output)] == [goal.name for goal in guide.goals()]


def test_the_modules_of_the_guide_name_no_code_and_no_number_of_law():
    text = Path(guide.__file__).read_text(encoding="utf-8")
    body = text.split('"""', 2)[2]
    assert not re.search(r"\b9[0-9]{4}\b", body)
