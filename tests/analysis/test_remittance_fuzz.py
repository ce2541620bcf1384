"""Damaged 835 files: nothing breaks, and what the damage has not touched is read as before.

Twenty thousand small files are damaged by a seed and read a few thousand at a time, as a folder of them is. FEECALC_FUZZ sets
another number, FEECALC_FUZZ_SEED another seed.
"""

import os
import random
from typing import NamedTuple

import polars as pl
import pytest
import x12_writer as x12
from x12_writer import ProviderAdjustment, Signs, Writer

from feecalc.analysis.remittance import Remittance, read
from feecalc.errors import InputError

FILES = int(os.environ.get("FEECALC_FUZZ", "20000"))
SEED = int(os.environ.get("FEECALC_FUZZ_SEED", "835"))
BATCH = 2_500
ROUNDS = max(FILES // (4 * BATCH), 1)

STYLES = (Signs(), Signs(line_end=""), Signs("|", ">", "!", "'", "\r\n"), Signs(terminator="\n", line_end=""))


class Span(NamedTuple):
    """Where a claim lies, the terminator before it included, and where the segment ends that follows it."""

    claim_id: str
    begin: int
    end: int
    next_end: int


class Base(NamedTuple):
    """A file before it is damaged, and where each of its claims lies."""

    content: bytes
    spans: tuple[Span, ...]


class Damage(NamedTuple):
    """A damaged file, from where to where the original is touched, and whether something was put in."""

    content: bytes
    low: int
    high: int
    puts_in: bool

    def spares(self, span: Span) -> bool:
        """Whether a claim has to be read as before.

        Segments that are put in right behind it, with what follows damaged too, are nobody's but its own.
        """
        return self.high <= span.begin or self.low >= (span.next_end if self.puts_in else span.end)


def base(number: int) -> Base:
    signs = STYLES[number % len(STYLES)]
    writer = Writer(number)
    held = (ProviderAdjustment("WO", "CLAIM1", 100),) if number % 3 else ()
    payments = [writer.payment(2 + n, provider_adjustments=held, check=f"EFT{number}{n}") for n in range(1 + number % 2)]
    content = x12.write(payments, signs).encode()
    end = (signs.terminator + signs.line_end).encode()
    spans = []
    for payment in payments:
        for claim in payment.claims:
            begin = content.index(end + f"CLP{signs.element}{claim.claim_id}{signs.element}".encode())
            after = min(
                at
                for at in (
                    content.find(end + word.encode() + signs.element.encode(), begin + 1) for word in ("CLP", "PLB", "SE")
                )
                if at > 0
            )
            spans.append(Span(claim.claim_id, begin, after + len(end), content.index(end, after + len(end))))
    return Base(content, tuple(spans))


def damaged(content: bytes, rng: random.Random) -> Damage:
    """The content with one damage to three of them near each other."""
    at = rng.randrange(len(content))
    edits: list[tuple[int, int, bytes]] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = min(max(at + rng.randrange(-30, 31), 0), len(content) - 1)
        kind = rng.random()
        if kind < 0.4:
            edit = (at, at + 1, bytes([content[at] ^ (1 << rng.randrange(8))]))
        elif kind < 0.55:
            edit = (at, at + 1, bytes([rng.randrange(256)]))
        elif kind < 0.75:
            edit = (at, min(at + rng.randrange(1, 31), len(content)), b"")
        elif kind < 0.9:
            begin = rng.randrange(len(content))
            edit = (at, at, content[begin : begin + rng.randrange(1, 120)])
        elif kind < 0.95:
            edit = (at, at, rng.randbytes(rng.randrange(1, 9)))
        else:
            edit = (at, len(content), b"")
        if all(edit[1] <= begin or edit[0] >= end for begin, end, _ in edits):
            edits.append(edit)
    made = content
    for begin, end, put in sorted(edits, reverse=True):
        made = made[:begin] + put + made[end:]
    puts_in = any(begin == end for begin, end, _ in edits)
    return Damage(made, min(edit[0] for edit in edits), max(edit[1] for edit in edits), puts_in)


# What the header does not decide of a claim and its lines.
OF_CLAIM = (
    "status", "charge", "paid", "patient_responsibility", "filing", "payer_claim", "pos", "frequency", "date_from", "date_to",
    "received_date", "rendering_npi", "crossover", "remarks", "balanced",
)  # fmt: skip


def fingerprints(found: Remittance) -> pl.DataFrame:
    """Each claim with everything that it and its lines and adjustments say, as one number: file, claim_id, print."""
    lines = found.lines.select("claim", line_print=pl.struct(pl.all().exclude("claim", "segment")).hash())
    lines = lines.group_by("claim", maintain_order=True).agg("line_print")
    reasons = found.adjustments.select("claim", reason_print=pl.struct(pl.all().exclude("claim", "segment")).hash())
    reasons = reasons.group_by("claim", maintain_order=True).agg("reason_print")
    claims = found.claims.join(lines, on="claim", how="left").join(reasons, on="claim", how="left")
    return claims.select("file", "claim_id", print=pl.struct(*OF_CLAIM, "line_print", "reason_print").hash())


@pytest.fixture(scope="module")
def bases() -> list[Base]:
    return [base(number) for number in range(60)]


@pytest.fixture(scope="module")
def whole(bases: list[Base]) -> dict[tuple[str, str], int]:
    """What each claim says where nothing is damaged."""
    found = read([one.content for one in bases], [str(n) for n in range(len(bases))])
    assert found.problems.is_empty()
    rows = {(file, claim): number for file, claim, number in fingerprints(found).iter_rows()}
    assert len(rows) == sum(len(one.spans) for one in bases)
    return rows


@pytest.mark.parametrize("part", range(4))
def test_damage_stays_where_it_is(part, bases, whole):
    rng = random.Random(SEED + part)
    checked = 0
    for _ in range(ROUNDS):
        contents, expected = [], []
        for number in range(BATCH):
            which = rng.randrange(len(bases))
            damage = damaged(bases[which].content, rng)
            contents.append(damage.content)
            expected += [
                (str(number), span.claim_id, whole[str(which), span.claim_id])
                for span in bases[which].spans
                if damage.spares(span)
            ]
        found = read(contents, [str(n) for n in range(BATCH)])
        schema = {"file": pl.String, "claim_id": pl.String, "print": pl.UInt64}
        untouched = pl.DataFrame(expected, schema=schema, orient="row")
        lost = untouched.join(fingerprints(found), on=["file", "claim_id", "print"], how="anti")
        assert lost.is_empty(), [(row, contents[int(row[0])]) for row in lost.head(3).iter_rows()]
        checked += untouched.height
        assert_all_told(found, contents)
    assert checked > ROUNDS * BATCH


def assert_all_told(found: Remittance, contents: list[bytes]) -> None:
    """Every file has claims, or says that it has none; every claim that does not balance says so."""
    silent = set(map(str, range(len(contents)))) - set(found.claims["file"]) - set(found.problems["file"])
    assert not silent
    off = found.claims.filter(~pl.col("balanced")).select("claim")
    assert set(off["claim"]) <= set(found.problems["claim"].drop_nulls())


def why_refused(content: bytes, name: str) -> str | None:
    """What the reader says of a file that it cannot read; None where it reads it."""
    try:
        read(content, name)
    except InputError as error:
        return str(error)
    return None


def test_files_read_together_are_read_as_alone(bases):
    rng = random.Random(SEED)
    contents = [damaged(rng.choice(bases).content, rng).content for _ in range(40)]
    names = [str(n) for n in range(len(contents))]
    together = read(contents, names)
    # That a payment was read before is told of all files together.
    problems = together.problems.filter(~pl.col("what").str.contains("was read before"))
    read_alone = 0
    for name, content in zip(names, contents, strict=True):
        if why := why_refused(content, name):
            assert why in problems.filter(file=name)["what"].to_list()
            continue
        alone = read(content, name)
        assert fingerprints(alone).equals(fingerprints(together).filter(file=name))
        said = ("segment", "severity", "what")
        assert alone.problems.select(said).equals(problems.filter(file=name).select(said))
        assert alone.payments.drop("payment").equals(together.payments.filter(file=name).drop("payment"))
        read_alone += 1
    assert read_alone > 30


def test_pieces_of_nothing_in_particular():
    rng = random.Random(SEED)
    words = "ISA GS ST*835 BPR CLP SVC CAS NM1*QC PLB SE GE IEA LX \x1b".split(" ")
    pieces = [word.encode() for word in words] + 2 * [bytes([sign]) for sign in b"*:~\n\x1d\x1e\x1f 1-.\xff"]
    contents = [b"".join(rng.choices(pieces, k=rng.randrange(1, 400))) for _ in range(500)]
    found = read([*contents, base(0).content], [str(n) for n in range(501)])
    assert "500" in set(found.claims["file"])
    refused = [why for content in contents[:20] if (why := why_refused(content, "piece"))]
    assert refused
    assert all("piece" in why for why in refused)
