"""A real web server on this machine, which answers as a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]
LOGIN = b"\n<!DOCTYPE html><html><body>Please log in to the hotel's network.</body></html>" * 20


@dataclass
class Site:
    """What a server answers: ``answers`` in order, then the last of them for ever; and what it was asked."""

    address: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, Message]] = field(default_factory=list)

    def ranges(self) -> list[str | None]:
        return [headers["Range"] for _, headers in self.asked]


@contextmanager
def serving(*answers: Answer) -> Iterator[Site]:
    site = Site("", [*answers])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.close_connection = True
            site.asked.append((self.path, self.headers))
            answer = site.answers.pop(0) if len(site.answers) > 1 else site.answers[0]
            answer(self)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    """One answer, whatever is asked; ``content_range`` for ``Content-Range``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-").title(), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def file(
    content: bytes,
    *,
    etag: str | None = '"1"',
    modified: str | None = None,
    cut: int | None = None,
    ranges: bool = True,
    heeds_if_range: bool = True,
    shift: int = 0,
    has_length: bool = True,
    wait: threading.Event | None = None,
) -> Answer:
    """A file and parts of it. Ends after ``cut`` bytes, there waits for ``wait``; parts begin ``shift`` bytes off."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers["Range"]
        same = handler.headers["If-Range"] in (None, etag, modified) or not heeds_if_range
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and ranges and same else 0
        if start and start >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            start += shift
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in {"ETag": etag, "Last-Modified": modified}.items():
            if value:
                handler.send_header(name, value)
        body = content[start:]
        if has_length:
            handler.send_header("Content-Length", str(len(body)))
        else:
            handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        sent = body[:cut]
        handler.wfile.write(sent if has_length else b"%x\r\n%s\r\n" % (len(sent), sent))
        handler.wfile.flush()
        if wait:
            wait.wait(60)
        if not has_length and cut is None:
            handler.wfile.write(b"0\r\n\r\n")

    return answer
