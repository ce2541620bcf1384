"""The store: which release serves a date, whose copy outranks whose, and what a half-written folder does (nothing)."""

import datetime as dt
import json
import shutil

import polars as pl
import pytest

from feecalc import paths
from feecalc.errors import NotLoadedError
from feecalc.schedule import MANIFEST, Schedule, write_folder


def small_store(root, releases, marker="a", imported_at=None):
    """A store whose releases hold one row of one code, at one place."""
    from feecalc.columns import GPCI, PPRRVU

    for name, effective in releases.items():
        text = {c: "0" if t == pl.String else (False if t == pl.Boolean else 0) for c, t in PPRRVU.items()}
        row = {**text, "hcpcs": "99213", "modifier": "", "status": "A", "work": 130, "pe_nonfacility": 135, "mp": 10}
        place = {"mac": "10112", "locality": "00", "state": "AL", "name": marker, "work": 1000, "pe": 869, "mp": 575}
        tables = {
            "pprrvu": pl.DataFrame([row], schema=PPRRVU),
            "gpci": pl.DataFrame([{**place, "work_unfloored": None}], schema=GPCI),
        }
        manifest = {
            "release": name,
            "year": int(name[:4]),
            "effective": effective,
            "conversion_factor": "32.3465",
            "sources": [{"file": f"{marker}.zip", "sha256": "0" * 64}],
        }
        if imported_at:
            manifest["imported_at"] = imported_at
        write_folder(root / "releases" / (f"{name}-{marker}" if imported_at else name), tables, manifest)
    return root


@pytest.mark.parametrize(
    ("on", "in_force", "serves"),
    [
        ("2019-12-31", None, None),
        ("2020-01-01", "2020A", "2020A"),
        ("2024-03-08", "2024A", "2024A"),
        ("2024-03-09", "2024AR", "2024AR"),
        ("2024-03-31", "2024AR", "2024AR"),
        ("2024-04-01", "2024B", "2024B"),
        ("2024-10-01", "2024D", "2024C"),
        ("2025-12-31", "2025D", "2025D"),
        ("2026-01-01", "2026A", "2026C"),
        ("2026-07-01", "2026C", "2026C"),
        ("2026-12-31", "2026D", "2026C"),
        ("2027-01-01", None, None),
    ],
)
def test_the_release_of_a_date(opened, on, in_force, serves):
    release, named = opened.schedule.serving(dt.date.fromisoformat(on))
    assert (release.name if release else None, named) == (serves, in_force)


def test_a_day_table_row_says_the_same_as_the_calendar(opened):
    for on, release, in_force in opened.schedule.days.select("date", "release", "in_force").sample(200, seed=1).iter_rows():
        serving, named = opened.schedule.serving(on)
        assert (serving.name, named) == (release, in_force)


def test_within_a_year_the_newest_earlier_release_serves_else_the_oldest_later_one(tmp_path):
    store = small_store(tmp_path, {"2025B": "2025-04-01", "2025C": "2025-07-01"})
    schedule = Schedule((store, "built-in"))
    served = {on: schedule.serving(dt.date.fromisoformat(on))[0].name for on in ("2025-02-01", "2025-05-01", "2025-11-01")}
    assert served == {"2025-02-01": "2025B", "2025-05-01": "2025B", "2025-11-01": "2025C"}
    assert schedule.serving(dt.date(2024, 12, 31)) == (None, None)
    assert schedule.serving(dt.date(2026, 1, 1)) == (None, None)


def test_the_users_release_outranks_the_built_in_one_and_the_newest_import_serves(tmp_path):
    built_in = small_store(tmp_path / "a", {"2025D": "2025-10-01"}, "built-in")
    mine = small_store(tmp_path / "b", {"2025D": "2025-10-01"}, "newer", "2026-02-01T00:00:00")
    small_store(mine, {"2025D": "2025-10-01"}, "older", "2026-01-01T00:00:00")
    schedule = Schedule((built_in, "built-in"), (mine, "yours"))
    assert schedule.table("2025D", "gpci")["name"].item() == "newer"
    assert schedule.releases["2025D"].origin == "yours"


def test_a_folder_that_was_never_finished_is_not_seen(tmp_path):
    store = small_store(tmp_path, {"2025C": "2025-07-01"})
    (store / "releases" / "2025D").mkdir()
    (store / "releases" / "2025D" / "pprrvu.parquet").write_bytes(b"half")
    scratch = store / "releases" / ".2025D.x1"
    shutil.copytree(store / "releases" / "2025C", scratch)
    assert Schedule((store, "built-in")).priceable() == ["2025C"]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(OSError, match="No space"):
        small_store(tmp_path, {"2025D": "2025-10-01"})
    assert list((tmp_path / "releases").iterdir()) == []


def test_the_same_tables_give_the_same_bytes(tmp_path):
    first = small_store(tmp_path / "a", {"2025D": "2025-10-01"})
    second = small_store(tmp_path / "b", {"2025D": "2025-10-01"})
    for file in sorted((first / "releases" / "2025D").iterdir()):
        assert file.read_bytes() == (second / "releases" / "2025D" / file.name).read_bytes()


def test_unknown_and_partial_releases_are_told_apart(opened):
    with pytest.raises(NotLoadedError, match="Loaded: 2020A"):
        opened.schedule.release("2031B")
    with pytest.raises(NotLoadedError, match="in part only"):
        opened.schedule.release("2026A")


def test_the_built_in_schedule_is_whole_small_and_free_of_descriptors():
    folder = paths.builtin()
    manifests = [json.loads(p.read_text()) for p in sorted((folder / "releases").glob(f"*/{MANIFEST}"))]
    assert len([m for m in manifests if "pprrvu" in m["tables"]]) == 25
    for manifest in manifests:
        assert all(len(source["sha256"]) == 64 for source in manifest["sources"])
        assert manifest["layouts"]
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 8_000_000
    for file in files:
        if file.suffix == ".parquet":
            assert not any("desc" in column for column in pl.read_parquet_schema(file)), file
        assert file.suffix in {".parquet", ".json"}


def test_every_release_has_its_factor_of_law(opened):
    from feecalc import policy

    for name in opened.schedule.priceable():
        release = opened.schedule.releases[name]
        assert release.factor == policy.conversion_factor(release.effective).factor
