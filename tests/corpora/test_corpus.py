import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from processes import run_script
from tones import write_tones

from pyspeech.corpora.corpus import utterance, write_manifests
from pyspeech.corpora.row import Row
from pyspeech.data.manifests import read_manifest
from pyspeech.errors import UserError

PREPARE = """
from pathlib import Path
from pyspeech.cli.prepare import Row, corpus_cli

def download(corpus: Path) -> None:
    corpus.mkdir()

def rows(corpus, split):
    for path in sorted((corpus / split).glob("*.wav")):
        yield Row(path, text="LOW", speaker="a")

corpus_cli(rows, splits=("train", "test"), download=download)
"""


def prepare(tmp_path: Path, *arguments: str, program: str = PREPARE) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "prepare.py"
    script.write_text(program)
    return run_script(script, *arguments, cwd=tmp_path)


def test_an_utterance_holds_the_files_duration_text_and_speaker(tmp_path):
    path = write_tones(tmp_path / "a.wav", ["LOW", "HIGH"])
    cut = utterance(path, text="LOW HIGH", speaker="ann")
    assert cut.id == "a"
    assert cut.duration == pytest.approx(soundfile.info(path).duration)
    assert (cut.supervisions[0].text, cut.supervisions[0].speaker) == ("LOW HIGH", "ann")


def test_an_utterance_may_be_a_part_of_a_file_with_an_id_of_its_own(tmp_path):
    path = write_tones(tmp_path / "tape.wav", ["LOW", "HIGH", "MID"])
    cut = utterance(path, "HIGH", "ann", id="tape-2", start=0.3, seconds=0.2)
    assert (cut.id, cut.start, cut.duration, cut.recording_id) == ("tape-2", 0.3, 0.2, "tape")
    assert cut.load_audio().shape == (1, 1600)


def test_of_several_channels_the_first_is_taken(tmp_path):
    soundfile.write(tmp_path / "stereo.wav", np.stack([np.full(800, 0.5), np.zeros(800)], axis=1), 8000)
    assert utterance(tmp_path / "stereo.wav", "A", "a").load_audio().min() > 0.4


@pytest.mark.parametrize(("start", "seconds"), [(0.2, 5.0), (-0.1, 0.1), (0.1, 0.0), (9.0, None)])
def test_a_part_that_the_file_does_not_hold_is_refused(tmp_path, start, seconds):
    path = write_tones(tmp_path / "tape.wav", ["LOW"])
    with pytest.raises(UserError, match=r"utterance 'tape' is .* seconds of .*tape\.wav, which holds 0\.300"):
        utterance(path, "LOW", "a", start=start, seconds=seconds)


@pytest.mark.parametrize("kept_bytes", [20, 44, 400, -800])
def test_a_wav_file_cut_short_is_refused_by_name(tmp_path, kept_bytes):
    path = write_tones(tmp_path / "short.wav", ["LOW"])
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(UserError, match=r"short\.wav"):
        utterance(path, text="LOW", speaker="a")


def test_a_file_that_is_not_audio_is_refused_by_name(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("this is no audio")
    with pytest.raises(UserError, match=r"cannot read .*text\.wav as audio"):
        utterance(path, text="A", speaker="a")


def test_a_streamed_wav_of_unknown_size_is_accepted(tmp_path):
    path = write_tones(tmp_path / "stream.wav", ["LOW"])
    content = bytearray(path.read_bytes())
    content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert utterance(path, text="LOW", speaker="a").duration > 0.2


def test_prepare_writes_one_manifest_per_split(tmp_path):
    for split in ("train", "test"):
        write_tones(tmp_path / "corpus" / split / "a.wav", ["LOW"])
    done = prepare(tmp_path, "manifests", "corpus", "out")
    assert done.returncode == 0, done.stderr
    for split in ("train", "test"):
        assert [cut.id for cut in read_manifest(tmp_path / "out" / f"{split}.jsonl.gz")] == ["a"]


def test_prepare_names_a_corpus_that_is_not_there(tmp_path):
    done = prepare(tmp_path, "manifests", "nowhere", "out")
    assert done.returncode == 1
    assert done.stderr.strip() == "error: no corpus at nowhere; run stage 0, or give its folder with --corpus-dir"
    assert not (tmp_path / "out").exists()


def test_the_splits_may_be_what_is_found_in_the_corpus_and_there_need_be_nothing_to_download(tmp_path):
    found = "lambda corpus: sorted(path.name for path in corpus.iterdir())"
    last = PREPARE.splitlines()[-1]
    program = PREPARE.replace(last, f"corpus_cli(rows, {found})")
    for split in ("train", "test-other"):
        write_tones(tmp_path / "corpus" / split / "a.wav", ["LOW"])
    assert prepare(tmp_path, "manifests", "corpus", "out", program=program).returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test-other.jsonl.gz", "train.jsonl.gz"]
    assert prepare(tmp_path, "download", "corpus", program=program).returncode == 2
    done = prepare(tmp_path, "manifests", "nowhere", "out", program=program)
    assert done.stderr.strip() == "error: no corpus at nowhere; give its folder with --corpus-dir"


class TestAudioThatCannotBeRead:
    @pytest.fixture
    def corpus(self, tmp_path):
        """Three utterances of train, one of test."""
        for number in range(3):
            write_tones(tmp_path / "corpus/train" / f"{number}.wav", ["LOW"])
        write_tones(tmp_path / "corpus/test/a.wav", ["LOW"])
        return tmp_path / "corpus"

    def cut_short(self, *paths):
        for path in paths:
            path.write_bytes(path.read_bytes()[:500])

    def ids(self, tmp_path):
        return [cut.id for cut in read_manifest(tmp_path / "out/train.jsonl.gz")]

    def test_of_train_is_named_left_out_and_counted(self, tmp_path, corpus):
        self.cut_short(corpus / "train/1.wav")
        done = prepare(tmp_path, "manifests", "corpus", "out")
        assert done.returncode == 0, done.stderr
        assert self.ids(tmp_path) == ["0", "2"]
        told = done.stderr.splitlines()
        assert told[0].startswith(f"left out: {corpus}/train/1.wav is cut short: ")
        assert told[1] == "train: left out 1 of 3 utterances, which cannot be used"
        assert told[2].startswith("out/train.jsonl.gz: 2 utterances")

    @pytest.mark.parametrize("content", [b"", b"no audio", b"RIFF"])
    def test_it_may_be_damaged_in_any_way(self, tmp_path, corpus, content):
        (corpus / "train/1.wav").write_bytes(content)
        assert prepare(tmp_path, "manifests", "corpus", "out").returncode == 0
        assert self.ids(tmp_path) == ["0", "2"]

    def test_of_more_than_a_few_is_an_error(self, tmp_path, corpus):
        self.cut_short(corpus / "train/0.wav", corpus / "train/1.wav")
        done = prepare(tmp_path, "manifests", "corpus", "out")
        assert done.returncode == 1
        assert "error: train: 2 of 3 utterances cannot be used: " in done.stderr
        assert not (tmp_path / "out/train.jsonl.gz").exists()

    def test_of_test_is_an_error(self, tmp_path, corpus):
        self.cut_short(corpus / "test/a.wav")
        done = prepare(tmp_path, "manifests", "corpus", "out")
        assert done.returncode == 1
        assert f"error: {corpus}/test/a.wav is cut short" in done.stderr
        assert not (tmp_path / "out/test.jsonl.gz").exists()

    def test_of_a_recording_of_several_utterances_too(self, tmp_path, corpus):
        program = PREPARE.replace(
            'Row(path, text="LOW", speaker="a")', 'Row(path, "LOW", "a", f"{path.stem}-1", 0.0, 0.1)'
        )
        self.cut_short(corpus / "train/1.wav")
        done = prepare(tmp_path, "manifests", "corpus", "out", program=program)
        assert done.returncode == 0, done.stderr
        assert self.ids(tmp_path) == ["0-1", "2-1"]


def test_cuts_may_stand_for_rows(tmp_path):
    audio = [write_tones(tmp_path / f"{name}.wav", ["LOW"]) for name in "abc"]
    made = [Row(audio[0], "LOW", "ann"), utterance(audio[1], "LOW", "ann"), Row(audio[2], "HIGH", start=0.1)]
    write_manifests(lambda *_: made, ["train"], tmp_path, tmp_path / "out")
    cuts = list(read_manifest(tmp_path / "out/train.jsonl.gz"))
    assert cuts[:2] == [utterance(path, "LOW", "ann") for path in audio[:2]]
    assert (cuts[2].id, cuts[2].start, cuts[2].supervisions[0].text) == ("c", 0.1, "HIGH")


def test_a_manifest_of_a_split_that_the_corpus_has_no_more_is_removed(tmp_path):
    for split in ("train", "test"):
        write_tones(tmp_path / "corpus" / split / "a.wav", ["LOW"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/dev.jsonl.gz").touch()
    done = prepare(tmp_path, "manifests", "corpus", "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test.jsonl.gz", "train.jsonl.gz"]
    assert "out/dev.jsonl.gz: removed" in done.stderr


def test_prepare_names_an_empty_split_and_writes_nothing_under_its_name(tmp_path):
    write_tones(tmp_path / "corpus" / "train" / "a.wav", ["LOW"])
    done = prepare(tmp_path, "manifests", "corpus", "out")
    assert done.returncode == 1
    assert "no utterance for test.jsonl.gz" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train.jsonl.gz"]


def test_an_utterance_shorter_than_one_window_is_a_fault_of_stage_1(tmp_path):
    for split in ("train", "test"):
        for name in ("a", "b"):
            write_tones(tmp_path / "corpus" / split / f"{name}.wav", ["LOW"])
    soundfile.write(tmp_path / "corpus/train/click.wav", np.zeros(199), 8000)
    done = prepare(tmp_path, "manifests", "corpus", "out")
    assert done.returncode == 0
    assert "left out: utterance 'click' lasts 24.875 ms, less than one window of 25 ms; " in done.stderr
    assert [cut.id for cut in read_manifest(tmp_path / "out/train.jsonl.gz")] == ["a", "b"]
    soundfile.write(tmp_path / "corpus/test/click.wav", np.zeros(199), 8000)
    done = prepare(tmp_path, "manifests", "corpus", "out")
    assert done.returncode == 1
    assert "error: utterance 'click' lasts 24.875 ms" in done.stderr
