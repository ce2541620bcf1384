"""Whether the figures of a remittance add up, line by line and claim by claim.

    line     charge - adjustments of the line = paid
    claim    charge - adjustments of the claim and of its lines = paid
    lines    the charges of a claim's lines = its charge; what they are paid - adjustments of the claim = what it is paid

A claim without service lines has only the second. Whether claims add up to the payment is checked where the transaction ends.
"""

import polars as pl

from feecalc.analysis.remittance.keys import any_null, sums
from feecalc.analysis.remittance.told import ASK, Told, dollars


def checked(
    claims: pl.DataFrame, lines: pl.DataFrame, adjustments: pl.DataFrame, told: Told
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Claims and lines with `balanced`; what does not add up is told at its segment.

    Where a figure cannot be read, nothing balances; that was told when it was read.
    """
    at_line = adjustments["line"].is_not_null()
    of_line, of_claim = adjustments.filter(at_line), adjustments.filter(~at_line)
    line, count = of_line["line"], lines.height
    figures = lines.select("claim", "line", "segment", "charge", "paid").with_columns(
        less=sums(line, of_line["amount"], count), unread=any_null(line, of_line["amount"], count)
    )
    figures = figures.with_columns(made=pl.col("charge") - pl.col("less"))
    figures = figures.with_columns(off=(pl.col("made") != pl.col("paid")) & ~pl.col("unread"))
    balanced_lines = figures.select(balanced=~pl.col("off").fill_null(value=True) & ~pl.col("unread"))
    _tell_lines(figures, claims, told)

    claim, count = adjustments["claim"], claims.height
    of_lines = lines["claim"]
    with_lines = sums(of_lines, of_lines * 0 + 1, count) > 0
    figures = claims.select("claim", "file", "segment", "charge", "paid").with_columns(
        less=sums(claim, adjustments["amount"], count),
        own=sums(of_claim["claim"], of_claim["amount"], count),
        charges=sums(of_lines, lines["charge"], count),
        payments=sums(of_lines, lines["paid"], count),
        unread=any_null(claim, adjustments["amount"], count),
        unread_charges=any_null(of_lines, lines["charge"], count),
        unread_payments=any_null(of_lines, lines["paid"], count),
    )
    figures = figures.with_columns(made=pl.col("charge") - pl.col("less"), left=pl.col("payments") - pl.col("own"))
    figures = figures.with_columns(
        off=(pl.col("made") != pl.col("paid")) & ~pl.col("unread"),
        off_charges=with_lines & (pl.col("charges") != pl.col("charge")) & ~pl.col("unread_charges"),
        off_payments=with_lines & (pl.col("left") != pl.col("paid")) & ~pl.col("unread_payments") & ~pl.col("unread"),
    )
    _tell_claims(figures, told)
    off = pl.any_horizontal(pl.col("off", "off_charges", "off_payments").fill_null(value=True))
    unread = pl.any_horizontal("unread", "unread_charges", "unread_payments")
    balanced_claims = figures.select(balanced=~off & ~unread)
    return claims.hstack(balanced_claims), lines.hstack(balanced_lines)


def _tell_lines(figures: pl.DataFrame, claims: pl.DataFrame, told: Told) -> None:
    off = figures.filter("off")
    if off.is_empty():
        return
    told.tell_all(
        off.with_columns(claims["file"].gather(off["claim"])),
        "error",
        pl.format(
            "The line does not balance: a charge of {} less adjustments of {} makes {}, but SVC03 is {}.",
            *(dollars(pl.col(name)) for name in ("charge", "less", "made", "paid")),
        ),
        ASK,
    )


def _tell_claims(figures: pl.DataFrame, told: Told) -> None:
    sentences = (
        ("off", "The claim does not balance: a charge of {} less adjustments of {} makes {}, but CLP04 is {}.",
         ("charge", "less", "made", "paid")),
        ("off_charges", "The charges of the lines make {}, but CLP03 is {}.", ("charges", "charge")),
        ("off_payments", "The payments of the lines make {}, less adjustments of the claim of {} {}, but CLP04 is {}.",
         ("payments", "own", "left", "paid")),
    )  # fmt: skip
    for which, sentence, names in sentences:
        found = figures.filter(which)
        if found.height:
            told.tell_all(found, "error", pl.format(sentence, *(dollars(pl.col(name)) for name in names)), ASK)
