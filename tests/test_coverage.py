from pathlib import Path

from feecalc import coverage

ROOT = Path(__file__).resolve().parents[1]


def test_every_convention_is_in_the_table():
    rules = set(coverage.table()["rule"])
    letters = {"A": 3, "B": 4, "C": 4, "D": 8, "E": 8, "F": 6}
    assert {f"{letter}{n}" for letter, last in letters.items() for n in range(1, last + 1)} <= rules


def test_the_documentation_holds_the_same_table():
    assert coverage.markdown() in (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
