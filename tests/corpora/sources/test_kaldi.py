from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile
from tones import RATE, write_tones

from pyspeech.config import load_feature_config
from pyspeech.corpora.sources.kaldi import KaldiData
from pyspeech.data.features import load_audio
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.precomputed_features import given_features
from pyspeech.errors import UserError


def write_lines(path: Path, lines: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")


def write_data(folder: Path, names=("b", "a"), speakers=1) -> Path:
    """A data directory of one tone for each name; audio paths are relative to two folders above."""
    for number, name in enumerate(names):
        write_tones(folder.parents[1] / "audio" / f"{name}.wav", ["LOW", "HIGH"], seed=number)
    write_lines(folder / "wav.scp", {name: f"audio/{name}.wav" for name in names})
    write_lines(folder / "text", {name: f"SAYS {name.upper()}" for name in names})
    write_lines(folder / "utt2spk", {name: f"s{number % speakers}" for number, name in enumerate(names)})
    return folder


def described(cuts):
    return [(cut.id, cut.supervisions[0].text, cut.supervisions[0].speaker) for cut in cuts]


def test_data_directories_of_the_splits_are_read_sorted_by_id(tmp_path):
    write_data(tmp_path / "data" / "train")
    write_data(tmp_path / "data" / "valid", ["v"])
    write_data(tmp_path / "data" / "test_eval92", ["e"])
    (tmp_path / "data" / "lang").mkdir()
    for corpus in (tmp_path, tmp_path / "data"):
        assert KaldiData().splits(corpus) == ("train", "dev", "test")
        assert described(KaldiData().cuts(corpus, "train")) == [("a", "SAYS A", "s0"), ("b", "SAYS B", "s0")]
        assert described(KaldiData().cuts(corpus, "dev")) == [("v", "SAYS V", "s0")]
        assert described(KaldiData().cuts(corpus, "test")) == [("e", "SAYS E", "s0")]


def test_texts_stay_as_they_are_and_may_be_missing(tmp_path):
    folder = write_data(tmp_path / "data" / "train", ["a", "b", "c"])
    (folder / "text").write_bytes("a  Größe,\u00a0no.\u2028 1\u3000x \t\nb\r\n".encode())
    (folder / "utt2spk").unlink()
    write_data(tmp_path / "data" / "dev", ["d"])
    write_data(tmp_path / "data" / "test", ["t"])
    cuts = list(KaldiData().cuts(tmp_path, "train"))
    assert described(cuts) == [("a", "Größe,\u00a0no.\u2028 1\u3000x", ""), ("b", "", "")]
    write_manifest(cuts, tmp_path / "m.jsonl.gz")
    assert described(read_manifest(tmp_path / "m.jsonl.gz")) == described(cuts)


@pytest.mark.parametrize("speakers", [1, 20])
def test_one_directory_is_divided_and_nothing_is_lost(tmp_path, speakers):
    names = [f"u{number:02d}" for number in range(40)]
    folder = write_data(tmp_path / "data" / "all", names, speakers)
    splits = {split: described(KaldiData().cuts(folder, split)) for split in KaldiData().splits(folder)}
    assert list(splits) == ["train", "dev", "test"]
    assert sorted(name for cuts in splits.values() for name, _, _ in cuts) == names
    if speakers > 1:
        groups = [{speaker for _, _, speaker in cuts} for cuts in splits.values()]
        assert sum(map(len, groups)) == speakers


def test_verification_takes_whole_speakers_out_of_train(tmp_path):
    write_data(tmp_path / "data" / "train", [f"u{number:02d}" for number in range(48)], speakers=6)
    for source, apart in ((KaldiData(), False), (KaldiData(task="verification"), True)):
        train, dev = ({speaker for *_, speaker in described(source.cuts(tmp_path, s))} for s in ("train", "dev"))
        assert train.isdisjoint(dev) == apart


def test_a_split_that_has_no_directory_is_held_out_of_train(tmp_path):
    names = [f"u{number:02d}" for number in range(30)]
    write_data(tmp_path / "data" / "train_yesno", names)
    write_data(tmp_path / "data" / "test_yesno", ["t"])
    assert KaldiData().splits(tmp_path) == ("train", "dev", "test")
    splits = {split: [cut.id for cut in KaldiData().cuts(tmp_path, split)] for split in ("train", "dev", "test")}
    assert splits["test"] == ["t"]
    assert len(splits["dev"]) == 3
    assert sorted(splits["train"] + splits["dev"]) == names


def test_several_tests_stay_apart_and_several_trainings_are_asked_about(tmp_path):
    for name in ("train", "train_sp", "dev", "test_clean", "test_other"):
        write_data(tmp_path / "data" / name, [name])
    assert KaldiData().splits(tmp_path) == ("train", "dev", "test-clean", "test-other")
    assert [cut.id for cut in KaldiData().cuts(tmp_path, "test-other")] == ["test_other"]
    (tmp_path / "data" / "train").rename(tmp_path / "data" / "train_100")
    with pytest.raises(UserError, match="train_100, train_sp may all be the split train; link the one that is meant"):
        KaldiData().splits(tmp_path)


def test_segments_are_parts_of_their_recordings(tmp_path):
    folder = write_data(tmp_path / "data" / "train", ["rec"])
    write_data(tmp_path / "data" / "dev", ["d"])
    write_data(tmp_path / "data" / "test", ["t"])
    write_lines(folder / "segments", {"utt2": "rec 0.25 -1", "utt1": "rec 0.05 0.25", "utt3": "lost 0 1"})
    write_lines(folder / "text", {"utt1": "LOW", "utt2": "HIGH", "utt3": "MID"})
    samples, _ = soundfile.read(tmp_path / "audio" / "rec.wav", dtype="float32")
    first, second = KaldiData().cuts(tmp_path, "train")
    assert described([first, second]) == [("utt1", "LOW", ""), ("utt2", "HIGH", "")]
    assert np.array_equal(load_audio(first, RATE)[0], samples[int(0.05 * RATE) : int(0.25 * RATE)])
    assert np.array_equal(load_audio(second, RATE)[0], samples[int(0.25 * RATE) :])


@pytest.mark.parametrize("line", ["rec 0.5 0.5", "rec 2 1", "rec -1 2", "rec nan 2", "rec 0 inf", "rec 0", "rec a b"])
def test_a_segment_that_holds_nothing_is_named(tmp_path, line):
    folder = write_data(tmp_path / "train", ["rec"])
    write_lines(folder / "segments", {"utt": line})
    with pytest.raises(UserError, match=r"segments, line 1: "):
        list(KaldiData().cuts(folder, "train"))


def test_a_segment_may_end_half_a_second_late(tmp_path):
    for name in ("train", "dev", "test"):
        folder = write_data(tmp_path / "data" / name, [name])
    end = soundfile.info(tmp_path / "audio" / "test.wav").duration
    write_lines(folder / "segments", {"u": f"test 0.1 {end + 0.4}"})
    [cut] = KaldiData().cuts(tmp_path, "test")
    assert cut.end == pytest.approx(end)
    write_lines(folder / "segments", {"u": f"test 0.1 {end + 0.6}"})
    with pytest.raises(UserError, match=r"utterance 'u' is 0\.1 to .* seconds of recording 'test', which holds"):
        list(KaldiData().cuts(tmp_path, "test"))


def test_commands_are_refused_by_default_and_run_when_allowed(tmp_path):
    for name in ("train", "dev", "test"):
        write_data(tmp_path / "data" / name, [name])
    made = tmp_path / "made"
    audio = tmp_path / "audio" / "train.wav"
    scp = tmp_path / "data" / "train" / "wav.scp"
    write_lines(scp, {"train": f"touch {made}; cat {audio} | cat |"})
    with pytest.raises(UserError, match=r"wav\.scp, line 1: 'touch .* is a command; .* allow_pipes=True"):
        list(KaldiData().cuts(tmp_path, "train"))
    assert not made.exists()
    [cut] = KaldiData(allow_pipes=True).cuts(tmp_path, "train")
    assert made.exists()
    write_manifest([cut], tmp_path / "m.jsonl.gz")
    made.unlink()
    [again] = read_manifest(tmp_path / "m.jsonl.gz")
    assert again.recording.sources[0].type == "file"
    samples, _ = soundfile.read(audio, dtype="float32")
    assert again.duration == len(samples) / RATE
    assert np.array_equal(load_audio(again, RATE)[0], samples)
    assert not made.exists()
    write_lines(tmp_path / "data" / "train" / "segments", {"utt": "train 0.05 0.25"})
    [part] = KaldiData(allow_pipes=True).cuts(tmp_path, "train")
    assert np.array_equal(load_audio(part, RATE)[0], samples[int(0.05 * RATE) : int(0.25 * RATE)])
    write_lines(scp, {"train": "echo 'no such tape' >&2; false |"})
    with pytest.raises(UserError, match=r"wav\.scp, line 1: .* gives no audio: no such tape; run it by hand"):
        list(KaldiData(allow_pipes=True).cuts(tmp_path, "train"))


def test_paths_begin_at_the_data_directory_or_where_kaldi_ran(tmp_path):
    folder = write_data(tmp_path / "s5" / "data" / "train" / "split", ["a"])
    write_lines(folder / "text", {name: f"SAYS {name}" for name in "abcdefghijkl"})
    for base in (folder, folder.parent, folder.parents[1], folder.parents[2]):
        path = write_tones(base / "download" / "a.wav", ["LOW"])
        write_lines(folder / "wav.scp", dict.fromkeys("abcdefghijkl", "download/a.wav"))
        found = {cut.recording.sources[0].source for cut in KaldiData().cuts(folder, "train")}
        assert found == {str(path)}
        path.unlink()


def test_texts_without_audio_are_told_in_one_line(tmp_path, capsys):
    folder = write_data(tmp_path / "data" / "train", ["a", "b"])
    write_data(tmp_path / "data" / "dev", ["d"])
    write_data(tmp_path / "data" / "test", ["t"])
    write_lines(folder / "text", dict.fromkeys(("a", "b", "p", "q", "r", "s"), "X"))
    assert len(list(KaldiData().cuts(tmp_path, "train"))) == 2
    list(KaldiData().cuts(tmp_path, "dev"))
    assert capsys.readouterr().err == f"{folder}/text: left out 4 utterances without audio: p, q, r, ...\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("wav.scp", b"a audio/a.wav\na audio/b.wav\n", r"wav\.scp, line 2: 'a' stands there twice, .*line 1"),
        ("text", b"a X\n\nb Y\n", r"text, line 2 is empty"),
        ("utt2spk", b"a s\nb s\nb t\n", r"utt2spk, line 3: 'b' stands there twice"),
        ("text", b"a \xff\n", r"text, line 1 is not UTF-8"),
        ("wav.scp", b"a\n", r"wav\.scp, line 1 names no audio file"),
        ("wav.scp", b"a audio/a.ark:17\n", r"line 1: 'audio/a\.ark:17' is audio within an archive"),
    ],
)
def test_what_is_not_as_kaldi_has_it_is_named(tmp_path, name, content, message):
    for split in ("test", "dev", "train"):
        folder = write_data(tmp_path / "data" / split)
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(KaldiData().cuts(tmp_path, "train"))


def test_a_folder_without_data_directories_is_named(tmp_path):
    with pytest.raises(UserError, match="no Kaldi data directory in"):
        KaldiData().splits(tmp_path)
    write_data(tmp_path / "data" / "dev", ["d"])
    write_data(tmp_path / "data" / "test", ["t"])
    with pytest.raises(UserError, match="no split is called train, only dev, test"):
        KaldiData().splits(tmp_path)


def test_features_are_taken_where_there_is_no_audio(tmp_path):
    rng = np.random.default_rng(1)
    matrices = {f"u{number:02d}": rng.standard_normal((20 + number, 13)).astype(np.float32) for number in range(12)}
    (tmp_path / "mfcc").mkdir()
    kaldiio.save_ark(str(tmp_path / "mfcc" / "raw.ark"), matrices, scp=str(tmp_path / "all.scp"), compression_method=2)
    folder = tmp_path / "data" / "train"
    scp = (tmp_path / "all.scp").read_text().replace(f"{tmp_path}/", "")
    folder.mkdir(parents=True)
    (folder / "feats.scp").write_text(scp)
    write_lines(folder / "text", {name: name.upper() for name in matrices})
    (folder / "frame_shift").write_text("0.0125\n")
    cuts = {cut.id: cut for split in KaldiData().splits(folder) for cut in KaldiData().cuts(folder, split)}
    assert sorted(cuts) == sorted(matrices)
    features = load_feature_config(Path(__file__).parents[3] / "conf" / "given.yaml")
    config = features.model_copy(update={"num_given": 13, "frame_shift_seconds": 0.0125})
    for name, cut in cuts.items():
        assert cut.duration == pytest.approx(0.0125 * len(matrices[name]))
        assert cut.supervisions[0].text == name.upper()
        assert np.abs(given_features(cut, config) - matrices[name]).max() < 0.1
    (folder / "frame_shift").write_text("ten\n")
    with pytest.raises(UserError, match="frame_shift holds no time in seconds"):
        list(KaldiData().cuts(folder, "train"))
    (folder / "frame_shift").unlink()
    made = tmp_path / "made"
    (folder / "feats.scp").write_text("".join(f"u{number:02d} touch {made} |\n" for number in range(12)))
    with pytest.raises(UserError, match="is a command, which is not run"):
        list(KaldiData(allow_pipes=True).cuts(folder, "train"))
    assert not made.exists()


def test_a_recording_of_segments_that_cannot_be_read_is_told_of_as_what_it_is(tmp_path, capsys):
    folder = write_data(tmp_path / "data" / "train", ["a", "b"])
    write_data(tmp_path / "data" / "dev", ["d"])
    write_data(tmp_path / "data" / "test", ["t"])
    write_lines(folder / "segments", {"u1": "a 0.05 0.25", "u2": "b 0.05 0.25"})
    path = tmp_path / "audio" / "a.wav"
    path.write_bytes(path.read_bytes()[:500])
    assert [cut.id for cut in KaldiData().cuts(tmp_path, "train")] == ["u2"]
    assert f"left out: {path} is cut short" in capsys.readouterr().err


def test_paths_may_be_as_windows_or_macos_writes_them(tmp_path):
    folder = write_data(tmp_path / "data" / "train", ["é", "b"])
    write_lines(folder / "wav.scp", {"é": "audio\\e\u0301.wav", "b": "audio\\b.wav"})
    for name in ("dev", "test"):
        write_data(tmp_path / "data" / name)
    sources = [cut.recording.sources[0].source for cut in KaldiData().cuts(folder.parent, "train")]
    assert [Path(source).name for source in sources] == ["b.wav", "é.wav"]


class TestChannels:
    """A call of two sides in one file, of which A says a low tone and B a high one."""

    @pytest.fixture
    def folder(self, tmp_path):
        tones = np.sin(np.outer(np.arange(2 * RATE), [0.2, 1.1]))
        soundfile.write(tmp_path / "call.wav", tones, RATE, subtype="FLOAT")
        write_lines(tmp_path / "wav.scp", dict.fromkeys(("call-A", "call-B"), "call.wav"))
        self.tones = tones
        return tmp_path

    def heard(self, folder, **options):
        """The channel of every utterance, by its samples."""
        cuts = [cut for split in ("train", "dev", "test") for cut in KaldiData(**options).cuts(folder, split)]
        found = {}
        for cut in cuts:
            start = round(cut.start * RATE)
            samples = load_audio(cut, RATE)[0]
            part = self.tones[start : start + len(samples)]
            errors = np.abs(part - samples[:, None]).max(axis=0)
            found[cut.id] = "mix" if errors.min() > 0.1 else int(errors.argmin())
        return found

    def segments(self, folder, count=12, suffix=""):
        rows = {f"{side}-{number:02d}": (side, number) for side in ("call-A", "call-B") for number in range(count)}
        times = {name: f"{side} {0.1 * n:.1f} {0.1 * n + 0.5:.1f}{suffix}" for name, (side, n) in rows.items()}
        write_lines(folder / "segments", times)
        write_lines(folder / "text", {name: f"WORD {n} {side}" for name, (side, n) in rows.items()})

    @pytest.mark.parametrize("sides", ["AB", "12"])
    def test_the_side_of_a_recording_is_its_channel(self, folder, sides):
        self.segments(folder)
        write_lines(
            folder / "reco2file_and_channel", {f"call-{s}": f"call {n}" for s, n in zip("AB", sides, strict=True)}
        )
        found = self.heard(folder)
        assert len(found) == 24
        assert {(name[5], channel) for name, channel in found.items()} == {("A", 0), ("B", 1)}
        with pytest.raises(UserError, match=r"channel='mix': .*reco2file_and_channel says the channels"):
            self.heard(folder, channel="mix")

    def test_so_it_is_without_segments_and_what_is_not_named_stays(self, folder):
        names = [f"u{number:02d}" for number in range(12)]
        write_lines(folder / "wav.scp", dict.fromkeys(names, "call.wav"))
        write_lines(folder / "text", {name: f"WORD {name}" for name in names})
        write_lines(folder / "reco2file_and_channel", dict.fromkeys(names[:6], "call B"))
        assert self.heard(folder) == {name: int(name < "u06") for name in names}

    def test_a_segment_may_say_its_channel(self, folder):
        self.segments(folder, suffix=" 1")
        assert set(self.heard(folder).values()) == {1}

    def test_otherwise_it_is_asked_for(self, folder):
        self.segments(folder)
        assert set(self.heard(folder).values()) == {0}
        assert set(self.heard(folder, channel="1").values()) == {1}
        assert set(self.heard(folder, channel="mix").values()) == {"mix"}
        found = self.heard(folder, channel="each")
        assert len(found) == 48
        assert {(name[-4:], channel) for name, channel in found.items()} == {("-ch0", 0), ("-ch1", 1)}

    def test_audio_of_one_channel_is_a_side_already(self, folder):
        soundfile.write(folder / "call.wav", self.tones[:, 0], RATE, subtype="FLOAT")
        self.segments(folder)
        write_lines(folder / "reco2file_and_channel", {"call-A": "call A", "call-B": "call B"})
        assert set(self.heard(folder).values()) == {0}

    def test_a_side_that_there_is_not_is_named(self, folder):
        self.segments(folder)
        write_lines(folder / "reco2file_and_channel", {"call-A": "call A", "call-B": "call C"})
        with pytest.raises(UserError, match="has no channel 2, but 0, 1"):
            self.heard(folder)
        write_lines(folder / "reco2file_and_channel", {"call-A": "call left"})
        with pytest.raises(UserError, match=r"reco2file_and_channel, line 1: 'left' is no side"):
            self.heard(folder)


def test_audio_without_text_or_segments_and_directories_of_no_split_are_told(tmp_path, capsys):
    for split in ("train", "dev", "test", "other_sp"):
        write_data(tmp_path / "data" / split, ["a", "b", "c"])
    folder = tmp_path / "data" / "train"
    assert KaldiData().splits(tmp_path) == ("train", "dev", "test")
    assert capsys.readouterr().err == f"{folder.parent}: left out 1 data directories that are no split: other_sp\n"
    write_lines(folder / "segments", {"a1": "a 0 0.2", "a2": "a 0.2 0.4", "b1": "b 0 0.2"})
    write_lines(folder / "text", {"a1": "LOW", "b1": "HIGH"})
    assert [cut.id for cut in KaldiData().cuts(tmp_path, "train")] == ["a1", "b1"]
    assert capsys.readouterr().err.splitlines() == [
        f"{folder}: left out 1 utterances without a line in text: a2",
        f"{folder}/wav.scp: left out 1 recordings without segments: c",
    ]
    assert len(list(KaldiData(task="verification").cuts(tmp_path, "train"))) == 3
