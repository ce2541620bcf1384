"""Uploads stay in memory, whatever their size: the server's own parser gets one of three megabytes, and no folder for it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from driven import visit
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser

CONTENT = b"CLP*A1*1*100*64~" * 200_000


def uploaded() -> bytes:
    """What the server reads of an upload: in a thread of its own, as a browser's test may keep an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, upload()).result()


async def upload() -> bytes:
    head = b'--end\r\nContent-Disposition: form-data; name="file"; filename="era.835"\r\n\r\n'

    async def body() -> AsyncIterator[bytes]:
        yield head
        for at in range(0, len(CONTENT), 65_536):
            yield CONTENT[at : at + 65_536]
        yield b"\r\n--end--\r\n"

    headers = Headers({"content-type": "multipart/form-data; boundary=end"})
    form = await MultiPartParser(headers, body()).parse()
    return await form["file"].read()


def test_no_upload_is_put_into_a_temporary_file(monkeypatch, tmp_path):
    visit("feecalc/ui/pages/check_payments.py")
    kept = MultiPartParser.spool_max_size
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 1 << 20)
    with pytest.raises(FileNotFoundError):  # as the server would do it by itself
        uploaded()
    monkeypatch.setattr(MultiPartParser, "spool_max_size", kept)
    assert uploaded() == CONTENT
