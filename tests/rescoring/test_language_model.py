import bz2
import gzip
import json
import lzma
import math
import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import kenlm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.lm import ngram
from pyspeech.lm.ngram import LmSettings, find_program, train_lm
from pyspeech.rescoring.language_model import LN10, LanguageModel, open_lm
from tests.messages import told

SENTENCES = ["call anna now", "call bert", "anna calls bert now", "play a song", "play it", "spiel für anna"]
WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})
PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
MAGIC_BYTES = len("mmap lm http://kheafield.com/code format version ")


def build(arpa, out, *options):
    subprocess.run([find_program("build_binary"), *options, arpa, out], check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    """A folder of ``lm train``, and the binaries that build_binary makes of its ARPA file."""
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text").write_text("\n".join(SENTENCES), encoding="utf-8")
    train_lm(folder / "lm", [folder / "text"], LmSettings(3), memory="100M")
    return folder / "lm"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def opened(path, cache, **options):
    """The model, and what was logged."""
    with told() as log:
        return open_lm(path, cache, **options), "\n".join(log)


def write_arpa(path, words, marks=("<s>", "</s>", "<unk>")):
    lines = [f"-1\t{word}\t-0.5" for word in (*marks, *words)]
    head = ["", "\\data\\", f"ngram 1={len(lines)}", "ngram 2=1", "", "\\1-grams:"]
    tail = ["", "\\2-grams:", f"-0.1\t<s> {words[0]}", "", "\\end\\", ""]
    path.write_text("\n".join([*head, *lines, *tail]), encoding="utf-8")
    return path


@given(st.lists(st.sampled_from([*WORDS, "unheard", "<unk>"]), max_size=8))
def test_a_score_is_the_natural_logarithm_of_what_kenlm_says(lm, words):
    found = LanguageModel(lm / "lm.bin").score(words)
    scores = [log10 for log10, _, _ in kenlm.Model(str(lm / "lm.bin")).full_scores(" ".join(words))]
    assert len(scores) == len(words) + 1
    assert found == pytest.approx(math.log(10) * math.fsum(scores))


def test_a_model_says_its_order_and_which_words_it_knows(lm):
    model = LanguageModel(lm / "lm.bin")
    assert (model.path, model.order) == (lm / "lm.bin", 3)
    assert "für" in model
    assert "unheard" not in model
    assert model.has_unknown
    assert model.notes == ()


KINDS = {
    "probing": ("probing",),
    "trie": ("trie",),
    "quantised": ("-q", "8", "trie"),
    "array": ("-a", "22", "trie"),
    "quantised array": ("-q", "8", "-a", "22", "trie"),
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("marks", [("<s>", "</s>", "<unk>"), ("<unk>", "</s>", "<s>"), ("<s>", "</s>")])
@pytest.mark.parametrize("num_words", [1, 2, 9000])
def test_every_kind_of_binary_gives_the_words_of_its_arpa_file(tmp_path, options, marks, num_words):
    words = sorted(["naïve\u00a0x", *(f"word{number}" for number in range(num_words - 1))])  # KenLM parts no such word
    arpa = write_arpa(tmp_path / "lm.arpa", words, marks)
    assert LanguageModel(arpa).words() == words
    assert LanguageModel(build(arpa, tmp_path / "lm.bin", *options)).words() == words


def test_a_binary_without_its_words_names_the_remedy(tmp_path, lm):
    model = LanguageModel(build(lm / "lm.arpa", tmp_path / "lm.bin", "-v"))
    assert model.score(["call"]) < 0
    with pytest.raises(UserError, match=r"lm\.bin was built without its words; build it again, without .* -v"):
        model.words()


@pytest.mark.parametrize("kind", ["probing", "trie"])
@pytest.mark.parametrize("missing", [1, 9, 40])
def test_a_binary_that_lacks_some_of_its_words_is_named(tmp_path, lm, kind, missing):
    binary = build(lm / "lm.arpa", tmp_path / "lm.bin", kind)
    binary.write_bytes(binary.read_bytes()[:-missing])
    with pytest.raises(UserError, match=r"lm\.bin is not .* the words at its end are damaged or cut short"):
        LanguageModel(binary).words()


def test_a_model_without_unk_is_noted(tmp_path, cache, capfd):
    arpa = write_arpa(tmp_path / "lm.arpa", ["call", "anna"], ("<s>", "</s>"))
    model, _ = opened(arpa, cache)
    assert not model.has_unknown
    assert model.notes == ("the language model holds no <unk>; a word that it lacks gets log10 probability -100",)
    assert model.score(["unheard"]) < -200
    [line] = capfd.readouterr().err.splitlines()  # and nothing of KenLM's own
    assert line.startswith("building the binary of ")


def test_a_folder_and_a_binary_are_opened_as_they_are(lm, cache):
    for path in (lm, lm / "lm.bin"):
        model, log = opened(path, cache)
        assert (model.path, log) == (lm / "lm.bin", "")
    assert not cache.exists()


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["lm.arpa", "3-gram.pruned.1e-7"])
def test_an_arpa_file_becomes_a_binary_once(tmp_path, lm, cache, name, suffix):
    arpa = tmp_path / f"{name}{suffix}"
    arpa.write_bytes(PACKERS[suffix]((lm / "lm.arpa").read_bytes()))
    model, log = opened(arpa, cache)
    assert log == f"building the binary of {arpa} in {model.path}"
    assert model.path.parent == cache
    assert model.path.read_bytes().startswith(b"mmap lm")
    assert model.score(["call", "anna"]) == LanguageModel(lm / "lm.bin").score(["call", "anna"])
    again, log = opened(arpa.rename(tmp_path / f"other{suffix}"), cache)
    assert (again.path, log) == (model.path, "")
    assert sorted(path.suffix for path in cache.iterdir()) == [".bin"]


def test_another_content_of_one_name_is_another_model(tmp_path, lm, cache):
    arpa = write_arpa(tmp_path / "lm.arpa", ["call", "anna"])
    first, _ = opened(arpa, cache)
    write_arpa(arpa, ["bert"])
    second, _ = opened(arpa, cache)
    assert first.words() == ["anna", "call"]
    assert second.words() == ["bert"]


@pytest.fixture
def no_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYSPEECH_KENLM_BIN", raising=False)
    monkeypatch.setattr(ngram, "PROJECT", tmp_path)


@pytest.mark.usefixtures("no_programs")
def test_without_build_binary_an_arpa_file_is_opened_itself(tmp_path, lm, cache):
    model, log = opened(lm / "lm.arpa", cache)
    assert model.path == lm / "lm.arpa"
    assert "build_binary is not installed" in log
    assert model.words() == WORDS
    (tmp_path / "lm.arpa.gz").write_bytes(gzip.compress((lm / "lm.arpa").read_bytes()))
    packed, _ = opened(tmp_path / "lm.arpa.gz", cache)
    assert packed.words() == WORDS
    assert packed.score(["call", "anna"]) == model.score(["call", "anna"])
    assert not cache.exists()


@pytest.mark.parametrize("suffix", [".txt.xz", ".jsonl.gz"])
def test_a_model_is_trained_on_text_once_for_a_content_and_settings(tmp_path, lm, cache, suffix):
    path = tmp_path / f"text{suffix}"
    content = "\n".join(SENTENCES)
    if "jsonl" in suffix:
        cuts = [{"id": text, "duration": 1.0, "supervisions": [{"text": text}]} for text in SENTENCES]
        content = "\n".join(map(json.dumps, cuts))
    path.write_bytes(PACKERS.get(path.suffix, bytes)(content.encode()))
    model, log = opened(path, cache, order=3)
    assert f"trained a language model of order 3 on {path} in {model.path.parent}" in log
    assert model.words() == WORDS
    assert model.path.with_name("lm.arpa").read_text() == (lm / "lm.arpa").read_text()
    again, log = opened(path, cache, order=3)
    assert (again.path, log) == (model.path, "")


def test_text_trains_another_model_for_another_order(tmp_path, cache):
    (tmp_path / "text").write_text("\n".join(SENTENCES))
    assert [opened(tmp_path / "text", cache, order=order)[0].order for order in (2, 3, 2)] == [2, 3, 2]
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 2


def test_held_out_sentences_are_looked_for_in_text(tmp_path, cache):
    (tmp_path / "text.txt").write_text("\n".join(SENTENCES))
    cut = {"id": "a", "duration": 1.0, "supervisions": [{"text": "Call Bert!"}]}
    manifest = tmp_path / "dev.jsonl.gz"
    manifest.write_bytes(gzip.compress(json.dumps(cut).encode()))
    with pytest.raises(UserError, match=r"1 lines of the text hold a whole held-out sentence"):
        opened(tmp_path / "text.txt", cache, held_out=[manifest])
    model, log = opened(tmp_path / "text.txt", cache, held_out=[manifest], drop_held_out=True)
    assert "left out 1 lines" in log
    assert "bert" in model
    with pytest.raises(UserError, match="no held-out manifest at"):
        opened(tmp_path / "text.txt", cache, held_out=[tmp_path / "nothing"])


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    arpa = write_arpa(tmp_path / "lm.arpa", ["call"])
    monkeypatch.setenv("PYSPEECH_CACHE", str(tmp_path / "chosen"))
    assert opened(arpa, None)[0].path.parent == tmp_path / "chosen"
    monkeypatch.delenv("PYSPEECH_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert opened(arpa, None)[0].path.parent == tmp_path / "home" / ".cache" / "pyspeech" / "lm"


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/.*choose another place"):
        opened(write_arpa(tmp_path / "lm.arpa", ["call"]), tmp_path / "file")


def test_processes_at_once_share_what_one_of_them_makes(tmp_path, cache):
    (tmp_path / "text").write_text("\n".join(SENTENCES))
    write_arpa(tmp_path / "lm.arpa", [f"word{number}" for number in range(20000)])
    program = """
import sys
from pathlib import Path
from pyspeech.messages import tell_from
from pyspeech.rescoring.language_model import open_lm
tell_from(20)
for path in sys.argv[2:]:
    print(len(open_lm(Path(path), Path(sys.argv[1])).words()))
"""
    command = [sys.executable, "-c", program, cache, tmp_path / "text", tmp_path / "lm.arpa"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], outputs
    assert [[line for line in out.splitlines() if line.isdigit()] for out, _ in outputs] == [
        [str(len(WORDS)), "20000"]
    ] * 3
    assert sum("building the binary" in err for _, err in outputs) == 1
    assert sum("trained a language model" in err for _, err in outputs) == 1
    assert not [path for path in cache.iterdir() if path.name.startswith(("partial", "tmp"))]


BROKEN = {
    "ARPA without its end": ("a.arpa", "lm.arpa", lambda content: content[:-7], "it has no line"),
    "half an ARPA": ("a.arpa", "lm.arpa", lambda content: content[: len(content) // 2], "it has no line"),
    "half a packed ARPA": (
        "a.gz",
        "lm.arpa",
        lambda content: gzip.compress(content)[:-30],
        "cannot be read after line",
    ),
    "ARPA that is text": ("a.arpa", "lm.arpa", lambda _: b"\n\nhello you", r"'hello you' where \\data\\ is expected"),
    "packed ARPA that is text": ("a.arpa.gz", "lm.arpa", lambda _: gzip.compress(b"hello"), "begins with 'hello'"),
    "ARPA that is not packed": ("a.arpa.gz", "lm.arpa", bytes, "cannot be read after line 0 .Not a gzipped file"),
    "empty ARPA": ("a.arpa", "lm.arpa", lambda _: b"", r"is not an ARPA file, it is empty where \\data\\"),
    "empty binary": ("a.bin", "lm.bin", lambda _: b"", "is not a KenLM binary, it is empty; build"),
    "binary that is an ARPA's text": ("a.bin", "lm.bin", lambda _: b"hello", "is not a KenLM binary, it begins with"),
    "binary of another version": (
        "a.bin",
        "lm.bin",
        lambda content: content[:MAGIC_BYTES] + b"4" + content[MAGIC_BYTES + 1 :],
        "Binary file has version 4 but this implementation expects version 5",
    ),
    "binary without magic": ("a.bin", "lm.bin", lambda content: b"x" + content[1:], "begins with 'xmap lm"),
    "half a binary": ("a.bin", "lm.bin", lambda content: content[: len(content) // 2], "damaged or cut short"),
    "packed binary": ("a.bin.gz", "lm.bin", gzip.compress, "cannot be mapped into memory; unpack it"),
    "text without words": ("a.txt", "lm.arpa", lambda _: b" \n\n", "no word left to train a language model on"),
    "empty text": ("a.txt", "lm.arpa", lambda _: b"", "no word left to train a language model on"),
    "text in Latin-1": ("a.txt", "lm.arpa", lambda _: "für".encode("latin-1"), "line 1 is not UTF-8"),
}


@pytest.mark.parametrize(("name", "source", "change", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_in_one_line_and_leaves_nothing_behind(
    tmp_path, lm, cache, name, source, change, message
):
    path = tmp_path / name
    path.write_bytes(change((lm / source).read_bytes()))
    with pytest.raises(UserError, match=message.format(path=path)) as caught:
        opened(path, cache)
    assert "\n" not in str(caught.value)
    assert not cache.exists() or not list(cache.iterdir())


def test_what_is_not_there_is_named(tmp_path, cache):
    for path in (tmp_path / "nothing.arpa", tmp_path):
        with pytest.raises(UserError, match="no language model at"):
            opened(path, cache)


def test_unigrams_are_those_of_the_arpa_file(tmp_path):
    path = tmp_path / "lm.arpa"
    path.write_text(
        "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-1.5\t<unk>\n-99\t<s>\t-0.2\n-0.7\t</s>\n-0.25\ta\t-0.3\n\n"
        "\\2-grams:\n-0.1\t<s> a\n\n\\end\\\n"
    )
    found = LanguageModel(path).unigrams(["a", "b", "<unk>"])
    assert found == pytest.approx([-0.25 * LN10, -1.5 * LN10, -1.5 * LN10])


def as_user(number: int, cache: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """Open a model in a process of another user, which cannot write what root owns."""
    program = """
import encodings.utf_8_sig, os, sys
from pathlib import Path
import kenlm
from pyspeech.errors import UserError
from pyspeech.rescoring.language_model import open_lm
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
try:
    print(open_lm(Path(sys.argv[3]), Path(sys.argv[2])).path)
except UserError as error:
    sys.exit(str(error))
"""
    command = [sys.executable, "-c", program, str(number), str(cache), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
class TestCacheOfSeveralUsers:
    NOBODY = 54321

    @pytest.fixture
    def place(self, lm):
        """A folder that every user reaches, with a text and an ARPA file."""
        umask = os.umask(0o022)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            (folder / "text").write_text("\n".join(SENTENCES))
            (folder / "lm.arpa").write_bytes((lm / "lm.arpa").read_bytes())
            yield folder
        os.umask(umask)

    @pytest.mark.parametrize("source", ["text", "lm.arpa"])
    def test_a_cache_that_cannot_be_written_serves_what_it_holds(self, place, source):
        (place / "cache").mkdir()
        made, _ = opened(place / source, place / "cache")
        before = sorted(place.rglob("*"))
        done = as_user(self.NOBODY, place / "cache", place / source)
        assert (done.returncode, done.stdout) == (0, f"{made.path}\n"), done.stderr
        assert sorted(place.rglob("*")) == before
        done = as_user(self.NOBODY, place / "cache", write_arpa(place / "other.arpa", ["call"]))
        assert re.fullmatch(
            f"cannot write {place}/cache/[0-9a-f]+.bin: Permission denied; free space or choose another place\n",
            done.stderr,
        )

    @pytest.mark.parametrize(
        ("source", "whose"),
        [(source, whose) for source in ("text", "lm.arpa") for whose in (".", "*")]
        + [("text", "*/lm.bin"), ("lm.arpa", "*.bin")],
    )
    def test_what_belongs_to_another_user_is_refused(self, place, source, whose):
        opened(place / source, place / "cache")
        found = [place / "cache"] if whose == "." else [*(place / "cache").glob(whose)]
        assert found
        for path in found:
            os.chown(path, self.NOBODY, -1)
        with pytest.raises(
            UserError, match="in the cache belongs to user 54321, not to you; remove it, or set PYSPEECH"
        ):
            opened(place / source, place / "cache")
        for path in found:
            os.chown(path, 0, -1)
        opened(place / source, place / "cache")

    def test_a_link_of_another_user_is_refused_wherever_it_leads(self, place, lm):
        model, _ = opened(place / "lm.arpa", place / "cache")
        model.path.unlink()
        model.path.symlink_to(lm / "lm.bin")
        os.chown(model.path, self.NOBODY, -1, follow_symlinks=False)
        with pytest.raises(UserError, match=f"{model.path.name} in the cache belongs to user 54321"):
            opened(place / "lm.arpa", place / "cache")


class TestCacheThatOthersCanWrite:
    def test_a_new_cache_is_closed_to_others(self, lm, cache):
        umask = os.umask(0o002)
        try:
            for _ in range(2):
                opened(lm / "lm.arpa", cache)
        finally:
            os.umask(umask)
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700

    @pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
    def test_an_open_cache_is_refused(self, lm, cache, mode):
        cache.mkdir()
        cache.chmod(mode)
        with pytest.raises(
            UserError, match=f"{cache} can be written by other users.*; chmod 700 {cache}, or set PYSPEECH"
        ):
            opened(lm / "lm.arpa", cache)
        assert not [*cache.iterdir()]
        cache.chmod(0o1777)  # there nobody can replace what is another's
        opened(lm / "lm.arpa", cache)

    def test_an_open_file_is_refused_where_others_reach_it(self, lm, cache):
        model, _ = opened(lm / "lm.arpa", cache)
        model.path.chmod(0o664)
        opened(lm / "lm.arpa", cache)
        cache.chmod(0o755)
        with pytest.raises(UserError, match=f"{model.path.name} can be written by other users"):
            opened(lm / "lm.arpa", cache)
