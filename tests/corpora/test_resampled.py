import gzip
import json
import shutil

import numpy as np
import pytest
import soundfile
from lhotse import MonoCut

from pyspeech.corpora.corpus import utterance
from pyspeech.corpora.resampled import FOLDER, VERSION, Resampler
from pyspeech.data.features import load_audio
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.errors import UserError
from pyspeech.files import PARTIAL

RATE = 16000


def write(path, rate, seconds=0.5, hz=440.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate), rate, subtype="PCM_16")
    return path


def cut_of(path, **options):
    return utterance(path, text="LOW", speaker="a", **options)


@pytest.fixture
def manifests(tmp_path):
    """Two recordings of train, one at the rate already; one of test."""
    train = [cut_of(write(tmp_path / "a.wav", 22050)), cut_of(write(tmp_path / "b.wav", RATE))]
    write_manifest(train, tmp_path / "in/train.jsonl.gz")
    write_manifest([cut_of(write(tmp_path / "c.wav", 8000))], tmp_path / "in/test.jsonl.gz")
    return [tmp_path / "in" / name for name in ("train.jsonl.gz", "test.jsonl.gz")]


def resample(manifests, jobs=2):
    resampler = Resampler(manifests[0].parents[1] / "out", RATE, jobs)
    counts = [resampler.manifest(path) for path in manifests]
    return resampler.outcomes, counts


def copies(tmp_path):
    return sorted((tmp_path / "out" / FOLDER).iterdir())


def test_every_recording_is_at_the_rate_and_says_the_same(tmp_path, manifests):
    outcomes, counts = resample(manifests)
    assert outcomes == {"made": 2}
    assert [each.utterances for each in counts] == [2, 1]
    for path in manifests:
        for before, cut in zip(read_manifest(path), read_manifest(tmp_path / "out" / path.name), strict=True):
            assert cut.sampling_rate == RATE
            assert (cut.id, cut.start, cut.duration, cut.supervisions) == (
                before.id,
                before.start,
                before.duration,
                before.supervisions,
            )
            samples = load_audio(cut, RATE)
            assert samples.shape == (1, RATE // 2)
            assert abs(np.fft.rfft(samples[0])).argmax() == 220  # 440 Hz, of half a second


def test_a_recording_at_the_rate_keeps_its_file(tmp_path, manifests):
    resample(manifests)
    assert not [path for path in copies(tmp_path) if path.name.startswith("b")]
    sources = [cut.recording.sources[0].source for cut in read_manifest(tmp_path / "out/train.jsonl.gz")]
    assert sources[1] == str(tmp_path / "b.wav")


def test_a_copy_is_made_once_unless_its_source_changes(tmp_path, manifests):
    resample(manifests)
    before = {path: path.stat().st_mtime_ns for path in copies(tmp_path)}
    assert resample(manifests)[0] == {"there": 2}
    assert {path: path.stat().st_mtime_ns for path in copies(tmp_path)} == before
    write(tmp_path / "a.wav", 22050, hz=880)
    assert resample(manifests)[0] == {"made": 1, "there": 1}
    cut = next(iter(read_manifest(tmp_path / "out/train.jsonl.gz")))
    assert abs(np.fft.rfft(load_audio(cut, RATE)[0])).argmax() == 440


@pytest.mark.parametrize("damage", [b"", b"no audio"])
def test_a_damaged_copy_is_made_again(tmp_path, manifests, damage):
    resample(manifests)
    whole = copies(tmp_path)[0].read_bytes()
    copies(tmp_path)[0].write_bytes(damage)
    assert resample(manifests)[0] == {"made": 1, "there": 1}
    assert copies(tmp_path)[0].read_bytes() == whole


def test_copies_of_another_version_are_made_again(tmp_path, manifests, monkeypatch):
    resample(manifests)
    monkeypatch.setattr("pyspeech.corpora.resampled.VERSION", VERSION + 1)
    assert resample(manifests)[0] == {"made": 2}


def test_a_fault_that_is_met_again_is_counted_once(tmp_path, manifests):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    shutil.copy(manifests[0], tmp_path / "in/train-again.jsonl.gz")
    outcomes, _ = resample([*manifests, tmp_path / "in/train-again.jsonl.gz"])
    assert outcomes == {"fault": 1, "made": 1}


def test_work_that_was_killed_goes_on(tmp_path, manifests):
    resample(manifests)
    first, second = copies(tmp_path)
    second.rename(second.with_name(PARTIAL + second.name))
    (tmp_path / "out/train.jsonl.gz").unlink()
    kept = first.stat().st_mtime_ns
    assert resample(manifests)[0] == {"made": 1, "there": 1}
    assert copies(tmp_path) == [first, second]
    assert first.stat().st_mtime_ns == kept


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_recording_of_many_utterances_is_copied_once(tmp_path, jobs):
    tape = write(tmp_path / "tape.wav", 22050, seconds=3)
    cuts = [cut_of(tape, id=f"tape-{n}", start=0.01 * n, seconds=0.2) for n in range(250)]
    write_manifest(cuts, tmp_path / "in/train.jsonl.gz")
    (tmp_path / "in/test.jsonl.gz").write_bytes((tmp_path / "in/train.jsonl.gz").read_bytes())
    outcomes, _ = resample([tmp_path / "in/train.jsonl.gz", tmp_path / "in/test.jsonl.gz"], jobs)
    assert outcomes == {"made": 1}
    assert len(copies(tmp_path)) == 1
    last = list(read_manifest(tmp_path / "out/train.jsonl.gz"))[-1]
    assert (last.start, last.recording.duration) == (2.49, 3.0)
    assert load_audio(last, RATE).shape == (1, 3200)


def test_two_files_of_one_name_have_two_copies(tmp_path):
    cuts = [
        cut_of(write(tmp_path / folder / "a.wav", 8000, hz=hz), id=folder) for folder, hz in (("x", 300), ("y", 900))
    ]
    write_manifest(cuts, tmp_path / "in/train.jsonl.gz")
    resample([tmp_path / "in/train.jsonl.gz"])
    found = [
        abs(np.fft.rfft(load_audio(cut, RATE)[0])).argmax() * 2
        for cut in read_manifest(tmp_path / "out/train.jsonl.gz")
    ]
    assert found == [300, 900]


def test_a_wave_that_would_be_clipped_is_counted(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.sign(np.sin(np.arange(22050) / 9.0)) * 0.999, 22050, subtype="PCM_16")
    write_manifest([cut_of(path)], tmp_path / "in/train.jsonl.gz")
    assert resample([tmp_path / "in/train.jsonl.gz"])[0] == {"quieter": 1}


class TestUnreadable:
    @pytest.fixture
    def damaged(self, tmp_path, manifests):
        """The body of a.wav is cut short after its manifest was made."""
        content = (tmp_path / "a.wav").read_bytes()
        (tmp_path / "a.wav").write_bytes(content[:2000])
        return manifests

    def test_of_train_is_named_and_left_out(self, tmp_path, damaged, capsys):
        outcomes, counts = resample(damaged)
        assert outcomes == {"fault": 1, "made": 1}
        assert [each.utterances for each in counts] == [1, 1]
        assert [cut.id for cut in read_manifest(tmp_path / "out/train.jsonl.gz")] == ["b"]
        told = capsys.readouterr().err
        assert f"left out: {tmp_path}/a.wav is cut short" in told
        assert "train: left out 1 of 2 utterances" in told

    def test_of_test_is_an_error_and_leaves_no_manifest(self, tmp_path, damaged):
        shutil.move(tmp_path / "in/train.jsonl.gz", tmp_path / "in/dev.jsonl.gz")
        with pytest.raises(UserError, match=r"a\.wav is cut short"):
            resample([tmp_path / "in/dev.jsonl.gz"])
        assert not list((tmp_path / "out").glob("*.jsonl.gz"))

    def test_a_file_that_went_is_one(self, tmp_path, manifests, capsys):
        (tmp_path / "a.wav").unlink()
        resample(manifests)
        assert f"left out: cannot read {tmp_path}/a.wav: No such file" in capsys.readouterr().err

    def test_several_utterances_of_one_recording_count_as_several(self, tmp_path, manifests):
        cuts = [cut_of(tmp_path / "a.wav", id=f"a{n}", start=0.1 * n, seconds=0.1) for n in range(2)]
        write_manifest([*cuts, *(cut_of(tmp_path / "b.wav", id=f"b{n}") for n in range(50))], manifests[0])
        (tmp_path / "a.wav").write_bytes(b"RIFF")
        with pytest.raises(UserError, match="train: 2 of 52 utterances cannot be used"):
            resample(manifests)


def test_a_place_that_cannot_be_written_is_no_fault_of_the_audio(tmp_path, manifests):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FOLDER).write_text("")
    with pytest.raises(UserError, match="cannot write"):
        resample(manifests)


def test_a_recording_that_is_no_plain_file_is_refused(tmp_path):
    fast = cut_of(write(tmp_path / "a.wav", 8000)).perturb_speed(1.1)
    write_manifest([fast], tmp_path / "train.jsonl.gz")
    with pytest.raises(UserError, match="is no plain file"):
        Resampler(tmp_path / "out", RATE, 1).manifest(tmp_path / "train.jsonl.gz")


def test_a_cut_without_audio_is_refused(tmp_path):
    write_manifest([MonoCut("r", 0.0, 1.0, 0)], tmp_path / "train.jsonl.gz")
    with pytest.raises(UserError, match="cut 'r' has no recording"):
        Resampler(tmp_path / "out", RATE, 1).manifest(tmp_path / "train.jsonl.gz")


def test_the_manifests_themselves_are_not_replaced(tmp_path, manifests):
    before = manifests[0].read_bytes()
    with pytest.raises(UserError, match="would be replaced by its own copy"):
        Resampler(tmp_path / "in", RATE, 1).manifest(manifests[0])
    assert manifests[0].read_bytes() == before


def test_paths_are_absolute_from_wherever_it_is_called(tmp_path, manifests, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Resampler(manifests[0].parents[1].relative_to(tmp_path) / "out", RATE, 1).manifest(manifests[0])
    with gzip.open("out/train.jsonl.gz", "rt") as stream:
        source = json.loads(stream.readline())["recording"]["sources"][0]["source"]
    assert source == str(copies(tmp_path)[0])
