"""What Medicare should have paid, against what it paid, and why they differ.

from feecalc.analysis.remittance import read
from feecalc.analysis.variance import Where, check
found = check(read("remittance.835"), Where(zip="35203"), feecalc.open_schedule())
found.headline; found.by_cause(); found.lines

Nothing of a patient is read, kept or written but the numbers of claims. What to do about it: feecalc.analysis.worklist.
"""

from feecalc.analysis.variance.checking import check
from feecalc.analysis.variance.codes import actions, causes, explain_code
from feecalc.analysis.variance.eob import EobLine, Explained, explain_eob, read_pasted
from feecalc.analysis.variance.facts import Remitted
from feecalc.analysis.variance.result import BY, OUTCOMES, Variance
from feecalc.analysis.variance.settings import Settings, Where

__all__ = [
    "BY",
    "OUTCOMES",
    "EobLine",
    "Explained",
    "Remitted",
    "Settings",
    "Variance",
    "Where",
    "actions",
    "causes",
    "check",
    "explain_code",
    "explain_eob",
    "read_pasted",
]
