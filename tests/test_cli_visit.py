"""`feecalc visit`: a visit's file priced, as text and as JSON, alone and with the patient's history."""

import json

import pytest
from click.testing import CliRunner

from feecalc.cli.visit import visit_command
from feecalc.errors import InputError

DAY = {"date": "2025-10-15", "items": [{"hcpcs": c, "minutes": m} for c, m in (("97530", 15), ("97110", 30), ("97140", 15))]}
PAST = "date,allowed,discipline\n2025-03-03,2350.00,PT\n2025-10-15,98.97,PT\n2024-12-30,80,PT\nyesterday,1,PT\n"


@pytest.fixture
def run(tmp_path):
    """Run the command on a visit, with a history file's text and options; exceptions of feecalc come through."""

    def ran(visit, *options, history=None):
        file = tmp_path / "visit.json"
        file.write_bytes(visit if isinstance(visit, bytes) else json.dumps(visit).encode())
        given = []
        if history is not None:
            (tmp_path / "past.csv").write_text(history)
            given = ["--history", str(tmp_path / "past.csv")]
        result = CliRunner().invoke(visit_command, [str(file), *given, *options])
        if isinstance(result.exception, InputError):
            raise result.exception
        return result

    return ran


def test_the_therapy_day_as_text(run):
    text = run(DAY).stdout
    for words in (
        "PT: 4 timed units from 60 timed minutes",
        "97110-GP × 2",
        "Received                                          $     97.39",
        "No two of these codes are a pair on this date.",
        "Physical therapy and speech-language pathology together: $0.00 allowed in 2025 before this visit, $98.97 with it.",
    ):
        assert words in text


def test_the_therapy_day_as_json(run):
    found = json.loads(run({**DAY, "treated_by": "assistant"}, "--json").stdout)
    assert found["units"]["PT"]["units"] == {"97530": 1, "97110": 2, "97140": 1}
    assert [(line["hcpcs"], line["modifiers"], line["allowed"]) for line in found["lines"]] == [
        ("97530", ["GP", "CQ"], "34.61"),
        ("97110", ["GP", "CQ"], "43.66"),
        ("97140", ["GP", "CQ"], "20.70"),
    ]
    assert found["by_discipline"] == {"PT": "98.97"}
    assert found["edits"]["ptp"] == []


def test_a_history_brings_the_threshold(run):
    result = run(DAY, history=PAST)
    assert "together: $2,350.00 allowed in 2025 before this visit, $2,448.97 with it." in result.stdout
    assert "Line 2: With 97110 the year's allowed amounts go above the KX threshold" in result.stdout
    assert "occupational" not in result.stdout.lower(), "a pool without a line and without an amount is not told"
    assert [line.removeprefix("feecalc: past.csv") for line in result.stderr.splitlines()] == [
        ": Every row is taken as the same patient's.",
        ": 1 row of 2024 left out: only 2025 counts.",
        ": 1 row of 2025-10-15 or later left out: only what came before that day counts.",
        ", row 5, column date: is not a date such as 2026-01-15 ('yesterday')",
    ]


def test_ways_that_tie_and_a_pair_with_what_is_at_stake(run):
    visit = {"date": "2024-08-01", "items": [{"hcpcs": "97530", "minutes": 20}, {"hcpcs": "97537", "minutes": 20}]}
    text = run(visit).stdout
    assert "  Equally legal: 97530 1, 97537 2" in text
    assert "  97530 with 97537: $23.97 of the allowed amount is at stake." in text


def test_what_cannot_be_read_is_refused(run):
    with pytest.raises(InputError, match="allowed_so_far"):
        run({**DAY, "allowed_so_far": {"PT": "10"}}, history=PAST)
    with pytest.raises(InputError, match="has no column date"):
        run(DAY, history="allowed,discipline\n1,PT\n")
    with pytest.raises(InputError, match="it is not text"):
        run(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no visit file"):
        run(b"97110 30")


def test_a_code_that_is_none_is_named_and_the_others_are_priced(run):
    result = run({**DAY, "items": [*DAY["items"], {"hcpcs": "97353", "units": 1}]})
    assert result.exit_code == 1
    assert "feecalc: 97353: " in result.stderr
    assert "$     98.97" in result.stdout
