"""What `feecalc revenue` says of what-ifs: named scenarios and the prices of another release, beside how things are."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feecalc.cli.options import text_table
from feecalc.cli.practice import fees_of
from feecalc.errors import InputError, NotLoadedError

if TYPE_CHECKING:  # what it needs is imported when a command runs
    import polars as pl

    from feecalc.analysis.change import Change
    from feecalc.analysis.mix import Mix
    from feecalc.analysis.scenarios import Outcome, Scenario, SideBySide
    from feecalc.api import OpenSchedule
    from feecalc.export import Sheet

MOVERS = 5  # codes up and down that are named


def asked(file: Path | None, prices: str | None, opened: "OpenSchedule", mix: "Mix") -> "list[Scenario]":
    """The scenarios of a file, and the one of other prices. Raises InputError, NotLoadedError."""
    from feecalc.analysis.scenarios import load

    found = [*load(file)] if file is not None else []
    return [*found, _at_prices(prices, opened, mix)] if prices else found


def _at_prices(prices: str, opened: "OpenSchedule", mix: "Mix") -> "Scenario":
    """The volumes at the prices of a release (2025D), of a year's newest release, or of a date."""
    from feecalc.analysis.levers import On
    from feecalc.analysis.scenarios import Scenario

    given = prices.strip().upper()
    if re.fullmatch(r"20\d{2}", given):
        day, _ = fees_of(opened, mix, int(given), None)
    elif re.fullmatch(r"20\d{2}[A-Z]+", given):
        if given not in opened.schedule.priceable():
            loaded = ", ".join(opened.schedule.priceable())
            raise NotLoadedError(f"Release {given} is not loaded. Loaded releases: {loaded}.")
        day = opened.schedule.release(given).effective
    elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
        day, _ = fees_of(opened, mix, None, given)
    else:
        raise InputError(f"--against {prices!r} is no release such as 2025D, no year and no date such as 2025-10-01.")
    return Scenario(f"Prices of {given}", (On(date=day),))


def causes_of(changed: "Change") -> "pl.DataFrame":
    """What a change is made of, in dollars: `cause`, `allowed`, `received`; the sums last."""
    import polars as pl

    from feecalc.analysis.change import LABELS, WITHHELD, WITHHELD_LABEL
    from feecalc.money import dollars

    allowed, received = changed.parts(), changed.parts("received")
    rows = [
        (LABELS.get(cause, WITHHELD_LABEL), allowed.get(cause, 0), received[cause])
        for cause in (*LABELS, WITHHELD)
        if received[cause]
    ]
    rows.append(("All together", changed.difference(), changed.difference("received")))
    frame = pl.DataFrame(rows, schema={"cause": pl.String, "allowed": pl.Int64, "received": pl.Int64}, orient="row")
    return frame.with_columns(dollars(pl.col(name)).alias(name) for name in ("allowed", "received"))


def movers_of(changed: "Change") -> "pl.DataFrame":
    """The codes that move most, in dollars."""
    import polars as pl

    from feecalc.money import dollars

    moved = changed.movers("code", MOVERS)
    return moved.select("code", *(dollars(pl.col(name)).alias(name) for name in ("before", "after", "change")), "cause")


def card(beside: "SideBySide") -> list[str]:
    """The what-ifs as plain text: side by side, then each with its causes."""
    lines = ["", "What would change it:", "", text_table(_side_by_side(beside))]
    for outcome in beside.outcomes:
        lines += ["", _sentence(outcome), *(f"  {told}" for told in (*outcome.told, *outcome.change.notes))]
        lines += ["", text_table(causes_of(outcome.change))]
        movers = movers_of(outcome.change)
        lines += ["", text_table(movers)] if movers.height else []
    return lines


def _side_by_side(beside: "SideBySide") -> "pl.DataFrame":
    shown = beside.table().rename({"scenario": "what-if", "allowed_change": "more or less", "received_change": "of received"})
    return shown.select("what-if", "units", "allowed", "more or less", "percent", "received", "of received")


def _sentence(outcome: "Outcome") -> str:
    of = "allowed" if outcome.change.difference() else "received"
    return f"{outcome.scenario.name}: {outcome.change.sentence('the year', of)}"


def as_list(beside: "SideBySide") -> list[dict[str, Any]]:
    """The same for JSON: money in dollars."""
    totals = beside.table().to_dicts()[1:]
    return [
        {
            "name": outcome.scenario.name,
            "sentence": _sentence(outcome),
            "totals": {
                key: sums[key] for key in ("units", "allowed", "received", "allowed_change", "received_change", "percent")
            },
            "causes": causes_of(outcome.change).to_dicts(),
            "movers": movers_of(outcome.change).to_dicts(),
            "notes": [*outcome.told, *outcome.change.notes],
        }
        for outcome, sums in zip(beside.outcomes, totals, strict=True)
    ]


def sheets(beside: "SideBySide") -> "list[Sheet]":
    """The same as worksheets: side by side, then the causes of each."""
    from feecalc.export import Sheet

    each = [Sheet(o.scenario.name, causes_of(o.change), _sentence(o), (*o.told, *o.change.notes)) for o in beside.outcomes]
    return [Sheet("What-ifs", beside.table(), "What-ifs beside how things are"), *each]
