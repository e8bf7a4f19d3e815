"""Downloads from a real server that misbehaves, and archives that are not what they should be."""

import gzip
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from web import LOGIN, file, says, serving

from pyspeech.corpora import download
from pyspeech.corpora.download import download_archive, fetch, git_clone
from pyspeech.errors import UserError

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CUT = 100_000
TIME = "Mon, 30 Nov 2020 07:00:00 GMT"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No proxy, as the server is on this machine, and no wait between tries."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.0)


def packed(members: dict[str, bytes | tarfile.TarInfo], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def special(name: str, **fields: object) -> tarfile.TarInfo:
    """A member that is no plain file."""
    member = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def received(site, path: Path, sha256: str | None = SHA256) -> bytes:
    """What is fetched; beside it, nothing is left."""
    fetch(f"{site.address}/words.bin", path, sha256)
    assert names(path.parent) == [path.name]
    return path.read_bytes()


class TestFetch:
    def test_a_file_comes_whole_and_is_not_asked_for_again(self, tmp_path):
        with serving(file(CONTENT)) as site:
            for _ in range(2):
                assert received(site, tmp_path / "new" / "words.bin") == CONTENT
        assert [path for path, _ in site.asked] == ["/words.bin"]

    @pytest.mark.parametrize(
        "kind",
        [
            {},
            {"etag": 'W/"1"', "modified": TIME},
            {"etag": None, "modified": TIME},
            {"etag": None},
            {"has_length": False},
        ],
        ids=str,
    )
    def test_a_connection_that_is_cut_goes_on_where_it_ended(self, tmp_path, kind):
        with serving(file(CONTENT, cut=CUT, **kind), file(CONTENT, cut=7, **kind), file(CONTENT, **kind)) as site:
            assert received(site, tmp_path / "words.bin") == CONTENT
        assert site.ranges()[0] is None
        first, second = (int(asked.removeprefix("bytes=").removesuffix("-")) for asked in site.ranges()[1:])
        assert first <= CUT
        assert second == first + 7 or not kind.get("has_length", True)  # half a chunk is lost with the connection

    @pytest.mark.parametrize(
        "then",
        [
            file(CONTENT, ranges=False),
            file(CONTENT, etag='"2"'),
            file(CONTENT, etag='"2"', heeds_if_range=False),
            file(CONTENT, shift=1),
            file(CONTENT, shift=-1),
            says(206, CONTENT[CUT:]),
            says(206, CONTENT[CUT:], content_range="bytes nonsense"),
            says(416),
            says(416, content_range=f"bytes */{CUT - 1}"),
        ],
        ids=["no ranges", "changed", "changed and mixed", "late", "early", "no range", "bad range", "416", "shrunk"],
    )
    def test_what_does_not_follow_what_came_begins_anew(self, tmp_path, then):
        with serving(file(CONTENT, cut=CUT), then, file(CONTENT, etag='"2"')) as site:
            assert received(site, tmp_path / "words.bin") == CONTENT
        assert site.ranges()[1] == f"bytes={CUT}-"

    def test_a_file_that_changed_into_a_shorter_one_is_that_one(self, tmp_path):
        shorter = CONTENT[:1000]
        with serving(file(CONTENT, cut=CUT), file(shorter, etag='"2"')) as site:
            assert received(site, tmp_path / "words.bin", hashlib.sha256(shorter).hexdigest()) == shorter

    def test_that_nothing_is_missing_may_be_known_from_the_server_alone(self, tmp_path):
        with serving(file(CONTENT, cut=len(CONTENT), has_length=False), file(CONTENT, has_length=False)) as site:
            assert received(site, tmp_path / "words.bin") == CONTENT
        assert site.ranges() == [None, f"bytes={len(CONTENT)}-"]

    def test_a_server_that_is_busy_is_asked_again(self, tmp_path):
        with serving(says(503), says(429), file(CONTENT)) as site:
            assert received(site, tmp_path / "words.bin") == CONTENT

    @pytest.mark.parametrize(
        ("answer", "times", "words"),
        [
            (says(404), 1, "the server says 404 Not Found; fetch it another way"),
            (says(403), 1, "the server says 403 Forbidden"),
            (says(500), 5, "the server says 500 Internal Server Error, 5 times; fetch"),
            (lambda _: None, 5, "without response, 5 times; fetch"),
            (file(CONTENT, cut=CUT, ranges=False), 5, f"after {CUT} of 300000 bytes, 5 times; run it again to go on"),
            (says(200, content_length=str(1 << 50)), 1, "it has 1125899906842624 bytes; fetch it another way"),
            (says(302, location="ftp://127.0.0.1/words.bin"), 1, "unknown url type: ftp"),
            (says(302, location="file:///etc/passwd"), 1, "to url 'file:///etc/passwd' is not allowed"),
            (says(200, LOGIN), 1, "a web page came in its place, perhaps that of a login"),
        ],
        ids=["404", "403", "500", "silent", "cut for ever", "huge", "to ftp", "to file", "login"],
    )
    def test_what_cannot_be_fetched_is_one_line_after_few_tries(self, tmp_path, answer, times, words):
        (tmp_path / "in").mkdir()
        with serving(answer) as site, pytest.raises(UserError, match=re.escape(words)) as caught:
            fetch(f"{site.address}/words.bin", tmp_path / "in" / "words.bin")
        assert str(caught.value).startswith(f"cannot download {site.address}/words.bin: ")
        assert "\n" not in str(caught.value)
        assert len(site.asked) == times
        assert "words.bin" not in names(tmp_path / "in")
        assert names(tmp_path / "in") == [] or "to go on" in words

    def test_a_server_that_is_not_there_is_named(self, tmp_path):
        with serving(says(200)) as site:
            pass
        with pytest.raises(UserError, match="Connection refused, 5 times; fetch it another way"):
            fetch(f"{site.address}/words.bin", tmp_path / "words.bin")

    @pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/a.tar", "/etc/passwd", "data:,a"])
    def test_nothing_but_http_is_read(self, tmp_path, url):
        with pytest.raises(UserError, match="only http and https are read"):
            fetch(url, tmp_path / "words.bin")

    def test_a_login_page_does_not_cost_what_came_before(self, tmp_path):
        with serving(file(CONTENT, cut=CUT), says(200, LOGIN), file(CONTENT)) as site:
            with pytest.raises(UserError, match="a web page came in its place"):
                fetch(f"{site.address}/words.bin", tmp_path / "words.bin", SHA256)
            assert received(site, tmp_path / "words.bin") == CONTENT
        assert site.ranges() == [None, f"bytes={CUT}-", f"bytes={CUT}-"]

    def test_another_content_is_named_with_both_digests_and_removed(self, tmp_path):
        found = hashlib.sha256(CONTENT[1:]).hexdigest()
        with serving(file(CONTENT[1:]), file(CONTENT)) as site:
            with pytest.raises(
                UserError, match=f"words.bin is not what .*is {found} where {SHA256} is expected; removed"
            ):
                fetch(f"{site.address}/words.bin", tmp_path / "words.bin", SHA256)
            assert names(tmp_path) == []
            assert received(site, tmp_path / "words.bin") == CONTENT

    def test_a_page_that_was_saved_as_the_file_is_removed_as_what_it_is(self, tmp_path):
        (tmp_path / "words.bin").write_bytes(LOGIN)
        with pytest.raises(UserError, match="it is a web page, perhaps that of a login to the network; removed"):
            fetch("http://127.0.0.1:9/words.bin", tmp_path / "words.bin", SHA256)
        assert names(tmp_path) == []

    @pytest.mark.parametrize("record", ["", "[1]", '{"url": 1}', '{"url": "http://other", "validator": "a"}'])
    def test_what_came_of_who_knows_what_begins_anew(self, tmp_path, record):
        (tmp_path / "partial.words.bin").write_bytes(b"remains")
        (tmp_path / "partial.words.bin.json").write_text(record)
        with serving(file(CONTENT)) as site:
            assert received(site, tmp_path / "words.bin") == CONTENT
        assert site.ranges() == [None]

    def test_a_file_without_end_is_given_up(self, tmp_path, monkeypatch):
        monkeypatch.setattr(download, "MAX_ARCHIVE_BYTES", CUT)
        with (
            serving(file(CONTENT, has_length=False)) as site,
            pytest.raises(UserError, match="it has more than 100000"),
        ):
            fetch(f"{site.address}/words.bin", tmp_path / "words.bin")
        assert "words.bin" not in names(tmp_path)


PROGRAM = """
import resource, sys
from pathlib import Path
from pyspeech.corpora.download import fetch
from pyspeech.errors import UserError
if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    fetch(sys.argv[1], Path(sys.argv[2]))
except UserError as error:
    sys.exit(str(error))
"""


def started(site, path: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, f"{site.address}/words.bin", str(path), *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


class TestProcesses:
    def test_after_a_kill_the_rest_is_fetched_and_meanwhile_nobody_else_may(self, tmp_path):
        partial, halt = tmp_path / "partial.words.bin", threading.Event()
        with serving(file(CONTENT, cut=CUT, wait=halt), file(CONTENT)) as site:
            child = started(site, tmp_path / "words.bin")
            while not partial.exists() or partial.stat().st_size < CUT // 2:
                assert child.poll() is None
                time.sleep(0.01)
            with pytest.raises(UserError, match=rf"words\.bin is being written by process {child.pid} .*; wait"):
                fetch(f"{site.address}/words.bin", tmp_path / "words.bin", SHA256)
            child.send_signal(signal.SIGKILL)
            child.communicate()
            halt.set()
            size = partial.stat().st_size
            assert received(site, tmp_path / "words.bin") == CONTENT
        assert site.ranges() == [None, f"bytes={size}-"]

    def test_a_full_disk_is_one_line_and_keeps_what_came(self, tmp_path):
        with serving(file(CONTENT)) as site:
            child = started(site, tmp_path / "words.bin", str(CUT))
            _, said = child.communicate()
            assert child.returncode == 1
            assert said == f"cannot write {tmp_path}/words.bin: File too large; free space or choose another place\n"
            assert received(site, tmp_path / "words.bin") == CONTENT
        assert site.ranges() == [None, f"bytes={CUT}-"]


ARCHIVE = packed({"words/a.txt": b"A", "./words/deep/b.raw": CONTENT[:5000], "README": b"outside the folder"})


class TestArchive:
    @pytest.mark.parametrize("mode", ["gz", "bz2", "xz", ""])
    def test_the_top_folder_is_unpacked_under_the_name_given(self, tmp_path, mode):
        archive = packed({"words/a.txt": b"A", "./words/deep/b.raw": CONTENT}, f"w:{mode}")
        url = f"/words.tar.{mode}?version=1" if mode else "/words.tar"
        with serving(file(archive)) as site:
            for _ in range(2):
                download_archive(site.address + url, tmp_path / "in" / "corpus", hashlib.sha256(archive).hexdigest())
        assert names(tmp_path / "in") == ["corpus"]
        assert (tmp_path / "in/corpus/a.txt").read_text() == "A"
        assert (tmp_path / "in/corpus/deep/b.raw").read_bytes() == CONTENT
        assert len(site.asked) == 1

    @given(st.data())
    def test_a_damaged_archive_is_refused_or_of_no_consequence(self, tmp_path_factory, data):
        cut = data.draw(st.integers(0, len(ARCHIVE)))
        flipped = data.draw(st.lists(st.integers(0, len(ARCHIVE) - 1), max_size=3))
        damaged = bytearray(ARCHIVE)
        for place in flipped:
            damaged[place] ^= 1 << place % 8
        folder = tmp_path_factory.mktemp("damaged")
        (folder / "words.tar.gz").write_bytes(damaged[:cut])
        try:
            download_archive("http://127.0.0.1:9/words.tar.gz", folder / "corpus")
        except UserError as error:
            assert re.match(r".*words\.tar\.gz is not what .*: .*; removed: run it again", str(error))  # noqa: PT017
            assert names(folder) == []
        else:
            assert names(folder) == ["corpus"]
            assert (folder / "corpus/deep/b.raw").read_bytes() == CONTENT[:5000]

    def bad(self, tmp_path: Path, content: bytes) -> str:
        """What is said of an archive, which leaves nothing behind."""
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "words.tar.gz").write_bytes(content)
        with pytest.raises(UserError, match=r"words\.tar\.gz is not what http") as caught:
            download_archive("http://127.0.0.1:9/words.tar.gz", tmp_path / "in" / "corpus")
        assert names(tmp_path / "in") == []
        assert names(tmp_path) == ["in"]
        return str(caught.value)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "removed"),
            (LOGIN, "perhaps that of a login to the network"),
            (gzip.compress(CONTENT), "removed"),
            (packed({"README": b"no folder"}), "it holds no folder with files"),
            (packed({"words/../../outside.txt": b"evil"}), "outside"),
            (packed({"words/a": special("words/a", pax_headers={"path": "words/a\0b"})}), "removed"),
        ],
        ids=["empty", "login", "noise", "no folder", "outside", "NUL"],
    )
    def test_what_is_no_corpus_is_named_and_removed(self, tmp_path, content, words):
        assert re.search(words, self.bad(tmp_path, content))

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
    def test_links_that_lead_out_and_devices_are_refused(self, tmp_path, kind):
        self.bad(tmp_path, packed({"words/link": special("words/link", type=kind, linkname="/etc/passwd")}))

    @pytest.mark.parametrize("members", [{"words/zeros": bytes(3 << 20)}, {"words/" + "a" * (3 << 20): b""}])
    def test_an_archive_that_would_fill_the_disk_is_refused(self, tmp_path, monkeypatch, members):
        monkeypatch.setattr(download, "LEAST_BOUND_BYTES", 1 << 20)
        assert "it unpacks to more than 1048576 bytes" in self.bad(tmp_path, packed(members))


def git(*arguments: object) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class TestClone:
    @pytest.fixture
    def source(self, tmp_path):
        """A repository of two commits."""
        git("init", "--quiet", tmp_path / "source")
        for content in ("first", "second"):
            (tmp_path / "source/a.txt").write_text(content)
            git("-C", tmp_path / "source", "add", "a.txt")
            git("-C", tmp_path / "source", "commit", "--quiet", "-m", content)
        return tmp_path / "source"

    def test_the_commit_that_was_named_is_fetched_once_whatever_is_the_newest(self, source, tmp_path):
        first = git("-C", source, "rev-parse", "HEAD^")
        git_clone(source.as_uri(), tmp_path / "newest")
        assert (tmp_path / "newest/a.txt").read_text() == "second"
        for _ in range(2):
            git_clone(source.as_uri(), tmp_path / "in" / "clone", first)
        assert (tmp_path / "in/clone/a.txt").read_text() == "first"
        assert git("-C", tmp_path / "in/clone", "rev-parse", "HEAD") == first
        assert names(tmp_path / "in") == ["clone"]

    @pytest.mark.parametrize("commit", ["0" * 40, "no such name"])
    def test_a_repository_without_that_commit_leaves_nothing(self, source, tmp_path, commit):
        with pytest.raises(UserError, match=rf"cannot clone file://.*/source at {commit} into .*; fetch it"):
            git_clone(source.as_uri(), tmp_path / "in" / "clone", commit)
        assert names(tmp_path) == ["source"]

    def test_nothing_asks_for_a_password(self, tmp_path, monkeypatch):
        asks = tmp_path / "asks"
        asks.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\necho secret\n")
        asks.chmod(0o755)
        monkeypatch.setenv("SSH_ASKPASS", str(asks))
        monkeypatch.setenv("GIT_ASKPASS", str(asks))
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        with serving(says(401, www_authenticate="Basic")) as site, pytest.raises(UserError, match="cannot clone"):
            git_clone(f"{site.address}/words", tmp_path / "clone", "0" * 40)
        assert site.asked
        assert not (tmp_path / "asked").exists()
