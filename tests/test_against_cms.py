"""feecalc against CMS's own printed amounts, on CMS's own files."""

from fractions import Fraction
from math import floor
from pathlib import Path

import polars as pl
import pytest

from feecalc.analysis.verify import verify
from feecalc.cms.normalize import read_release
from feecalc.errors import ArchiveError, NotLoadedError, RejectedError
from feecalc.pricing import fee


@pytest.mark.parametrize(
    ("file", "release", "rows", "amounts"),
    [("PFREV25C.txt", "2025C", 109, 436), ("PFREV25D.txt", "2025D", 763, 3052)],
)
def test_payment_amount_files_agree_to_the_cent(opened, cms_dir, file, release, rows, amounts):
    result = verify(opened, cms_dir / "payment" / file, release)
    assert (result.rows_compared, result.amounts_compared, result.not_in_release) == (rows, amounts, 0)
    assert (result.exact, result.different) == (amounts, 0)
    assert result.agrees


@pytest.fixture(scope="module")
def release_2025d(cms_dir):
    return read_release([cms_dir / "rvu25d.zip"])


def caps_beside_engine(release) -> pl.DataFrame:
    """CMS's cap prices beside the engine's cap and fee, in cents."""
    amounts = fee.amounts(pl.lit(release.conversion_factor, dtype=pl.Int64), cap_work="cap_work")
    gpci = release.gpci.lazy().select(
        "mac", "locality", *(pl.col(part).cast(pl.Int64).alias(f"gpci_{part}") for part in ("work", "pe", "mp"))
    )
    rows = fee.with_cap_work(release.pprrvu.lazy().with_columns(release=pl.lit("")))
    cms = release.opps_cap.lazy().rename({"nonfacility": "cms_nonfacility", "facility": "cms_facility", "status": "cms_status"})
    return (
        cms.join(rows, on=["hcpcs", "modifier"], how="left")
        .join(gpci, on=["mac", "locality"], how="left")
        .select("cms_status", "cms_nonfacility", "cms_facility", **amounts)
        .collect()
    )


def test_every_opps_cap_price_of_2025d_is_the_engines_cap_and_below_its_fee(release_2025d):
    beside = caps_beside_engine(release_2025d)
    active = beside.filter(pl.col("cms_status") == "A")
    assert active.height == 6_322
    for setting in ("nonfacility", "facility"):
        assert (active[f"cms_{setting}"] == active[f"opps_{setting}"]).all()
        assert (active[f"opps_{setting}"] < active[setting]).all()
    by_contractor = beside.filter(pl.col("cms_status") == "C")
    assert by_contractor.height == 8_938
    assert (by_contractor["cms_nonfacility"] == by_contractor["opps_nonfacility"]).all()


def test_anesthesia_factors_of_2025_come_out_of_the_gpcis(release_2025d):
    """National factor and shares as CMS printed them for 2025: work 0.769, PE 0.166, MP 0.065 of 20.3178."""
    joined = release_2025d.anesthesia.join(release_2025d.gpci, on=["mac", "locality"], how="left")
    shares = {"work": Fraction("0.769"), "pe": Fraction("0.166"), "mp": Fraction("0.065")}
    exact = 0
    for row in joined.iter_rows(named=True):
        adjusted = sum(share * Fraction(row[part], 1000) for part, share in shares.items())
        exact += floor(Fraction("20.3178") * adjusted * 100 + Fraction(1, 2)) == row["factor"]
    assert (exact, joined.height) == (109, 109)


def doctored(cms_dir: Path, tmp_path: Path, change) -> Path:
    lines = (cms_dir / "payment" / "PFREV25C.txt").read_text(encoding="latin-1").splitlines()
    file = tmp_path / "PFREV25C.txt"
    file.write_text("\r\n".join(change(lines)) + "\r\n", encoding="latin-1")
    return file


def test_one_wrong_cent_is_found(opened, cms_dir, tmp_path):
    file = doctored(cms_dir, tmp_path, lambda lines: [lines[0].replace("1339.81", "1339.82", 1), *lines[1:]])
    result = verify(opened, file, "2025C")
    assert not result.agrees
    assert result.different == 1
    found = result.differences.row(0, named=True)
    assert (found["row"], found["hcpcs"], found["amount"]) == (1, "76145", "nonfacility")
    assert (str(found["cms"]), str(found["feecalc"])) == ("1339.82", "1339.81")


def test_a_wrong_opps_or_therapy_amount_is_found(opened, cms_dir, tmp_path):
    def cap(lines):
        return [lines[0].replace('"9","0000000.00"', '"1","0000001.00"', 1), *lines[1:]]

    assert verify(opened, doctored(cms_dir, tmp_path, cap), "2025C").different == 1
    therapy = (
        '"2025","10112","00","97110","  ","0000026.83","0000026.83"," ","7","A","5",'
        '"0000020.79","{}","9","0000000.00","0000000.00"'
    )
    right = doctored(cms_dir, tmp_path, lambda lines: [therapy.format("0000020.79")])
    assert verify(opened, right, "2025D").amounts_compared == 6
    assert verify(opened, right, "2025D").agrees
    wrong = doctored(cms_dir, tmp_path, lambda lines: [therapy.format("0000020.80")])
    assert verify(opened, wrong, "2025D").different == 1


def test_rows_that_the_release_does_not_have_are_counted_and_alone_prove_nothing(opened, cms_dir, tmp_path):
    unknown = doctored(cms_dir, tmp_path, lambda lines: [line.replace('"76145"', '"7614X"') for line in lines])
    result = verify(opened, unknown, "2025C")
    assert (result.rows_compared, result.not_in_release, result.agrees) == (0, 109, False)
    empty = doctored(cms_dir, tmp_path, lambda lines: [line for line in lines if "TRL-" in line])
    with pytest.raises((ArchiveError, RejectedError)):
        verify(opened, empty, "2025C")


def test_the_release_defaults_to_the_newest_of_the_files_year(opened, cms_dir):
    assert verify(opened, cms_dir / "payment" / "PFREV25D.txt").release == "2025D"


def test_a_file_of_a_year_without_a_release(opened, cms_dir, tmp_path):
    file = doctored(cms_dir, tmp_path, lambda lines: [line.replace('"2025"', '"2019"') for line in lines])
    with pytest.raises(NotLoadedError, match="2019"):
        verify(opened, file)
