"""Buckets of a claims file: parted, priced and joined they are what `feecalc reprice` writes, byte for byte of every value."""

import json
import re
import shutil
from zlib import crc32

import polars as pl
import pytest
from click.testing import CliRunner
from ill_lines import ill_lines

from feecalc.claims import reprice
from feecalc.cli import cli
from feecalc.errors import InputError
from feecalc.scale.buckets import MOST_BUCKETS, ROW, Split, bucket_folder, bucket_of, split
from feecalc.scale.joined import join
from feecalc.scale.priced import price_bucket, priced_file


@pytest.fixture(scope="module")
def lines(opened):
    return ill_lines(opened.schedule)


def parted(source, folder, buckets, opened, target, order=1, batch=700_000, **options):
    """A claims file split, priced bucket by bucket in either order, and joined."""
    split(source, folder / "split", buckets, **options)
    for bucket in range(1, buckets + 1)[::order]:
        price_bucket(folder / "split", bucket, buckets, folder / "priced", opened, batch=batch)
    return join(folder / "split", folder / "priced", target)


@pytest.mark.parametrize(
    ("buckets", "source", "out", "options"),
    [
        (1, "claims.parquet", "out.parquet", {}),
        (2, "claims.csv", "out.parquet", {"order": -1}),
        (7, "claims.parquet", "out.csv", {"spill": 50, "batch": 50}),
        (5, "claims.csv", "out.xlsx", {}),
    ],
)
def test_any_number_of_buckets_gives_what_reprice_gives(opened, lines, tmp_path, buckets, source, out, options):
    path = tmp_path / source
    lines.write_csv(path) if source.endswith("csv") else lines.write_parquet(path)
    (tmp_path / "whole").mkdir()
    expected = reprice(path, tmp_path / "whole" / out, opened)
    found = parted(path, tmp_path, buckets, opened, tmp_path / out, **options)

    ending = out.split(".")[1]
    read = {"parquet": pl.read_parquet, "csv": lambda f: pl.read_csv(f, infer_schema=False), "xlsx": pl.read_excel}[ending]
    assert read(tmp_path / out).equals(read(tmp_path / "whole" / out))
    assert found.rejects.read_bytes() == expected.rejects.read_bytes()
    assert found.rejects.name == expected.rejects.name
    assert expected.rejected_lines > 5
    for said in ("lines", "outcomes", "allowed", "repairs", "rejected_lines", "duplicates", "notes"):
        assert getattr(found, said) == getattr(expected, said), said


def test_there_may_be_more_buckets_than_claims(opened, lines, tmp_path):
    few = lines.head(9)
    few.write_parquet(tmp_path / "claims.parquet")
    reprice(tmp_path / "claims.parquet", tmp_path / "whole.parquet", opened)
    parted(tmp_path / "claims.parquet", tmp_path, 15, opened, tmp_path / "out.parquet", spill=4)
    assert Split.of(tmp_path / "split").lines.count(0) >= 6
    assert pl.read_parquet(tmp_path / "out.parquet").equals(pl.read_parquet(tmp_path / "whole.parquet"))


def test_the_order_of_rows_changes_no_answer(opened, lines, tmp_path):
    """Each line is priced alike wherever it stands; lines without a number are told apart by their place, so all have one."""
    numbered = lines.with_columns(line=pl.int_range(pl.len()))
    answers = []
    for name, frame in (
        ("a", numbered),
        ("b", numbered.sample(fraction=1, shuffle=True, seed=4)),
        ("c", numbered.sort("hcpcs")),
    ):
        folder = tmp_path / name
        folder.mkdir()
        frame.write_parquet(folder / "claims.parquet")
        parted(folder / "claims.parquet", folder, 3 + len(answers), opened, folder / "out.parquet")
        answers.append(pl.read_parquet(folder / "out.parquet").sort("line"))
    assert answers[0].equals(answers[1])
    assert answers[0].equals(answers[2])


def test_claims_may_be_told_apart_by_other_columns(opened, lines, tmp_path):
    several = lines.with_columns(patient=pl.col("claim_id").str.slice(-1), npi=pl.col("hcpcs").str.slice(0, 1)).drop("claim_id")
    several.write_parquet(tmp_path / "claims.parquet")
    by = ["patient", "npi"]
    reprice(tmp_path / "claims.parquet", tmp_path / "whole.parquet", opened, group_by=by)
    parted(tmp_path / "claims.parquet", tmp_path, 4, opened, tmp_path / "out.parquet", group_by=by)
    assert pl.read_parquet(tmp_path / "out.parquet").equals(pl.read_parquet(tmp_path / "whole.parquet"))
    whole = pl.read_parquet(tmp_path / "out.parquet")["allowed"].sum()
    parted(tmp_path / "claims.parquet", tmp_path / "alone", 4, opened, tmp_path / "alone.parquet")
    assert pl.read_parquet(tmp_path / "alone.parquet")["allowed"].sum() > whole  # without the claims, no line reduces another


def test_a_line_without_claim_column_is_spread_by_its_row(opened, lines, tmp_path):
    lines.drop("claim_id").write_parquet(tmp_path / "claims.parquet")
    reprice(tmp_path / "claims.parquet", tmp_path / "whole.parquet", opened)
    parted(tmp_path / "claims.parquet", tmp_path, 4, opened, tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").equals(pl.read_parquet(tmp_path / "whole.parquet"))
    counts = Split.of(tmp_path / "split").lines
    assert max(counts) - min(counts) <= 1


def test_duplicates_are_told_with_the_rows_of_the_file(opened, tmp_path):
    rows = [{"claim_id": f"C{n}", "line": 1, "service_date": "2025-10-15", "hcpcs": "99213"} for n in (1, 2, 3, 1, 3)]
    pl.DataFrame(rows).write_csv(tmp_path / "claims.csv")
    expected = reprice(tmp_path / "claims.csv", tmp_path / "whole.csv", opened)
    found = parted(tmp_path / "claims.csv", tmp_path, 3, opened, tmp_path / "out.csv")
    assert expected.duplicate_rows == [(2, 5), (4, 6)]
    assert (found.duplicates, found.duplicate_rows) == (expected.duplicates, expected.duplicate_rows)


def test_a_claims_bucket_is_the_crc_of_its_text():
    """Other tools shall find the same bucket: CRC-32's check value is that of its standard."""
    assert crc32(b"123456789") == 0xCBF43926
    texts = pl.Series(["123456789", "123456789", None, "Ä"])
    found = bucket_of(texts, pl.Series([0, 1, 2, 3]), 97)
    assert found.to_list() == [0xCBF43926 % 97 + 1, 0xCBF43926 % 97 + 1, 2 % 97 + 1, crc32("Ä".encode()) % 97 + 1]
    numbers = bucket_of(pl.Series([123456789, 5]), pl.Series([0, 1]), 97)
    assert numbers.to_list() == [0xCBF43926 % 97 + 1, crc32(b"5") % 97 + 1]


def test_a_bucket_holds_whole_claims_and_the_numbers_of_their_rows(opened, lines, tmp_path):
    lines.write_csv(tmp_path / "claims.csv")
    made = split(tmp_path / "claims.csv", tmp_path / "split", 6)
    parts = [pl.concat(map(pl.read_parquet, sorted(bucket_folder(tmp_path / "split", n).iterdir()))) for n in range(1, 7)]
    assert [part.height for part in parts] == made.lines
    claims = [set(part["claim_id"].str.strip_chars().drop_nulls()) - {""} for part in parts]
    assert sum(map(len, claims)) == len(set().union(*claims)) > 100
    whole = pl.concat(parts).sort(ROW)
    assert whole[ROW].to_list() == list(range(2, lines.height + 2))  # row 1 is the header
    assert whole["note"].equals(lines["note"])
    assert made == Split.of(tmp_path / "split")
    assert made.ambiguous


@pytest.fixture(scope="module")
def priced(opened, lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("priced")
    lines.write_parquet(folder / "claims.parquet")
    split(folder / "claims.parquet", folder / "split", 4)
    for bucket in (1, 2, 3, 4):
        price_bucket(folder / "split", bucket, 4, folder / "priced", opened)
    return folder


@pytest.fixture
def copy(priced, tmp_path):
    return shutil.copytree(priced, tmp_path / "copy")


def refused(message, work, *arguments):
    with pytest.raises(InputError, match=re.escape(message)):
        work(*arguments)


def test_a_join_lists_the_buckets_that_are_missing(copy):
    for bucket in (1, 2, 4):
        priced_file(copy / "priced", bucket, "json").unlink()
    refused("3 of 4 buckets are not priced in", join, copy / "split", copy / "priced", copy / "out.csv")
    refused(": 1-2, 4.", join, copy / "split", copy / "priced", copy / "out.csv")
    assert not (copy / "out.csv").exists()


@pytest.mark.parametrize(("key", "message"), [("split", "Buckets of another split lie in"), ("schedule", "other releases")])
def test_a_join_refuses_buckets_that_do_not_belong_together(copy, key, message):
    report = priced_file(copy / "priced", 3, "json")
    report.write_text(json.dumps(json.loads(report.read_text()) | {key: "other"}))
    with pytest.raises(InputError, match=f"{message}.*: 3\\."):
        join(copy / "split", copy / "priced", copy / "out.csv")


def test_a_join_refuses_priced_buckets_that_lost_lines(copy):
    file = priced_file(copy / "priced", 2, "parquet")
    pl.read_parquet(file).tail(-1).write_parquet(file)
    refused("the priced buckets hold", join, copy / "split", copy / "priced", copy / "out.csv")


def test_a_bucket_that_lost_lines_is_not_priced(opened, copy):
    part = next(bucket_folder(copy / "split", 2).iterdir())
    pl.read_parquet(part).tail(-1).write_parquet(part)
    refused("Its files are not complete", price_bucket, copy / "split", 2, 4, copy / "priced", opened)


def test_what_is_no_split_folder_or_bucket_is_said(opened, copy):
    refused("has the buckets 1/4 to 4/4, not 2/5", price_bucket, copy / "split", 2, 5, copy / "priced", opened)
    refused("has the buckets 1/4 to 4/4, not 5/4", price_bucket, copy / "split", 5, 4, copy / "priced", opened)
    refused("is no folder of buckets", price_bucket, copy / "priced", 1, 4, copy / "priced", opened)
    (copy / "split" / "split.json").write_text("{")
    refused("is damaged", Split.of, copy / "split")


def test_a_split_that_cannot_be_leaves_nothing(copy):
    refused("Name a new folder", split, copy / "claims.parquet", copy / "split", 2)
    refused(f"from 1 to {MOST_BUCKETS:,}", split, copy / "claims.parquet", copy / "new", MOST_BUCKETS + 1)
    pl.DataFrame({"hcpcs": ["99213"], ROW: [1]}).write_csv(copy / "clash.csv")
    refused("Rename these columns", split, copy / "clash.csv", copy / "new", 2)
    (copy / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    refused("damaged", split, copy / "broken.parquet", copy / "new", 2)
    assert not (copy / "new").exists()
    assert not list(copy.glob(".new*"))


def test_a_priced_bucket_is_replaced(opened, copy):
    before = pl.read_parquet(priced_file(copy / "priced", 1, "parquet"))
    priced_file(copy / "priced", 1, "parquet").write_bytes(b"half")
    price_bucket(copy / "split", 1, 4, copy / "priced", opened)
    assert pl.read_parquet(priced_file(copy / "priced", 1, "parquet")).equals(before)


def test_the_commands(opened, lines, tmp_path):
    lines.write_csv(tmp_path / "claims.csv")

    def run(*arguments):
        return CliRunner().invoke(cli, ["scale", *map(str, arguments)])

    done = run("split", tmp_path / "claims.csv", "--into", tmp_path / "split", "--buckets", 2)
    assert done.exit_code == 0, done.output
    assert f"{lines.height:,} lines in 2 buckets" in done.stderr
    assert run("price", tmp_path / "split", "--bucket", "2of2", "--out", tmp_path / "priced").exit_code == 2
    for bucket in ("1/2", "2/2"):
        done = run("price", tmp_path / "split", "--bucket", bucket, "--out", tmp_path / "priced")
        assert done.exit_code == 0, done.output
        assert f"Bucket {bucket}: " in done.stderr
    done = run("join", tmp_path / "split", "--priced", tmp_path / "priced", "--out", tmp_path / "out.csv")
    expected = reprice(tmp_path / "claims.csv", tmp_path / "whole.csv", opened)
    assert done.exit_code == 1  # some values could not be read
    assert expected.text().splitlines()[0] in done.stderr
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "out.rejects.csv").read_bytes() == (tmp_path / "whole.rejects.csv").read_bytes()
