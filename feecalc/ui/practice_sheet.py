"""A practice's answer as one printable page: plain HTML that needs no network and holds what the answer rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from feecalc.ui.sheet import STYLE

# Two tables beside each other, so that a year fits a page. The words of a row take what its figures leave, and no more.
BESIDE = (
    " .p { columns: 2; column-gap: 6mm } .p table { font-size: 8pt } .p th, .p td { padding: 0.6mm 1mm }"
    " section { break-inside: avoid }"
    " .p td:first-child { width: 100%; max-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }"
)


@dataclass(frozen=True)
class Part:
    """A table of the page: its title, its head, its rows; all columns but the first are figures."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    more: str = ""


def html(
    title: str,
    headline: str,
    told: Sequence[str],
    parts: Sequence[Part],
    rests: Sequence[str],
    foot: Sequence[str],
    *,
    beside: bool = True,
) -> bytes:
    """The page: the sentence, what to know of it, the tables (two `beside` each other), what it rests on, the notices."""
    body = [
        f"<h1>{escape(headline)}</h1>",
        *(f"<p>{escape(text)}</p>" for text in told),
        f"<div{' class=p' if beside else ''}>{''.join(_part(part) for part in parts)}</div>",
        "<h2>What this rests on</h2>",
        f"<p class=s>{escape(' '.join(rests))}</p>",
        f"<footer>{''.join(f'<p>{escape(text)}</p>' for text in foot)}</footer>",
    ]
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}{BESIDE}</style></head><body>{''.join(body)}</body></html>\n"
    )
    return page.encode("utf-8")


def _part(part: Part) -> str:
    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(f"<{tag}{' class=n' if n else ''}>{escape(text)}</{tag}>" for n, text in enumerate(texts))

    rows = "".join(f"<tr>{cells('td', row)}</tr>" for row in part.rows)
    more = f"<p class=s>{escape(part.more)}</p>" if part.more else ""
    head = f"<tr>{cells('th', part.head)}</tr>"
    return f"<section><h2>{escape(part.title)}</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table>{more}</section>"
