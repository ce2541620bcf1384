"""A priced visit as one printable page: plain HTML that needs no network and holds what the answer rests on."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

from feecalc.pricing.explain import Fall
from feecalc.quote import Quote
from feecalc.ui import words
from feecalc.visit import Priced

# The page is its own document, so its few rules of style are no concern of Streamlit's.
STYLE = """
@page { margin: 11mm }
body { font: 9pt/1.25 system-ui, sans-serif; max-width: 190mm; margin: 0 auto }
body { color: #0b1018; background: #fff }
h1 { font-size: 13pt; margin: 0 0 1mm } h2 { font-size: 10.5pt; margin: 3mm 0 0.5mm }
p, ul { margin: 1mm 0 } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: 0.6mm 2mm; border-bottom: 0.2mm solid #c9d3df; vertical-align: top }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } .m { color: #4a5563 }
tr.t td { font-weight: bold } code { font-size: 9pt } footer, .s { font-size: 7.5pt; color: #4a5563 } footer { margin-top: 3mm }
"""


def html(
    priced: Priced,
    headline: str,
    shares: str,
    labels: dict[str, str],
    told: Sequence[str],
    notes: Sequence[tuple[str, str]],
    foot: Sequence[str],
) -> str:
    """The page. `told` are warnings and findings as sentences, `notes` what the answer rests on, `foot` the notices."""
    parts = [
        f"<h1>{escape(headline)}</h1>",
        f"<p>{escape(shares)}</p>",
        "<h2>Lines</h2>",
        _table(("Line", "Allowed", "Received"), (_line(n, q, labels) for n, q in enumerate(priced.day.quotes, 1)), (1, 2)),
        "<h2>From list price to received</h2>",
        _table(("Step", "Dollars"), (_fall(fall) for fall in priced.day.waterfall)),
        _list("Units", [f"{name}: {r.sentence}" for name, made in priced.units.items() for r in made.reasons if not r.hcpcs]),
        _list("To look at", told),
        "<h2>Where this comes from</h2>",
        f"<p class=s>{' '.join(f'<b>{escape(name)}:</b> {_stopped(escape(text))}' for name, text in notes)}</p>",
        f"<footer>{''.join(f'<p>{escape(text)}</p>' for text in foot)}</footer>",
    ]
    title = f"Visit of {words.day(priced.visit.date)}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _line(number: int, quote: Quote, labels: dict[str, str]) -> tuple[bool, list[str]]:
    code = "-".join((quote.hcpcs, *quote.modifiers))
    priced = quote.reason is None and quote.allowed is not None and quote.received is not None
    allowed = words.money(quote.allowed or Decimal(0)) if priced else words.OUTCOMES[quote.outcome]
    received = words.money(quote.received or Decimal(0)) if priced else ""
    said = " · ".join(filter(None, (words.units(quote.units), labels.get(quote.hcpcs))))
    below = words.less(quote) or quote.sentence
    below = f'<br><span class="m">{escape(below)}</span>' if below else ""
    return False, [f"{number}. <code>{escape(code)}</code> {escape(said)}{below}", escape(allowed), escape(received)]


def _fall(fall: Fall) -> tuple[bool, list[str]]:
    return fall.is_total, [escape(f"{fall.label}{words.usually(fall)}"), escape(words.change(fall))]


def _table(head: Sequence[str], rows: Iterable[tuple[bool, Sequence[str]]], numbers: Sequence[int] = (-1,)) -> str:
    """A table; `numbers` are the columns of figures. A row is whether it is a total, and its cells as HTML."""
    right = {n % len(head) for n in numbers}

    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(f"<{tag}{' class=n' if n in right else ''}>{text}</{tag}>" for n, text in enumerate(texts))

    body = "".join(f"<tr{' class=t' if total else ''}>{cells('td', row)}</tr>" for total, row in rows)
    return f"<table><thead><tr>{cells('th', [escape(text) for text in head])}</tr></thead><tbody>{body}</tbody></table>"


def _list(title: str, said: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in said)
    return f"<h2>{escape(title)}</h2><ul>{items}</ul>" if items else ""


def _stopped(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
