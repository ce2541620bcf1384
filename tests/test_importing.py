"""Adding releases: atomically, deterministically, and with the user's own outranking the built-in ones."""

import errno
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from feecalc import paths
from feecalc.analysis import postings
from feecalc.api import OpenSchedule
from feecalc.cms import catalogue
from feecalc.errors import FeecalcError, RejectedError
from feecalc.importing import build, import_file
from feecalc.schedule import MANIFEST, Schedule

ONE = "rvu24ar.zip"


def files_below(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_built_in_schedule_is_what_the_zips_give_byte_for_byte(cms_dir, tmp_path):
    zips = [cms_dir / name for name in ("rvu20d.zip", "rvu25c.zip", "rvu26a-partial.zip", "rvu26c.zip")]
    zips.append(cms_dir / "zip-code-carrier-locality-2026-01.zip")
    build(list(reversed(zips)), tmp_path / "again")
    fresh = files_below(tmp_path / "again")
    assert len(fresh) > 15
    committed = files_below(paths.builtin())
    for name, content in fresh.items():
        assert committed[name] == content, name


def test_every_cap_price_of_every_release_is_the_engines_but_for_the_known_ones(opened):
    known = catalogue.cap_prices()
    found = {}
    for name in opened.schedule.priceable():
        checks = opened.schedule.releases[name].manifest["checks"]
        if "opps_cap_prices" in checks:
            prices = checks["opps_cap_prices"]
            assert prices["compared"] > 30_000, name
            if prices["compared"] != prices["exact"]:
                found[name] = prices["compared"] - prices["exact"]
    assert found == {name: one.different for name, one in known.items()}


def test_an_import_serves_with_its_descriptors_and_outranks_the_built_in(cms_dir, home):
    done = import_file(cms_dir / ONE)
    assert (done.name, done.folder.parent.parent.parent) == ("2024AR", home)
    opened = OpenSchedule()
    release = opened.schedule.release("2024AR")
    assert release.origin == "yours"
    assert release.has("descriptions")
    assert len(opened.descriptions("2024AR")) > 10_000
    assert opened.price("99213", release="2024AR").allowed == OpenSchedule().price("99213", date="2024-03-15").allowed
    assert not any(r.has("descriptions") for r in opened.schedule.releases.values() if r.origin == "built-in")


def test_the_same_file_again_changes_nothing(cms_dir, home):
    import_file(cms_dir / ONE)
    before = files_below(home)
    assert "already" in import_file(cms_dir / ONE).notes[-1]
    assert files_below(home) == before


def test_a_disk_that_fills_leaves_the_old_release_serving(cms_dir, home, monkeypatch):
    real = Path.write_bytes
    calls = []

    def fills(self, content):
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return real(self, content)

    monkeypatch.setattr(Path, "write_bytes", fills)
    with pytest.raises(OSError, match="No space"):
        import_file(cms_dir / ONE)
    assert files_below(home) == {}
    assert OpenSchedule().schedule.release("2024AR").origin == "built-in"


def test_a_really_full_disk_on_the_command_line(cms_dir, tmp_path):
    """A file size limit of the process stands in for the full disk: writes beyond it fail as they would there."""
    resource = pytest.importorskip("resource")
    home = tmp_path / "home"

    def limited():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-m", "feecalc", "import", str(cms_dir / ONE)],
        capture_output=True, text=True, preexec_fn=limited, env={**__import__("os").environ, "FEECALC_HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert files_below(home) == {}


def broken_copy(cms_dir, tmp_path, change, name="rvu25a.zip"):
    """A copy of 2025A, csv only, with its PPRRVU text changed."""
    target = tmp_path / name
    with zipfile.ZipFile(cms_dir / "rvu25a.zip") as source, zipfile.ZipFile(target, "w") as copy:
        for member in source.namelist():
            if member.endswith(".csv"):
                content = source.read(member)
                if "PPRRVU" in member:
                    content = change(content.decode("latin-1")).encode("latin-1")
                copy.writestr(member, content)
    return target


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.replace("HCPCS,MOD,DESCRIPTION", "HCPCS,MODIFIERS,DESCRIPTION"), "pprrvu.toml"),
        (lambda t: t + t.splitlines()[-2] + "\r\n", "row"),
        (lambda t: t.replace(",1.30,1.35,", ",1.3O,1.35,", 1), "1.3O"),
        (lambda t: t.replace(",32.3465,", ",32.3466,"), "32.3465"),
        (lambda t: t.replace(",32.3465,", ",32.3466,", 1), "32.346"),
    ],
    ids=["renamed column", "duplicate key", "letter in an RVU", "another factor", "two factors"],
)
def test_a_file_that_fails_its_checks_changes_nothing(cms_dir, home, tmp_path, change, says):
    with pytest.raises(FeecalcError, match=says):
        import_file(broken_copy(cms_dir, tmp_path, change))
    assert files_below(home) == {}
    assert OpenSchedule().schedule.release("2025A").origin == "built-in"


def test_a_release_posted_again_says_what_it_changes_and_keeps_it(cms_dir, home, tmp_path):
    posted_again = broken_copy(cms_dir, tmp_path, lambda t: t.replace("99213,,", "99213,,posted again ", 1))
    served = Schedule.open()
    same = import_file(posted_again)
    told = postings.of_import(served, same.name, same.folder)
    assert told.rows.is_empty()  # another description is no other figure
    assert not (same.folder / postings.FILE).exists()
    assert Schedule.open().release("2025A").manifest["replaces"] == {
        "folder": "2025A", "origin": "built-in", "differences": 0,
    }  # fmt: skip
    assert postings.of_import(Schedule.open(), same.name, same.folder) is None

    def cheaper(text):
        row = next(line for line in text.splitlines() if line.startswith("G0008,"))
        cells = row.split(",")
        assert cells[3] == "X", row
        return text.replace(row, ",".join([*cells[:3], "N", *cells[4:]]))

    served = Schedule.open()
    done = import_file(broken_copy(cms_dir, tmp_path, cheaper))
    found = postings.of_import(served, done.name, done.folder)
    assert [str(change) for change in found.changes if change.changed] == [
        "pprrvu: 18,865 -> 18,865 rows; 0 new, 0 gone, 1 changed"
    ]
    assert (done.folder / postings.FILE).read_text().splitlines() == [
        "table,row,what,column,before,after", "pprrvu,G0008,changed,status,X,N",
    ]  # fmt: skip
    assert found.said[-1] == "pprrvu G0008: status X -> N"


def test_every_bad_row_is_reported(cms_dir, home, tmp_path):
    with pytest.raises(RejectedError) as caught:
        import_file(broken_copy(cms_dir, tmp_path, lambda t: t.replace(",1.30,", ",1.3O,")))
    assert len(caught.value.problems) > 20
    assert all(p.row and p.column for p in caught.value.problems)
    assert "more" in str(caught.value)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html><body>License</body></html>", b"PK\x03\x04 and then nothing", b""])
def test_what_is_no_zip(home, tmp_path, content):
    file = tmp_path / "rvu26d.zip"
    file.write_bytes(content)
    done = subprocess.run([sys.executable, "-m", "feecalc", "import", str(file)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "rvu26d.zip" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_truncated_zip(cms_dir, home, tmp_path):
    file = tmp_path / "rvu25d.zip"
    file.write_bytes((cms_dir / "rvu25d.zip").read_bytes()[:1_000_000])
    with pytest.raises(FeecalcError, match=r"rvu25d\.zip"):
        import_file(file)
    assert files_below(home) == {}


def test_a_zip_file_of_localities_is_added(cms_dir, home):
    done = import_file(cms_dir / "zip-code-carrier-locality-2026-01.zip")
    assert done.name == "2026-01-01"
    manifest = json.loads((done.folder / MANIFEST).read_text())
    assert manifest["tables"]["zip5"]["rows"] == 42_956


def test_a_payment_file_is_not_a_release(cms_dir, home, tmp_path):
    file = tmp_path / "pfrev.txt"
    shutil.copy(cms_dir / "payment" / "PFREV25C.txt", file)
    with pytest.raises(FeecalcError, match="payment"):
        import_file(file)
