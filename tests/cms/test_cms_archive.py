import io
import zipfile

import pytest
from cms_files import as_zip

from feecalc.cms import archive, members
from feecalc.errors import ArchiveError


def refused(path):
    with pytest.raises(ArchiveError) as error:
        members(path)
    return str(error.value)


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as inner:
        for name, content in files:
            inner.writestr(name, content)
    return data.getvalue()


def test_zip_folder_and_single_file(tmp_path):
    path = as_zip(tmp_path / "rvu.zip", [("b.csv", "1"), ("a.csv", "2"), ("folder/", ""), ("folder/c.csv", "3")])
    assert [(m.name, m.base, m.read()) for m in members(path)] == [
        ("a.csv", "a.csv", b"2"),
        ("b.csv", "b.csv", b"1"),
        ("folder/c.csv", "c.csv", b"3"),
    ]
    assert [m.name for m in members(tmp_path)] == ["a.csv", "b.csv", "folder/c.csv"]
    single = tmp_path / "GPCI.csv"
    single.write_text("x")
    (found,) = members(single)
    assert (found.name, found.source.name, found.read()) == ("GPCI.csv", "GPCI.csv", b"x")


def test_the_source_is_the_file_that_was_handed_over(tmp_path):
    inner = zipped([("PF.txt", "1")])
    (found,) = members(as_zip(tmp_path / "outer.zip", [("QP/inner.zip", inner)]))
    assert found.name == "QP/inner.zip/PF.txt"
    assert found.source.name == "outer.zip"
    assert len(found.source.sha256) == 64


def test_a_workbook_is_a_file_not_an_archive(tmp_path):
    path = tmp_path / "GPCI.xlsx"
    path.write_bytes(zipped([("[Content_Types].xml", "<Types/>"), ("xl/workbook.xml", "<workbook/>")]))
    assert [m.name for m in members(path)] == ["GPCI.xlsx"]


@pytest.mark.parametrize("start", [b"<!DOCTYPE html>", b"\r\n <HTML lang='en'>", b"\xef\xbb\xbf<html>"])
def test_a_web_page_saved_as_zip(tmp_path, start):
    path = tmp_path / "rvu25a.zip"
    path.write_bytes(start + b"<body>AMA license</body>")
    text = refused(path)
    assert "rvu25a.zip is a web page" in text
    assert "licence page" in text
    assert "accept" in text


def test_a_web_page_inside_a_zip(tmp_path):
    assert "a.zip/PPRRVU.csv is a web page" in refused(as_zip(tmp_path / "a.zip", [("PPRRVU.csv", "<html>")]))


def test_not_a_zip_empty_and_absent(tmp_path):
    (tmp_path / "a.zip").write_text("hello")
    assert "a.zip is not a zip file" in refused(tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes(b"")
    assert "b.zip is empty" in refused(tmp_path / "b.zip")
    assert "no such file" in refused(tmp_path / "c.zip")
    assert "a.zip/b.zip is not a zip" in refused(as_zip(tmp_path / "a.zip", [("b.zip", "hello")]))


def test_truncated_zip(tmp_path):
    path = as_zip(tmp_path / "a.zip", [("a.csv", "text " * 1000)])
    path.write_bytes(path.read_bytes()[:-30])
    assert "a.zip is damaged or was cut short. Download it again" in refused(path)


def test_flipped_bit_fails_the_crc(tmp_path):
    path = tmp_path / "a.zip"
    data = bytearray(zipped([("a.csv", "text " * 1000)]))
    data[300] ^= 1
    path.write_bytes(data)
    assert "damaged" in refused(path)


@pytest.mark.parametrize("name", ["../a.csv", "x/../../a.csv", "/etc/a.csv", "..\\a.csv", "C:\\a.csv", "\\a.csv"])
def test_hostile_names(tmp_path, name):
    text = refused(as_zip(tmp_path / "a.zip", [("PPRRVU.csv", "x"), (name, "x")]))
    assert "points outside the zip" in text
    assert "Nothing was read" in text


def test_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1_000_000)
    inner = zipped([("a.csv", "0" * 600_000)])
    assert members(as_zip(tmp_path / "a.zip", [("a.csv", "0" * 600_000)]))
    assert "unpack to more than 1 MB" in refused(as_zip(tmp_path / "b.zip", [("a.csv", "0" * 1_000_001)]))
    nested = as_zip(tmp_path / "c.zip", [("1.zip", inner)])
    assert "unpack to more than 1 MB" in refused(nested)


def test_nested_too_deep(tmp_path):
    data = zipped([("a.csv", "x")])
    for n in range(3):
        data = zipped([(f"{n}.zip", data)])
    (tmp_path / "a.zip").write_bytes(data)
    assert "nests zips deeper than 3" in refused(tmp_path / "a.zip")


def test_password(tmp_path):
    data = bytearray(zipped([("a.csv", "x")]))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert "locked with a password" in refused(tmp_path / "a.zip")


def test_unknown_packing(tmp_path):
    data = bytearray(zipped([("a.csv", "x")]))
    data[8] = data[data.rindex(b"PK\x01\x02") + 10] = 9  # deflate64, as Windows packs large files
    (tmp_path / "a.zip").write_bytes(data)
    assert "Unpack it first and give feecalc the folder" in refused(tmp_path / "a.zip")
