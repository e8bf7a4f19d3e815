import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import AudioSource, CutSet, MonoCut, Recording, RecordingSet, SupervisionSegment, SupervisionSet
from lhotse.utils import fastcopy
from tones import RATE, tone_cuts, write_tones

from pyspeech.config import load_feature_config
from pyspeech.corpora.sources.lhotse_manifests import LhotseManifests
from pyspeech.data.features import load_audio
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.stored_features import store_features
from pyspeech.errors import UserError

SPLITS = ("train", "dev", "test")


def recording_of(folder: Path, name: str) -> Recording:
    return Recording.from_file(write_tones(folder / f"{name}.wav", ["LOW", "MID", "HIGH"]))


def write_pair(folder: Path, part: str, recordings, supervisions, corpus="x_", ending="jsonl.gz") -> None:
    folder.mkdir(exist_ok=True)
    part = f"_{part}" if part else ""
    RecordingSet.from_recordings(recordings).to_file(folder / f"{corpus}recordings{part}.{ending}")
    SupervisionSet.from_segments(supervisions).to_file(folder / f"{corpus}supervisions{part}.{ending}")


def supervisions_of(recording: Recording, count: int = 2) -> list[SupervisionSegment]:
    return [
        SupervisionSegment(f"{recording.id}-{n}", recording.id, 0.05 + 0.25 * n, 0.2, text=f"WORD {n}", speaker="s")
        for n in range(count)
    ]


def described(cuts):
    return [(cut.id, cut.supervisions[0].text, cut.supervisions[0].speaker) for cut in cuts]


@pytest.mark.parametrize(("corpus", "ending"), [("librispeech_", "jsonl.gz"), ("", "json"), ("a_b_", "jsonl")])
def test_every_supervision_of_a_pair_is_an_utterance(tmp_path, corpus, ending):
    for part in ("train-clean-5", "dev-clean", "test-clean"):
        recording = recording_of(tmp_path / "audio", f"rec-{part}")
        write_pair(tmp_path / "m", part, [recording], supervisions_of(recording), corpus, ending)
    source = LhotseManifests()
    assert source.splits(tmp_path / "m") == SPLITS
    cuts = list(source.cuts(tmp_path / "m", "train"))
    assert described(cuts) == [(f"rec-train-clean-5-{n}", f"WORD {n}", "s") for n in range(2)]
    write_manifest(cuts, tmp_path / "m.jsonl.gz")
    samples, _ = soundfile.read(tmp_path / "audio" / "rec-train-clean-5.wav", dtype="float32")
    for cut in read_manifest(tmp_path / "m.jsonl.gz"):
        start = round(cut.start * RATE)
        assert np.array_equal(load_audio(cut, RATE)[0], samples[start : start + int(0.2 * RATE)])
        assert (cut.supervisions[0].start, cut.supervisions[0].duration) == (0.0, 0.2)


def test_overlapping_supervisions_are_utterances_of_their_own_and_end_with_the_recording(tmp_path):
    recording = recording_of(tmp_path, "rec")
    long = SupervisionSegment("long", "rec", 0.1, recording.duration + 0.3, text="A")
    within = SupervisionSegment("within", "rec", 0.2, 0.1)
    for part in SPLITS:
        write_pair(tmp_path / "m", part, [recording], [long, within])
    first, second = LhotseManifests().cuts(tmp_path / "m", "dev")
    assert described([first, second]) == [("long", "A", ""), ("within", "", "")]
    assert first.end == pytest.approx(recording.duration)
    assert second.duration == 0.1
    late = SupervisionSegment("late", "rec", 60.0, 1.0)
    write_pair(tmp_path / "m", "dev", [recording], [late])
    with pytest.raises(UserError, match=r"utterance 'late' is 60\.0 to 61\.000 seconds of recording 'rec'"):
        list(LhotseManifests().cuts(tmp_path / "m", "dev"))


def test_one_set_is_divided_and_nothing_is_lost(tmp_path):
    recordings = [recording_of(tmp_path, f"r{number:02d}") for number in range(30)]
    supervisions = [SupervisionSegment(r.id, r.id, 0.0, r.duration, text=f"T {r.id}") for r in recordings]
    write_pair(tmp_path / "m", "", recordings, supervisions)
    assert LhotseManifests().splits(tmp_path / "m") == SPLITS
    parts = [[cut.id for cut in LhotseManifests().cuts(tmp_path / "m", split)] for split in SPLITS]
    assert [len(part) for part in parts] == [24, 3, 3]
    assert sorted(name for part in parts for name in part) == [recording.id for recording in recordings]


def test_cuts_are_read_without_their_stored_features(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 3)
    write_manifest(cuts, tmp_path / "in.jsonl.gz")
    config = load_feature_config(Path(__file__).parents[3] / "conf" / "fbank.yaml")
    config = config.model_copy(update={"sampling_rate": RATE})
    for part in SPLITS:
        store_features(tmp_path / "in.jsonl.gz", tmp_path / "m" / f"cuts_{part}.jsonl.gz", config)
    found = list(LhotseManifests().cuts(tmp_path / "m", "train"))
    assert described(found) == described(cuts)
    assert not any(cut.has_features or cut.custom for cut in found)
    assert [cut.duration for cut in found] == [cut.duration for cut in cuts]


def test_copies_at_other_speeds_are_left_out(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 3)
    (tmp_path / "m").mkdir()
    for part in SPLITS:
        copies = [cut.perturb_speed(speed) for speed in (0.9, 1.1) for cut in cuts]
        CutSet.from_cuts([*copies, *cuts]).to_file(tmp_path / "m" / f"cuts_{part}.jsonl.gz")
    assert described(LhotseManifests().cuts(tmp_path / "m", "train")) == described(cuts)


def test_a_cut_holds_part_of_a_recording_and_of_a_supervision(tmp_path):
    recording = recording_of(tmp_path, "rec")
    supervisions = [
        SupervisionSegment("before", "rec", -0.1, 0.2, text="A"),
        SupervisionSegment("after", "rec", 0.2, 0.5, text="B"),
    ]
    cut = MonoCut("cut", 0.3, 0.4, 0, supervisions, recording=recording)
    for part in SPLITS:
        (tmp_path / "m").mkdir(exist_ok=True)
        CutSet.from_cuts([cut]).to_file(tmp_path / "m" / f"x_cuts_{part}.jsonl.gz")
    spans = [(cut.id, cut.start, cut.end) for cut in LhotseManifests().cuts(tmp_path / "m", "train")]
    assert spans == [("before", 0.3, pytest.approx(0.4)), ("after", 0.5, pytest.approx(0.7))]


def test_of_several_channels_the_first_of_the_supervision_is_taken(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (2 * RATE, 2)).astype(np.float32)
    soundfile.write(tmp_path / "stereo.wav", samples, RATE, subtype="FLOAT")
    recording = Recording.from_file(tmp_path / "stereo.wav")
    supervisions = [
        SupervisionSegment("right", "stereo", 0.0, 1.0, channel=1),
        SupervisionSegment("both", "stereo", 0.0, 1.0, channel=[0, 1]),
    ]
    for part in SPLITS:
        write_pair(tmp_path / "m", part, [recording], supervisions)
    cut = recording.to_cut()
    cut.supervisions = supervisions
    (tmp_path / "c").mkdir()
    for part in SPLITS:
        CutSet.from_cuts([cut]).to_file(tmp_path / "c" / f"cuts_{part}.jsonl.gz")
    for folder in ("m", "c"):
        right, both = LhotseManifests().cuts(tmp_path / folder, "train")
        assert np.array_equal(load_audio(right, RATE)[0], samples[:RATE, 1])
        assert np.array_equal(load_audio(both, RATE)[0], samples[:RATE, 0])


def test_relative_paths_begin_at_the_manifest_or_above(tmp_path):
    recording = recording_of(tmp_path / "download", "rec")
    relative = fastcopy(recording, sources=[AudioSource("file", [0], "download/rec.wav")])
    (tmp_path / "data").mkdir()
    folder = tmp_path / "data" / "manifests"
    for part in SPLITS:
        write_pair(folder, part, [relative], supervisions_of(recording))
    for cut in LhotseManifests().cuts(folder, "test"):
        assert cut.recording.sources[0].source == str(tmp_path / "download" / "rec.wav")
    (tmp_path / "download" / "rec.wav").unlink()
    with pytest.raises(UserError, match=r"recording 'rec': no file download/rec\.wav"):
        list(LhotseManifests().cuts(folder, "test"))


def test_a_command_in_a_manifest_is_never_run(tmp_path):
    made = tmp_path / "made"
    recording = recording_of(tmp_path, "rec")
    evil = fastcopy(recording, sources=[AudioSource("command", [0], f"touch {made}")])
    for part in SPLITS:
        write_pair(tmp_path / "m", part, [evil], supervisions_of(recording))
    with pytest.raises(UserError, match=r"recording 'rec' is read from a command \('touch .*'\), not from a file"):
        list(LhotseManifests().cuts(tmp_path / "m", "train"))
    assert not made.exists()


def test_mixed_and_silent_cuts_are_named(tmp_path):
    first, second = tone_cuts(tmp_path, 2)
    mixed = first.mix(second)
    nothing = MonoCut("nothing", 0.0, 1.0, 0, supervisions_of(first.recording, 1))
    for cut, message in ((mixed, "is a MixedCut"), (nothing, "has no recording")):
        (tmp_path / "m").mkdir(exist_ok=True)
        CutSet.from_cuts([cut]).to_file(tmp_path / "m" / "cuts.jsonl.gz")
        with pytest.raises(UserError, match=rf"cuts\.jsonl\.gz: cut '.*' {message}; give cuts of recordings"):
            list(LhotseManifests().cuts(tmp_path / "m", "train"))


def test_what_is_no_set_of_manifests_is_named(tmp_path):
    source, folder = LhotseManifests(), tmp_path / "m"
    with pytest.raises(UserError, match="no lhotse manifests in"):
        source.splits(folder)
    recording = recording_of(tmp_path, "rec")
    write_pair(folder, "train", [recording], supervisions_of(recording))
    other = fastcopy(recording, id="other")
    write_pair(folder, "dev", [other], supervisions_of(recording))
    with pytest.raises(
        UserError, match=r"'rec-0' is of recording 'rec', which x_recordings_dev\.jsonl\.gz does not hold"
    ):
        list(source.cuts(folder, "dev"))
    (folder / "x_supervisions_dev.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match=r"cannot read .*x_supervisions_dev\.jsonl\.gz: "):
        list(source.cuts(folder, "dev"))
    (folder / "x_supervisions_dev.jsonl.gz").unlink()
    assert source.splits(folder) == SPLITS
    write_pair(folder, "train", [recording], supervisions_of(recording), corpus="y_")
    with pytest.raises(UserError, match=r"y_recordings_train.* and x_recordings_train.* are of one split"):
        source.splits(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "cannot read"),
        (lambda _: gzip.compress(b'{"id": "a"}\nno json\n'), "cannot read"),
        (lambda _: gzip.compress(b""), "is empty|cannot read"),
        (lambda _: b"", "is empty|cannot read"),
    ],
)
@pytest.mark.parametrize("kind", ["cuts", "supervisions"])
def test_a_damaged_manifest_is_named(tmp_path, damage, message, kind):
    recording = recording_of(tmp_path, "rec")
    path = tmp_path / "m" / f"{kind}_train.jsonl.gz"
    path.parent.mkdir()
    if kind == "cuts":
        CutSet.from_cuts(tone_cuts(tmp_path / "audio", 20)).to_file(path)
    else:
        write_pair(path.parent, "train", [recording], supervisions_of(recording), corpus="")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"{message}.*{kind}_train|{kind}_train\.jsonl\.gz ({message})"):
        list(LhotseManifests().cuts(path.parent, "train"))


def test_verification_takes_whole_speakers_out_of_train(tmp_path):
    recording = recording_of(tmp_path, "rec")
    said = [SupervisionSegment(f"u{n}", "rec", 0.0, 0.2, text=f"T{n}", speaker=f"s{n % 6}") for n in range(48)]
    write_pair(tmp_path / "m", "train", [recording], said)
    source = LhotseManifests(task="verification")
    speakers = [{speaker for *_, speaker in described(source.cuts(tmp_path / "m", split))} for split in SPLITS]
    assert [len(each) for each in speakers] == [2, 2, 2]
    assert len(set.union(*speakers)) == 6


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("supervisions", "id", 3),
        ("supervisions", "recording_id", ["a"]),
        ("supervisions", "text", {"a": 1}),
        ("supervisions", "speaker", 7),
        ("supervisions", "start", "0"),
        ("supervisions", "start", float("nan")),
        ("supervisions", "duration", True),
        ("supervisions", "duration", 1e300),
        ("supervisions", "channel", []),
        ("supervisions", "channel", "0"),
        ("recordings", "id", None),
        ("recordings", "duration", "3"),
        ("recordings", "sampling_rate", 8000.5),
        ("recordings", "num_samples", None),
        ("recordings", "sources", [{"type": "file", "channels": [0], "source": 0}]),
        ("recordings", "sources", 5),
    ],
)
def test_a_field_of_another_type_is_named(tmp_path, kind, field, value):
    recording = recording_of(tmp_path, "a")
    for part in ("train", "dev", "test"):
        write_pair(tmp_path / "m", part, [recording], supervisions_of(recording))
    path = tmp_path / f"m/x_{kind}_dev.jsonl.gz"
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    lines[-1][field] = value
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    with pytest.raises(UserError, match=f"x_{kind}_dev.jsonl.gz"):
        list(LhotseManifests().cuts(tmp_path / "m", "dev"))


@pytest.mark.parametrize(("field", "value"), [("start", [0]), ("duration", None), ("id", {}), ("channel", "left")])
def test_so_is_one_of_a_cut(tmp_path, field, value):
    write_manifest(tone_cuts(tmp_path / "audio", 2), tmp_path / "cuts_train.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "cuts_train.jsonl").read_text().splitlines()]
    lines[1][field] = value
    (tmp_path / "cuts_train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match=r"cuts_train\.jsonl"):
        list(LhotseManifests().cuts(tmp_path, "train"))


def test_recordings_and_cuts_without_a_supervision_are_told(tmp_path, capsys):
    recordings = [recording_of(tmp_path, name) for name in "ab"]
    for split in ("train", "dev", "test"):
        RecordingSet.from_recordings(recordings).to_file(tmp_path / f"recordings_{split}.jsonl")
        spoken = SupervisionSegment("u", "a", 0.0, 0.3, text="LOW", speaker="ann")
        SupervisionSet.from_segments([spoken]).to_file(tmp_path / f"supervisions_{split}.jsonl")
    (tmp_path / "recordings_more.jsonl").write_text((tmp_path / "recordings_dev.jsonl").read_text())
    source = LhotseManifests()
    assert source.splits(tmp_path) == ("train", "dev", "test")
    assert capsys.readouterr().err == (
        f"{tmp_path}: left out 1 manifests that are of no split, or one of a pair: recordings_more.jsonl\n"
    )
    assert [cut.id for cut in source.cuts(tmp_path, "train")] == ["u"]
    assert capsys.readouterr().err == (
        f"{tmp_path}/recordings_train.jsonl: left out 1 recordings without a supervision: b\n"
    )
    for path in tmp_path.glob("*.jsonl"):
        path.unlink()
    for split in ("train", "dev", "test"):
        cuts = [MonoCut(name, 0.0, 0.3, 0, [spoken] if name == "a" else [], recording=recordings[0]) for name in "ab"]
        CutSet.from_cuts(cuts).to_file(tmp_path / f"cuts_{split}.jsonl")
    assert [cut.id for cut in source.cuts(tmp_path, "dev")] == ["u"]
    assert capsys.readouterr().err == f"{tmp_path}/cuts_dev.jsonl: left out 1 cuts without a supervision: b\n"
