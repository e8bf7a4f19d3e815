import gzip
import json
import lzma
import random
import shutil

import kenlm
import pytest

from pyspeech.errors import UserError
from pyspeech.lm import ngram, training_text
from pyspeech.lm.arpa import ArpaReader
from pyspeech.lm.ngram import LmSettings, find_program, train_lm
from tests.messages import told

MEMORY = "100M"
SENTENCES = ["call anna now", "call bert", "anna calls bert now", "play a song", "play it"]


def write_manifest(path, texts):
    cuts = ({"id": f"u{n}", "duration": 1.0, "supervisions": [{"text": text}]} for n, text in enumerate(texts))
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, cuts)).encode()))
    return path


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(SENTENCES))
    return path


def train(out, texts, settings=LmSettings(2), held_out=()):  # noqa: B008 (frozen)
    with told() as log:
        made = train_lm(out, texts, settings, held_out, MEMORY)
    return made, "\n".join(log)


def test_a_model_has_three_files_that_agree(tmp_path, text):
    made, log = train(tmp_path / "lm", [text], LmSettings(3))
    assert made
    assert sorted(path.name for path in (tmp_path / "lm").iterdir()) == ["lm.arpa", "lm.bin", "lm.json"]
    assert "discount_fallback" in log  # so little text has no Kneser-Ney discounts
    description = json.loads((tmp_path / "lm" / "lm.json").read_text())
    assert description["words"] == len({word for sentence in SENTENCES for word in sentence.split()})
    assert description["ngrams"] == [*ArpaReader(tmp_path / "lm" / "lm.arpa").counts]
    assert description["text"] == {"sentences": 5, "words": 14, "lines_left_out": 0, "repeated_transcripts": 0}
    binary, arpa = (kenlm.Model(str(tmp_path / "lm" / name)) for name in ("lm.bin", "lm.arpa"))
    assert binary.order == 3
    assert binary.score("call anna now") == pytest.approx(arpa.score("call anna now"), abs=1e-5)


def test_discounts_are_estimated_where_the_text_allows_it(tmp_path):
    draw = random.Random(1)
    words = [f"w{n}" for n in range(400)]
    weights = [1 / (n + 1) for n in range(400)]
    lines = (" ".join(draw.choices(words, weights, k=draw.randint(1, 9))) for _ in range(700))
    (tmp_path / "text").write_text("\n".join(lines))
    _, log = train(tmp_path / "lm", [tmp_path / "text"])
    assert log == ""
    assert not json.loads((tmp_path / "lm" / "lm.json").read_text())["discount_fallback"]


def test_every_kind_of_file_gives_the_same_model(tmp_path, text):
    content = text.read_bytes()
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    (tmp_path / "a.xz").write_bytes(lzma.compress(content))
    (tmp_path / "half1").write_text("\n".join(SENTENCES[:2]))
    (tmp_path / "half2").write_text("\n".join(SENTENCES[2:]))
    manifest = write_manifest(tmp_path / "cuts.jsonl.gz", SENTENCES)
    inputs = [[text], [tmp_path / "a.gz"], [tmp_path / "a.xz"], [manifest], [tmp_path / "half1", tmp_path / "half2"]]
    models = []
    for number, files in enumerate(inputs):
        train(tmp_path / f"lm{number}", files)
        models.append((tmp_path / f"lm{number}" / "lm.arpa").read_text())
    assert models == [models[0]] * len(inputs)


def test_a_second_run_with_the_same_contents_does_nothing_and_any_change_trains_again(tmp_path, text):
    out = tmp_path / "lm"
    train(out, [text])
    before = (out / "lm.bin").stat().st_mtime_ns
    other_name = shutil.copy(text, tmp_path / "other name")
    assert train(out, [other_name]) == (False, "")
    assert (out / "lm.bin").stat().st_mtime_ns == before
    assert train(out, [text], LmSettings(3))[0]
    text.write_text("call clara\n")
    assert train(out, [text], LmSettings(3))[0]
    assert "clara" in (out / "lm.arpa").read_text()
    held_out = write_manifest(tmp_path / "dev.jsonl.gz", ["nothing of this"])
    assert train(out, [text], LmSettings(3), [held_out])[0]
    (out / "lm.bin").unlink()
    assert train(out, [text], LmSettings(3), [held_out])[0]


def test_the_vocabulary_limit_keeps_the_most_frequent_words(tmp_path):
    (tmp_path / "text").write_text("b a\na b c\na d c e\n" * 3)
    train(tmp_path / "lm", [tmp_path / "text"], LmSettings(2, vocabulary_limit=3))
    model = kenlm.Model(str(tmp_path / "lm" / "lm.bin"))
    assert [word for word in "abcde" if word in model] == ["a", "b", "c"]
    assert json.loads((tmp_path / "lm" / "lm.json").read_text())["words"] == 3


def test_pruning_leaves_out_rare_ngrams(tmp_path):
    (tmp_path / "text").write_text("a b c\na b c\na c b\nb b a\n")
    train(tmp_path / "all", [tmp_path / "text"], LmSettings(3))
    train(tmp_path / "pruned", [tmp_path / "text"], LmSettings(3, (0, 0, 1)))
    full, pruned = (ArpaReader(tmp_path / name / "lm.arpa").counts for name in ("all", "pruned"))
    assert pruned[:2] == full[:2]
    assert 0 < pruned[2] < full[2]


def test_text_with_a_held_out_sentence_is_refused_with_its_place_and_nothing_is_written(tmp_path, text):
    held_out = write_manifest(tmp_path / "dev.jsonl.gz", ["Call Bert!", "something else", "anna calls"])
    with pytest.raises(
        UserError, match=r"^2 lines .*text\.txt line 2 \('call bert'\).*line 3.*--drop-held-out"
    ) as caught:
        train(tmp_path / "lm", [text], held_out=[held_out])
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.jsonl.gz", "text.txt"]


@pytest.mark.parametrize("limit", [None, 100])
def test_lines_with_a_held_out_sentence_can_be_left_out(tmp_path, text, limit):
    held_out = write_manifest(tmp_path / "dev.jsonl.gz", ["Call Bert!", "anna calls"])
    _, log = train(tmp_path / "lm", [text], LmSettings(2, (), limit, drop_held_out=True), [held_out])
    assert "left out 2 lines" in log
    (tmp_path / "rest").write_text("\n".join([SENTENCES[0], *SENTENCES[3:]]))
    train(tmp_path / "rest_lm", [tmp_path / "rest"])
    assert (tmp_path / "lm" / "lm.arpa").read_text() == (tmp_path / "rest_lm" / "lm.arpa").read_text()
    assert json.loads((tmp_path / "lm" / "lm.json").read_text())["text"]["lines_left_out"] == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (LmSettings(1), "order 1: KenLM's models have an order of 2 to 6"),
        (LmSettings(7), "order 7"),
        (LmSettings(2, (0, 1, 1)), "prune '0 1 1': expected at most 2 counts"),
        (LmSettings(2, (1, 0)), "none smaller than the one before"),
        (LmSettings(2, (-1,)), "none below zero"),
        (LmSettings(2, vocabulary_limit=0), "vocabulary limit 0"),
    ],
)
def test_settings_that_kenlm_cannot_hold_are_refused(tmp_path, text, settings, message):
    with pytest.raises(UserError, match=message):
        train(tmp_path / "lm", [text], settings)


def test_text_without_words_is_refused(tmp_path):
    (tmp_path / "text").write_text("\n \n")
    with pytest.raises(UserError, match="no word left"):
        train(tmp_path / "lm", [tmp_path / "text"])


def test_pruning_that_leaves_no_word_is_refused(tmp_path, text):
    with pytest.raises(UserError, match="pruning by '99 99' leaves no word in the model"):
        train(tmp_path / "lm", [text], LmSettings(2, (99, 99)))
    assert not (tmp_path / "lm").exists()


def test_a_folder_as_text_or_held_out_manifest_is_refused(tmp_path, text):
    with pytest.raises(UserError, match="is a folder or a pipe; the text must be a file"):
        train(tmp_path / "lm", [tmp_path])
    with pytest.raises(UserError, match="is a folder or a pipe; the held-out manifest must be a file"):
        train(tmp_path / "lm", [text], held_out=[tmp_path])


def test_a_folder_with_other_things_is_not_replaced(tmp_path, text):
    with pytest.raises(UserError, match=r"would be replaced but holds other things .*text\.txt"):
        train(tmp_path, [text])
    assert text.exists()


def test_a_missing_program_names_the_installer(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYSPEECH_KENLM_BIN", raising=False)
    monkeypatch.setattr(ngram, "PROJECT", tmp_path)
    with pytest.raises(UserError, match=r"lmplz is not installed; run tools/install\.sh"):
        find_program("lmplz")


@pytest.fixture
def fake_lmplz(tmp_path, monkeypatch):
    """Put a program in the place of lmplz, found by $PYSPEECH_KENLM_BIN before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PYSPEECH_KENLM_BIN", str(folder))

    def write(script):
        (folder / "lmplz").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "lmplz").chmod(0o755)

    return write


@pytest.mark.parametrize("reads", ["cat > /dev/null", "true"])  # "true": it ends before its input does
def test_a_failing_lmplz_is_reported_by_its_last_line(tmp_path, fake_lmplz, reads):
    fake_lmplz(f"{reads}; echo first >&2; echo 'it broke' >&2; exit 3")
    (tmp_path / "text").write_text("a b c d e f\n" * 30000)
    with pytest.raises(UserError, match=r"^lmplz failed: it broke$"):
        train(tmp_path / "lm", [tmp_path / "text"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "text"]


def test_a_full_disk_is_named_whoever_found_it_full(tmp_path, text, fake_lmplz):
    fake_lmplz("cat > /dev/null; echo 'while writing: No space left on device (28)' >&2; exit 1")
    with pytest.raises(UserError, match=r"cannot write .*/lm: No space left on device; free space"):
        train(tmp_path / "lm", [text])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "text.txt"]


def test_an_interrupted_training_leaves_no_process_and_no_folder(tmp_path, text, fake_lmplz, monkeypatch):
    fake_lmplz("cat > /dev/null; exit 0")

    def broken(*_):
        yield from ()
        raise KeyboardInterrupt

    monkeypatch.setattr(training_text, "read_lines", broken)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "lm", [text])
    assert not list(tmp_path.glob("*lm"))
