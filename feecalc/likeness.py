"""Which codes look like a mistyped one: 97353 like 97533, 97535, 97530."""

from collections import Counter
from collections.abc import Iterable


def alike(code: str, candidates: Iterable[str]) -> dict[str, float]:
    """The candidates that look like a code, with their likeness up to 1.

    They begin alike, and all characters but one are those of the code, in whatever order: a digit mistyped, dropped or moved.
    """
    import difflib  # only a mistyped code needs it

    letters = Counter(code)
    return {
        candidate: difflib.SequenceMatcher(None, code, candidate).ratio()
        for candidate in candidates
        if code[:1] == candidate[:1] and (letters & Counter(candidate)).total() >= len(code) - 1
    }
