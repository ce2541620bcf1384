"""What people type and paste, read as text: tidied by rule, and every repair told."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from feecalc.analysis.code_lists import CODE, tidy

__all__ = ["CODE", "Typed", "tidy"]


@dataclass(frozen=True)
class Typed:
    """A value as read. `told` says what was repaired; blank where nothing was."""

    value: str
    told: str = ""
    modifiers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  # further codes that were pasted with the first


def code(text: str) -> Typed:
    """A code; '97110-26' is a code and its modifier, and of a pasted list the first. Blank where the text is no code."""
    words = [w for w in re.split(r"[\s,;/|-]+", tidy(text)) if w]
    words = [w.removesuffix(".0") for w in words]  # a spreadsheet took the code for a number
    codes = [w for w in words if CODE.fullmatch(w)]
    marks = [w for w in words if re.fullmatch(r"[A-Z0-9]{2}", w)]
    if not words or words[0] not in codes or len(codes) + len(marks) != len(words):
        return Typed("")
    read = "-".join((codes[0], *marks))
    told = "" if text.strip() == read else f"Read “{text.strip()}” as {read}."
    return Typed(codes[0], told, tuple(marks), tuple(dict.fromkeys(c for c in codes[1:] if c != codes[0])))


def search(text: str, codes: Mapping[str, str], most: int) -> list[str]:
    """The codes that begin like the text, then those whose words hold every word of it; a code's lost zeros are put back."""
    wanted = tidy(text).split()
    if not wanted:
        return []
    whole = wanted[0].zfill(5)
    found = [whole] if len(wanted) == 1 and wanted[0].isdigit() and whole in codes else []
    found += [c for c in codes if len(wanted) == 1 and c.startswith(wanted[0])]
    found += [c for c, label in codes.items() if label and all(word in label.upper() for word in wanted)]
    return list(dict.fromkeys(found))[:most]


def zip_code(text: str) -> Typed:
    """A ZIP of five or nine digits; a leading zero that a spreadsheet dropped is put back."""
    cleaned = tidy(text)
    digits = re.sub(r"[\s.-]", "", cleaned)
    if not digits.isdigit():
        return Typed(cleaned)
    whole = digits.zfill(5) if len(digits) in (3, 4) else digits.zfill(9) if len(digits) in (7, 8) else digits
    read = f"{whole[:5]}-{whole[5:]}" if len(whole) == 9 else whole
    return Typed(read, "" if text.strip() in (read, whole) else f"Read “{text.strip()}” as ZIP {read}.")


def modifiers(given: list[str]) -> list[str]:
    """Modifiers one by one, upper case, without repeats: 'gp, kx' is two."""
    found = [word for text in given for word in re.split(r"[\s,;-]+", tidy(text)) if word]
    return list(dict.fromkeys(found))


def date(text: str) -> dt.date:
    """A date of an address: 2025-10-15. Raises ValueError."""
    on = dt.date.fromisoformat(text.strip())
    if not 2000 <= on.year <= 2099:
        raise ValueError(f"{on} is outside 2000 to 2099")
    return on


def count(text: str) -> int:
    """A number of units of an address, 1 to 9999. Raises ValueError."""
    number = int(text)
    if not 1 <= number <= 9999:
        raise ValueError(f"{number} is not from 1 to 9,999")
    return number


def switch(text: str) -> bool:
    """A yes or no of an address. Raises ValueError."""
    if text.lower() in ("1", "true", "yes"):
        return True
    if text.lower() in ("0", "false", "no", ""):
        return False
    raise ValueError(text)
