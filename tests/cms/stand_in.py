"""A small cms.gov on 127.0.0.1: pages that list, pages of releases, the licence page, zips by ranges; and ways to go wrong."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

RELEASES = "/medicare/payment/fee-schedules/physician/pfs-relative-value-files"
PAYMENTS = "/medicare/payment/fee-schedules/physician/national-payment-amount-file"
ZIPS = "/medicare/payment/fee-schedules"
EDITS = "/medicare/coding-billing/national-correct-coding-initiative-ncci-edits"
PTP = f"{EDITS}/medicare-ncci-procedure-procedure-ptp-edits"
MUE = f"{EDITS}/medicare-ncci-medically-unlikely-edits-mues"
ADDON = f"{EDITS}/medicare-ncci-add-code-edits"


@dataclass
class Answer:
    """What a path answers. A fault may change it for one request (StandIn.faults)."""

    body: bytes
    kind: str = "application/zip"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    etag: str = ""
    stop_at: int | None = None  # bytes of this answer's body after which the connection is cut
    stall: float = 0.0  # seconds of silence before it is cut, or until the stand-in is told to `go_on`
    silent: bool = False  # the connection is closed without a word of an answer


def page(title: str, *links: tuple[str, str]) -> Answer:
    """A page as CMS's are, with a menu around what matters, and an element that is never closed."""
    menu = '<nav><a href="/about">About</a><a href="#main">Skip to<a href="https://www.medicare.gov/">Medicare</a></nav>'
    listed = "".join(f'<tr><td><a href="{target}" hreflang="en">{text}</a></td></tr>' for target, text in links)
    html = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{menu}<table>{listed}</table><br><p>&copy; CMS"
    return Answer(html.encode(), "text/html; charset=UTF-8")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error here."""


class StandIn:
    """The server. `paths` is what it holds; `asked` every request's path with its headers; `faults` by path, one a request."""

    def __init__(self) -> None:
        self.paths: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.faults: dict[str, list[Callable[[Answer], Answer]]] = {}
        self._going_on = threading.Event()
        self.licensed: set[str] = set()  # paths that answer the licence page until agree=yes comes along
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.go_on()
        self._server.shutdown()
        self._server.server_close()

    def go_on(self) -> None:
        """End every silence, now and later."""
        self._going_on.set()

    def requests(self, path: str) -> list[dict[str, str]]:
        """The headers of every request for a path."""
        return [headers for asked, headers in self.asked if urlsplit(asked).path == path]

    def zip(self, path: str, body: bytes, **changes: object) -> None:
        """Put a zip under a path, with an ETag of its content."""
        self.paths[path] = Answer(body, etag=f'"{hashlib.md5(body).hexdigest()}"', **changes)  # type: ignore[arg-type]

    def listing(self, path: str, *links: tuple[str, str]) -> None:
        """Put a page under a path."""
        self.paths[path] = page(path.rsplit("/", 1)[-1], *links)

    def fault(self, path: str, *changes: Callable[[Answer], Answer]) -> None:
        """Let the next requests for a path go wrong, one after the other."""
        self.faults.setdefault(path, []).extend(changes)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers.items())))
                parts = urlsplit(self.path)
                answer = site.paths.get(parts.path, Answer(b"<html><title>Page not found</title></html>", "text/html", 404))
                if parts.path in site.licensed and parse_qs(parts.query).get("agree") != ["yes"]:
                    answer = page("License for Use of CPT", ("/", "I agree"))
                if waiting := site.faults.get(parts.path):
                    answer = waiting.pop(0)(answer)
                try:
                    self._send(answer)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def _send(self, answer: Answer) -> None:
                if answer.silent:
                    self.close_connection = True
                    return
                status, body, headers = answer.status, answer.body, dict(answer.headers)
                if status == 200 and answer.etag:
                    headers |= {"ETag": answer.etag, "Last-Modified": formatdate(0, usegmt=True)}
                    if self.headers.get("If-None-Match") == answer.etag:
                        status, body = 304, b""
                    wanted = self.headers.get("Range", "")
                    if answer.ranges and wanted and self.headers.get("If-Range") in {None, answer.etag}:
                        start = int(wanted.removeprefix("bytes=").split("-")[0])
                        if start >= len(body):
                            status, headers["Content-Range"], body = 416, f"bytes */{len(body)}", b""
                        else:
                            status = 206
                            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                            body = body[start:]
                self.send_response(status)
                self.send_header("Content-Type", answer.kind)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304 and "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if answer.stop_at is not None:
                    self.wfile.write(body[: answer.stop_at])
                    self.wfile.flush()
                    site._going_on.wait(answer.stall)
                    self.close_connection = True
                else:
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Keep silent."""

        return Handler
