"""Fetching from a server that fails in every way that servers do. Nothing leaves this machine."""

import errno
import hashlib
import io
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from stand_in import Answer, StandIn, page

from feecalc.cms import download
from feecalc.cms.discovery import DownloadError, UnreachableError
from feecalc.cms.download import Client, FullDiskError, MissingError, base_address, file_name, locked
from feecalc.errors import ArchiveError, InputError

PLACE = "/files/zip/rvu26d-updated-08-26-2026.zip"
NAME = "rvu26d-updated-08-26-2026.zip"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def site():
    with StandIn() as running:
        yield running


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "downloads"


def client(site, **changes) -> Client:
    quick = {"pause": 0.0, "backoff": 0.01, "connect_timeout": 2.0, "read_timeout": 2.0, "agreed": True}
    return Client(site.base, **(quick | changes))


def zipped(seed=1, size=120_000, name="data.csv") -> bytes:
    """A zip that stays about as large as what it holds."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), random.Random(seed).randbytes(size))
    return data.getvalue()


def left(folder: Path) -> list[str]:
    """What lies in a folder of downloads, but for the lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def cut(at, stall=0.0):
    return lambda answer: replace(answer, stop_at=at, stall=stall)


def answers(status, **headers):
    return lambda answer: Answer(b"", status=status, headers=headers)


def whole(folder: Path, body: bytes) -> bool:
    return (folder / NAME).read_bytes() == body and left(folder) == [NAME, f"{NAME}.json"]


# The good way ---------------------------------------------------------------------------------------------------------------


def test_a_file_arrives_whole_with_its_record_and_is_not_fetched_twice(site, folder):
    body = zipped()
    site.zip(PLACE, body)
    steps = []
    got = client(site, progress=steps.append).fetch(PLACE, folder, hashlib.sha256(body).hexdigest())
    assert whole(folder, body)
    assert (got.path, got.fresh, got.sha256) == (folder / NAME, True, hashlib.sha256(body).hexdigest())
    assert (steps[-1].received, steps[-1].total, steps[-1].name) == (len(body), len(body), NAME)
    assert [step.received for step in steps] == sorted({step.received for step in steps})  # each told once
    assert steps[-1].rate > 0
    again = client(site).fetch(PLACE, folder)
    assert (again.fresh, again.sha256) == (False, got.sha256)
    assert site.requests(PLACE)[1]["If-None-Match"] == site.paths[PLACE].etag


def test_a_new_posting_at_the_same_address_takes_the_name_of_the_old_one_which_is_kept(site, folder):
    site.zip(PLACE, zipped(1))
    first = client(site).fetch(PLACE, folder)
    site.zip(PLACE, zipped(2))
    assert client(site).fetch(PLACE, folder).fresh
    assert (folder / NAME).read_bytes() == zipped(2)
    older = f"{NAME.removesuffix('.zip')}-{first.sha256[:12]}.zip"
    assert left(folder) == sorted([older, NAME, f"{NAME}.json"])
    assert (folder / older).read_bytes() == zipped(1)
    assert not client(site).fetch(PLACE, folder).fresh


def test_a_file_that_somebody_changed_is_fetched_again(site, folder):
    site.zip(PLACE, zipped())
    client(site).fetch(PLACE, folder)
    (folder / NAME).write_bytes(b"PK something else")
    assert client(site).fetch(PLACE, folder).fresh
    assert whole(folder, zipped())


def test_requests_say_who_asks_and_keep_a_pause(site, folder):
    site.zip(PLACE, zipped(size=100))
    site.zip("/files/zip/rvu26c.zip", zipped(size=100))
    slow = client(site, pause=0.2)
    started = time.monotonic()
    slow.fetch(PLACE, folder)
    slow.fetch("/files/zip/rvu26c.zip", folder)
    slow.fetch(PLACE, folder)
    assert time.monotonic() - started >= 0.4
    assert all(headers["User-Agent"].startswith("feecalc/") for _, headers in site.asked)
    assert all(headers["Accept-Encoding"] == "identity" for _, headers in site.asked)


def test_addresses_of_cms_are_moved_below_the_base_and_licence_links_unwrapped(site, folder):
    site.zip(PLACE, zipped())
    client(site).fetch(f"https://www.cms.gov/license/ama?file={PLACE}", folder)
    assert [path for path, _ in site.asked] == [PLACE]


def test_a_page_is_read(site):
    site.listing("/about", ("/x", "y"))
    url, text = client(site).page("/about")
    assert url == f"{site.base}/about"
    assert "</table>" in text


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (PLACE, NAME),
        ("/files/zip/rvu24a-updated-04/01/2024.zip", "rvu24a-updated-04-01-2024.zip"),
        ("/files/zip/rvu25d.zip?x=1", "rvu25d.zip"),
        ("/files/zip/..%2f..%2fetc/a b.zip", "a-b.zip"),
        ("/files/zip/.hidden.zip", "hidden.zip"),
    ],
)
def test_names_on_disk(address, name):
    assert file_name(address) == name


def test_the_base_address_is_a_setting(monkeypatch):
    assert base_address() == "https://www.cms.gov"
    monkeypatch.setenv("FEECALC_CMS_URL", "https://mirror.example.org/cms/")
    assert base_address() == "https://mirror.example.org/cms"
    assert base_address("http://127.0.0.1:8000") == "http://127.0.0.1:8000"
    assert Client("http://127.0.0.1:8000/cms").url(PLACE) == f"http://127.0.0.1:8000/cms{PLACE}"
    with pytest.raises(InputError, match="no web address"):
        base_address("ftp://cms.gov")


# A server that is busy, gone, or sends elsewhere ----------------------------------------------------------------------------


def test_busy_and_then_success_after_the_time_that_the_server_asks_for(site, folder):
    site.zip(PLACE, zipped())
    site.fault(PLACE, answers(503, **{"Retry-After": "1"}), answers(429), answers(502))
    started = time.monotonic()
    client(site).fetch(PLACE, folder)
    assert time.monotonic() - started >= 1.0
    assert whole(folder, zipped())


def test_no_server_makes_it_wait_for_an_hour(site, folder, monkeypatch):
    monkeypatch.setattr(download, "LONGEST_WAIT", 0.2)
    site.zip(PLACE, zipped())
    site.fault(PLACE, answers(503, **{"Retry-After": "3600"}))
    started = time.monotonic()
    client(site).fetch(PLACE, folder)
    assert time.monotonic() - started < 5


def test_a_server_that_stays_busy_is_told(site, folder):
    site.zip(PLACE, zipped())
    site.fault(PLACE, *[answers(503)] * 9)
    with pytest.raises(DownloadError, match=r"busy or broken \(503\)"):
        client(site, attempts=2).fetch(PLACE, folder)
    assert left(folder) == []


def test_nothing_there_and_nobody_there(site, folder):
    with pytest.raises(MissingError, match="is not there"):
        client(site).fetch(PLACE, folder)
    site.paths[PLACE] = Answer(b"", status=403)
    with pytest.raises(DownloadError, match="was refused"):
        client(site).fetch(PLACE, folder)
    nobody = Client("http://127.0.0.1:9", pause=0, backoff=0, attempts=1)
    with pytest.raises(UnreachableError, match=r"cannot be reached: .*refused"):
        nobody.fetch(PLACE, folder)


def redirect(target, status=302, **headers):
    return Answer(b"", status=status, headers={"Location": target, **headers})


def test_redirects_are_followed_and_circles_told(site, folder):
    site.zip(PLACE, zipped())
    site.paths["/files/zip/rvu26d.zip"] = redirect("rvu26d-1.zip")
    site.paths["/files/zip/rvu26d-1.zip"] = redirect(f"https://www.cms.gov{PLACE}", 301)
    client(site).fetch("/files/zip/rvu26d.zip", folder)
    assert (folder / "rvu26d.zip").read_bytes() == zipped()
    site.paths["/a.zip"], site.paths["/b.zip"] = redirect("/b.zip"), redirect("/a.zip")
    with pytest.raises(DownloadError, match=r"in a circle: \S+/a\.zip -> \S+/b\.zip -> \S+/a\.zip"):
        client(site).fetch("/a.zip", folder)
    for number in range(12):
        site.paths[f"/{number}.zip"] = redirect(f"/{number + 1}.zip")
    with pytest.raises(DownloadError, match="circle"):
        client(site).fetch("/0.zip", folder)


def test_a_redirect_that_sets_a_cookie_is_no_circle(site, folder):
    site.zip(PLACE, zipped())
    site.fault(PLACE, lambda answer: redirect(PLACE, **{"Set-Cookie": "seen=1; Path=/"}))
    client(site).fetch(PLACE, folder)
    assert whole(folder, zipped())


def test_no_redirect_leads_away_from_cms(site, folder):
    for target in ("https://example.org/rvu26d.zip", "http://downloads.cms.gov.example.org/x.zip", "http://data.cms.gov/x.zip"):
        site.paths[PLACE] = redirect(target)
        with pytest.raises(DownloadError, match="which is not CMS's"):
            client(site).fetch(PLACE, folder)


def test_the_licence_page_is_answered_only_for_who_has_accepted_the_terms(site, folder):
    site.zip(PLACE, zipped())
    site.licensed.add(PLACE)
    with pytest.raises(DownloadError, match="--accept-terms"):
        client(site, agreed=False).fetch(PLACE, folder)
    client(site).fetch(PLACE, folder)
    assert whole(folder, zipped())
    assert site.asked[-1][0] == f"{PLACE}?agree=yes&next=Accept"


def test_a_redirect_to_the_licence_page_is_answered_too(site, folder):
    site.zip(PLACE, zipped())
    site.fault(PLACE, lambda answer: redirect(f"/apps/ama/license.asp?file={PLACE}"))
    with pytest.raises(DownloadError, match="--accept-terms"):
        client(site, agreed=False).fetch(PLACE, folder)
    site.fault(PLACE, lambda answer: redirect(f"/apps/ama/license.asp?file={PLACE}"))
    client(site).fetch(PLACE, folder)
    assert whole(folder, zipped())


def test_a_page_in_place_of_a_zip_is_told_with_its_title(site, folder):
    site.paths[PLACE] = page("Physician Fee  Schedule | CMS", ("/x", "y"))
    with pytest.raises(ArchiveError, match=r'answers with a web page \("Physician Fee Schedule \| CMS"\)'):
        client(site).fetch(PLACE, folder)
    site.paths[PLACE] = replace(site.paths[PLACE], kind="application/zip")  # the page under the type of a zip
    with pytest.raises(ArchiveError, match=f"{NAME} is a web page"):
        client(site).fetch(PLACE, folder)
    assert left(folder) == []


# Connections that break off -------------------------------------------------------------------------------------------------


def test_a_file_cut_at_every_byte_is_resumed_from_that_byte(site, tmp_path):
    body = zipped(size=10, name="a")
    site.zip(PLACE, body)
    sha256 = hashlib.sha256(body).hexdigest()
    patient = client(site, backoff=0.0)
    for at in range(len(body)):
        site.asked.clear()
        site.fault(PLACE, cut(at))
        assert patient.fetch(PLACE, tmp_path / str(at), sha256).sha256 == sha256
        assert whole(tmp_path / str(at), body)
        resumed = [headers.get("Range") for headers in site.requests(PLACE)]
        assert resumed == [None, f"bytes={at}-" if at else None]


def test_a_connection_that_closes_without_a_word_is_tried_again(site, folder):
    site.zip(PLACE, zipped())
    site.fault(PLACE, *[lambda answer: replace(answer, silent=True)] * 2)
    client(site).fetch(PLACE, folder)
    assert whole(folder, zipped())
    assert len(site.requests(PLACE)) == 3


@pytest.mark.parametrize("seed", range(6))
def test_a_large_file_cut_again_and_again_is_resumed(site, folder, seed):
    chance = random.Random(seed)
    body = zipped(seed)
    site.zip(PLACE, body)
    site.fault(PLACE, *[cut(chance.randrange(1, len(body))) for _ in range(3)])
    got = client(site).fetch(PLACE, folder, hashlib.sha256(body).hexdigest())
    assert got.sha256 == hashlib.sha256(body).hexdigest()
    assert whole(folder, body)
    resumed = [headers for headers in site.requests(PLACE)[1:] if "Range" in headers]
    assert all(headers["If-Range"] == site.paths[PLACE].etag for headers in resumed)
    assert resumed or min(len(site.requests(PLACE)), 2) == 2


def test_what_a_killed_download_left_half_written_is_swept_away(site, folder):
    body = zipped()
    site.zip(PLACE, body)
    folder.mkdir(exist_ok=True)
    stray = folder / f".{NAME}.part.jr_rudb9.json"
    stray.write_text("{", encoding="utf-8")
    client(site).fetch(PLACE, folder)
    assert not stray.exists()
    assert whole(folder, body)


def test_a_part_of_an_earlier_run_is_resumed_and_only_the_rest_is_sent(site, folder):
    body = zipped()
    site.zip(PLACE, body)
    site.fault(PLACE, *[cut(70_000)] + [cut(0)] * 9)
    with pytest.raises(DownloadError, match="broke off again and again"):
        client(site, attempts=1).fetch(PLACE, folder)
    assert left(folder) == [f"{NAME}.part", f"{NAME}.part.json"]
    have = (folder / f"{NAME}.part").stat().st_size
    assert have == 70_000
    site.faults.clear()
    client(site).fetch(PLACE, folder)
    assert site.requests(PLACE)[-1]["Range"] == f"bytes={have}-"
    assert whole(folder, body)


def test_a_part_of_another_posting_is_not_joined_with_the_new_one(site, folder):
    site.zip(PLACE, zipped(1))
    site.fault(PLACE, cut(60_000), *[cut(0)] * 9)
    with pytest.raises(DownloadError):
        client(site, attempts=1).fetch(PLACE, folder)
    site.faults.clear()
    site.zip(PLACE, zipped(2))
    client(site).fetch(PLACE, folder)
    assert whole(folder, zipped(2))


def test_a_server_that_joins_two_postings_is_found_out(site, folder):
    """It answers a range of the new file, says nothing of its version, and both are of one length."""
    old, new = zipped(1), zipped(2)
    assert len(old) == len(new)
    site.zip(PLACE, old)
    site.fault(PLACE, cut(60_000), lambda answer: replace(answer, body=new, etag=answer.etag))
    site.fault(PLACE, lambda answer: replace(answer, body=new, etag='"new"'))
    client(site).fetch(PLACE, folder)
    assert whole(folder, new)
    assert "Range" not in site.requests(PLACE)[-1]


def test_a_server_that_knows_no_ranges_sends_it_anew(site, folder):
    site.zip(PLACE, zipped(), ranges=False)
    site.fault(PLACE, cut(60_000))
    client(site).fetch(PLACE, folder)
    assert whole(folder, zipped())


def test_a_server_that_knows_no_ranges_and_always_breaks_off_is_given_up(site, folder):
    site.zip(PLACE, zipped(), ranges=False, stop_at=60_000)
    with pytest.raises(DownloadError, match="again and again"):
        client(site, attempts=2).fetch(PLACE, folder)
    assert len(site.asked) <= 5


def test_a_weak_mark_is_not_used_to_join_bytes(site, folder):
    body = zipped()
    site.paths[PLACE] = Answer(body, headers={"ETag": 'W/"1"'})
    site.fault(PLACE, cut(60_000))
    client(site).fetch(PLACE, folder)
    assert whole(folder, body)
    assert not any("Range" in headers for headers in site.requests(PLACE))


def test_all_had_come_and_only_the_name_was_missing(site, folder):
    body = zipped()
    site.zip(PLACE, body)
    client(site).fetch(PLACE, folder)
    (folder / NAME).rename(folder / f"{NAME}.part")
    (folder / f"{NAME}.json").rename(folder / f"{NAME}.part.json")
    client(site).fetch(PLACE, folder)
    assert whole(folder, body)
    assert site.requests(PLACE)[-1]["Range"] == f"bytes={len(body)}-"


def test_a_part_longer_than_the_file_is_dropped(site, folder):
    body = zipped()
    site.zip(PLACE, body)
    client(site).fetch(PLACE, folder)
    (folder / f"{NAME}.part").write_bytes(body + b"more")
    (folder / f"{NAME}.json").rename(folder / f"{NAME}.part.json")
    client(site).fetch(PLACE, folder)
    assert whole(folder, body)


def test_a_part_without_a_record_is_dropped(site, folder):
    site.zip(PLACE, zipped())
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(b"unknown")
    (folder / f"{NAME}.part.json").write_text("{not json", encoding="utf-8")
    client(site).fetch(PLACE, folder)
    assert whole(folder, zipped())


def test_a_body_that_stalls_is_given_up_and_resumed(site, folder):
    body = zipped()
    site.zip(PLACE, body)
    site.fault(PLACE, cut(60_000, stall=3.0))
    started = time.monotonic()
    client(site, read_timeout=0.3).fetch(PLACE, folder)
    assert time.monotonic() - started < 2.5
    assert whole(folder, body)


# What arrives is not what it should be --------------------------------------------------------------------------------------


def test_another_file_than_the_known_one_is_refused_and_the_old_one_stays(site, folder):
    site.zip(PLACE, zipped(1))
    client(site).fetch(PLACE, folder)
    site.zip(PLACE, zipped(2))
    with pytest.raises(ArchiveError, match=r"not the file that feecalc knows .* --accept-changed"):
        client(site).fetch(PLACE, folder, hashlib.sha256(zipped(1)).hexdigest())
    assert whole(folder, zipped(1))


def test_a_zip_whose_content_is_damaged_is_refused(site, folder):
    body = bytearray(zipped())
    body[50_000] ^= 0xFF
    site.zip(PLACE, bytes(body))
    with pytest.raises(ArchiveError, match=f"{NAME} is damaged"):
        client(site).fetch(PLACE, folder)
    site.zip(PLACE, b"PK\x03\x04 and then nothing of a zip")
    with pytest.raises(ArchiveError, match=NAME):
        client(site).fetch(PLACE, folder)
    site.zip(PLACE, b"")
    with pytest.raises(ArchiveError, match="empty"):
        client(site).fetch(PLACE, folder)
    assert left(folder) == []


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/evil.csv", "C:\\evil.csv", "a/../../evil.csv"])
def test_names_that_lead_outside_are_refused(site, folder, tmp_path, name):
    site.zip(PLACE, zipped(name=name, size=100))
    with pytest.raises(ArchiveError, match="points outside"):
        client(site).fetch(PLACE, folder)
    assert left(folder) == []
    assert not list(tmp_path.rglob("*evil*"))


TEN_GB = 10_000_000_000


def bomb(declared: int = TEN_GB, beside: str = "") -> bytes:
    """A zip of 10 MB that unpacks to ten thousand million zeros, whatever its list of contents declares.

    The stream is made from one block's, which fits behind itself again and again; to pack so much would take a minute.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(TEN_GB // 1_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("zeros.csv", block * 1_000 + packer.flush())
        (entry,) = archive.infolist()  # written when the archive closes
        entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, declared
        if beside:
            archive.writestr(beside, "")
    return data.getvalue()


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """One that says how large it is, one that says that it is small, and two that lie in a zip like any other."""
    honest = bomb()

    def inside(name: str, content: bytes) -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr(name, content)
        return data.getvalue()

    return {
        "honest": honest,
        "lying": bomb(declared=1_000),
        "inside": inside("inner.zip", honest),
        "workbook": inside("PPRRVU2026_Oct.xlsx", bomb(beside="[Content_Types].xml")),
    }


def test_the_bomb_is_one(bombs):
    unpacker, length = zlib.decompressobj(-15), 0
    with zipfile.ZipFile(io.BytesIO(bombs["honest"])) as archive:
        (entry,) = archive.infolist()
        assert entry.file_size == TEN_GB
    stream = bombs["honest"][30 + len("zeros.csv") :]
    for _ in range(20):
        length += len(unpacker.decompress(stream, 10_000_000))
        stream = unpacker.unconsumed_tail
    assert length == 200_000_000  # and 49 times as much behind it
    assert len(bombs["honest"]) < 15_000_000


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("honest", "would unpack to 10,000,000,000 bytes"),
        ("lying", "is damaged"),
        ("inside", "would unpack to more than 500 MB"),
        ("workbook", r"PPRRVU2026_Oct\.xlsx would unpack to 10,000,000,000 bytes"),
    ],
)
def test_a_bomb_of_ten_gigabytes_is_refused_and_never_unpacked(site, folder, bombs, which, says):
    site.zip(PLACE, bombs[which])
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match=says):
            client(site).fetch(PLACE, folder)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 5 * len(bombs[which])
    assert left(folder) == []


def test_a_bomb_of_many_files_and_one_of_zips_in_zips(site, folder):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(download.MOST_MEMBERS + 1):
            archive.writestr(f"{number}.csv", b"")
    site.zip(PLACE, data.getvalue())
    with pytest.raises(ArchiveError, match="2,001 files"):
        client(site).fetch(PLACE, folder)
    inner = zipped(size=10)
    for _ in range(5):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("inner.zip", inner)
        inner = data.getvalue()
    site.zip(PLACE, inner)
    with pytest.raises(ArchiveError, match="nests zips deeper"):
        client(site).fetch(PLACE, folder)


def test_a_file_without_end_is_stopped(site, folder, monkeypatch):
    monkeypatch.setattr(download, "LARGEST_FILE", 100_000)
    site.zip(PLACE, zipped())
    with pytest.raises(ArchiveError, match="no file of CMS's"):
        client(site).fetch(PLACE, folder)
    site.paths[PLACE] = Answer(zipped(), headers={"Content-Length": "90000000"})  # no length is looked at, and too much comes
    monkeypatch.setattr(download, "_length", lambda response: None)
    with pytest.raises(ArchiveError, match="no file of CMS's"):
        client(site).fetch(PLACE, folder)
    assert left(folder) == []


# A disk that is full, and others at the same work ---------------------------------------------------------------------------


def test_a_disk_that_fills_up_is_told_and_given_its_room_back(site, folder, monkeypatch):
    site.zip(PLACE, zipped(1))
    client(site).fetch(PLACE, folder)
    site.zip(PLACE, zipped(2))
    real, calls = download.write, []

    def fills(handle, chunk):
        calls.append(chunk)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle, chunk)

    monkeypatch.setattr(download, "write", fills)
    with pytest.raises(DownloadError, match=r"disk is full: .*rvu26d.* Make room"):
        client(site).fetch(PLACE, folder)
    assert whole(folder, zipped(1))


def test_a_disk_without_room_is_found_before_anything_is_written(site, folder, monkeypatch):
    site.zip(PLACE, zipped())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(DownloadError, match="disk is full"):
        client(site).fetch(PLACE, folder)
    assert left(folder) == []


def test_a_disk_without_room_for_a_lock_is_told_too(site, folder, monkeypatch):
    class Full:
        """SQLite where the disk has no block left: it writes a page of its own to hold a lock."""

        def execute(self, command):
            raise sqlite3.OperationalError("database or disk is full")

        def close(self):
            pass

    site.zip(PLACE, zipped())
    monkeypatch.setattr(download.sqlite3, "connect", lambda *args, **options: Full())
    with pytest.raises(FullDiskError, match=r"downloads is full\. Make room"):
        client(site).fetch(PLACE, folder)
    assert site.asked == []


def test_one_download_of_a_file_at_a_time(site, folder):
    body = zipped()
    site.zip(PLACE, body)
    site.fault(PLACE, cut(60_000, stall=0.3))
    got = []
    both = [threading.Thread(target=lambda: got.append(client(site).fetch(PLACE, folder))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(one.fresh for one in got) == [False, True]
    assert whole(folder, body)
    conditional = [headers for headers in site.requests(PLACE) if "If-None-Match" in headers]
    assert len(conditional) == 1


def test_a_lock_is_waited_for_told_and_ends_with_its_process(tmp_path):
    held = tmp_path / "some" / ".lock"
    code = (
        "import sys, time; from pathlib import Path; from feecalc.cms.download import locked\n"
        f"with locked(Path({str(held)!r}), 0, 'busy'):\n    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        said = []
        with pytest.raises(DownloadError, match="somebody else"), locked(held, 0.3, "somebody else", lambda: said.append(1)):
            pytest.fail("two held the lock")
        assert said == [1]
    finally:
        process.kill()
        process.wait()
    with locked(held, 0, "left behind"):
        assert held.exists()
