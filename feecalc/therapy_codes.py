"""What is known of outpatient therapy by code: the disciplines and their modifiers, which codes are therapy, what one unit is.

Source: policy/therapy_codes.toml, each entry with its standing.
"""

from dataclasses import dataclass
from functools import cache

from feecalc import policy
from feecalc.errors import InputError


@dataclass(frozen=True)
class Discipline:
    """A therapy discipline: the modifier of its plan of care, and that of its assistants ("" where it has none)."""

    name: str
    words: str
    modifier: str
    assistant: str


@dataclass(frozen=True)
class Unit:
    """What one unit of a code is. `timed`: time makes them; `once`: there is but one; `group`: several patients at once."""

    words: str
    timed: bool
    once: bool
    group: bool
    standing: str
    source: str


@cache
def disciplines() -> dict[str, Discipline]:
    """The disciplines by name."""
    return {
        entry["name"]: Discipline(entry["name"], entry["words"], entry["modifier"], entry.get("assistant", ""))
        for entry in policy.load("therapy_codes")["discipline"]
    }


@cache
def _by_word() -> dict[str, Discipline]:
    entries = policy.load("therapy_codes")["discipline"]
    return {word: disciplines()[entry["name"]] for entry in entries for word in (entry["name"], *entry["also"])}


def discipline(text: str) -> Discipline:
    """A discipline by any of its words ("PT", "speech therapy"). Raises InputError for another."""
    found = _by_word().get(text.strip().upper())
    if found is None:
        raise InputError(f"{text!r} is no therapy discipline. Give one of {', '.join(disciplines())}.")
    return found


@cache
def kinds() -> dict[str, str]:
    """`always` or `sometimes` by code; a code that is not here is not known as therapy."""
    table = policy.load("therapy_codes")
    return {code: kind for kind in ("sometimes", "always") for entry in table[kind] for code in entry["codes"]}


@cache
def units() -> dict[str, Unit]:
    """What one unit is, by code; a code that is not here is neither known to be timed nor to be untimed."""
    found = {}
    for entry in policy.load("therapy_codes")["unit"]:
        for code in entry["codes"]:
            group = code in entry.get("group", ())
            found[code] = Unit(entry["words"], entry["timed"], entry["once"], group, entry["standing"], entry["source"])
    return found
