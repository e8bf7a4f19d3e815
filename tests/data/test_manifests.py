import dataclasses
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from lhotse import AudioSource, CutSet
from lhotse.utils import fastcopy
from tones import RATE, tone_cuts, tone_manifest

from pyspeech.config import load_config
from pyspeech.corpora.description.tally import describe_manifest
from pyspeech.data.audio_files import CannotRead
from pyspeech.data.batches import TrainingBatches, inference_batches
from pyspeech.data.cut_index import read_cut_index
from pyspeech.data.features import load_audio
from pyspeech.data.manifests import (
    STORED,
    check_manifest,
    folder_until_exit,
    manifest_file,
    read_manifest,
    write_manifest,
)
from pyspeech.data.speaker_batches import SpeakerBatches
from pyspeech.data.stored_features import store_features
from pyspeech.errors import UserError
from pyspeech.transcripts import read_transcripts
from pyspeech.validation.run import Sources, validate


def test_what_is_written_is_read_back_in_order(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 5)
    counts = write_manifest(cuts, tmp_path / "m.jsonl.gz")
    assert counts.utterances == 5
    assert counts.seconds == pytest.approx(sum(cut.duration for cut in cuts))
    assert list(read_manifest(tmp_path / "m.jsonl.gz")) == cuts


def test_a_manifest_is_read_lazily(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 2), tmp_path / "m.jsonl.gz")
    assert read_manifest(tmp_path / "m.jsonl.gz").is_lazy


def test_two_utterances_of_one_id_are_refused_and_the_old_manifest_stays(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 2)
    path = tmp_path / "m.jsonl.gz"
    write_manifest(cuts, path)
    before = path.read_bytes()
    with pytest.raises(UserError, match="two utterances have the id 'utt000'"):
        write_manifest([*cuts, cuts[0]], path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("partial*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no manifest"), (b"", "holds no utterance"), (b"not json\n", "line 1 is not valid JSON")],
)
def test_a_manifest_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "m.jsonl.gz"
    if content is not None:
        path.write_bytes(gzip.compress(content))
    with pytest.raises(UserError, match=message) as caught:
        read_manifest(path)
    assert "m.jsonl.gz" in str(caught.value)


def test_a_manifest_cut_short_is_named(tmp_path):
    path = tmp_path / "m.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": 1}' * 1000)[:30])
    with pytest.raises(UserError, match=r"m\.jsonl\.gz cannot be read after line 0"):
        read_manifest(path)


def lines_of(path):
    return path.read_bytes().splitlines()


def test_blank_lines_are_no_utterances_to_anyone(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 3)
    write_manifest(cuts, tmp_path / "train.jsonl")
    blank = tmp_path / "blank" / "train.jsonl"
    blank.parent.mkdir()
    blank.write_bytes(b"\n\n".join([b"", *lines_of(tmp_path / "train.jsonl"), b" ", b""]))
    assert list(read_manifest(blank)) == cuts
    index = read_cut_index(blank)
    assert [index.cut(number) for number in range(3)] == cuts
    assert [each.id for each in read_transcripts(blank)] == [cut.id for cut in cuts]
    assert validate(Sources((blank,))).faults == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"duration": None}, "cut 'utt001' cannot be read: no number 'duration'"),
        ({"duration": -1.0}, "it lasts -1 seconds"),
        ({"duration": float("nan")}, "no number 'duration'"),
        ({"duration": 1e300}, "no number 'duration'"),
        ({"start": -1.0}, "it starts at -1 seconds"),
        ({"channel": 1}, "channel 1, its recording has 0"),
        ({"supervisions": [{}]}, "no 'id'"),
        ({"custom": "x"}, "custom is no object"),
        ({"id": 7}, " cannot be read: no 'id'"),
        ({"type": "Recording"}, "type 'Recording', not a cut of audio"),
        ({"odd": 1}, "a cut has a field 'odd', which lhotse does not know"),
    ],
)
def test_a_line_that_is_no_cut_is_named_with_its_number_and_id(tmp_path, change, reason):
    write_manifest(tone_cuts(tmp_path / "audio", 3), tmp_path / "m.jsonl")
    first, second, third = lines_of(tmp_path / "m.jsonl")
    second = json.dumps(json.loads(second) | change).encode()
    (tmp_path / "m.jsonl").write_bytes(b"\n".join([first, second, third]))
    cuts = iter(read_manifest(tmp_path / "m.jsonl"))
    assert next(cuts).id == "utt000"
    with pytest.raises(UserError, match=rf"m\.jsonl, line 2.*{reason}") as caught:
        next(cuts)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=reason):
        read_cut_index(tmp_path / "m.jsonl")


def test_sampling_rates_that_no_audio_has_are_named(tmp_path):
    [cut] = tone_cuts(tmp_path / "audio", 1)
    for rate in (0, -8000, 10**9):
        cut.recording.sampling_rate = rate
        with pytest.raises(UserError, match=f"cut 'utt000' cannot be read: its audio has {rate} samples a second"):
            write_manifest([cut], tmp_path / "m.jsonl")


def test_a_manifest_that_would_run_something_is_not_written(tmp_path):
    [cut] = tone_cuts(tmp_path / "audio", 1)
    cut.recording.sources = [AudioSource("command", [0], f"touch {tmp_path / 'made'}")]
    with pytest.raises(UserError, match="a source of the type 'command'"):
        write_manifest([cut], tmp_path / "m.jsonl")
    with pytest.raises(UserError, match="cut 'utt000' is read from a command"):
        load_audio(cut, RATE)
    assert not (tmp_path / "made").exists()


def test_audio_in_memory_is_written_beside_the_manifest_once(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 2)
    expected = [load_audio(cut, RATE) for cut in cuts]
    for cut in cuts:
        source = cut.recording.sources[0]
        cut.recording.sources = [AudioSource("memory", [0], Path(source.source).read_bytes())]
    for name in ("a.jsonl", "b.jsonl"):
        write_manifest(cuts, tmp_path / "out" / name)
        assert len(list((tmp_path / "out" / STORED).iterdir())) == 2
        for cut, samples in zip(read_manifest(tmp_path / "out" / name), expected, strict=True):
            assert np.array_equal(load_audio(cut, RATE), samples)


def test_a_pipe_in_place_of_a_manifest_or_of_audio_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UserError, match="is a folder or a pipe; the manifest must be a file"):
        read_manifest(tmp_path / "pipe.jsonl")
    [cut] = tone_cuts(tmp_path / "audio", 1)
    cut.recording.sources[0].source = str(tmp_path / "pipe.jsonl")
    with pytest.raises(CannotRead, match=r"cut 'utt000' from .*pipe\.jsonl: it is no file"):
        load_audio(cut, RATE)


def values_of(batches):
    return [(each.ids, each.texts, each.speakers, each.features_BTF.tolist()) for each in batches]


def in_memory(cut):
    content = Path(cut.recording.sources[0].source).read_bytes()
    return fastcopy(cut, recording=fastcopy(cut.recording, sources=[AudioSource("memory", [0], content)]))


def features_of(cuts, folder):
    path = folder / "stored.jsonl.gz"
    store_features(cuts, path, config_of(folder, "recognition", "ctc", "tdnn_lstm").features, jobs=1)
    return [(cut.id, cut.load_features().tolist()) for cut in read_manifest(path)]


def config_of(folder, task, *included):
    settings = {
        "include": ["fbank", "augment", "train", *included],
        "task": task,
        "features": {"sampling_rate": RATE, "num_mel_bins": 20},
        "batches": {"max_seconds": 4, "buckets": 2},
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(settings))
    return load_config(folder / "c.yaml")


TAKERS = {
    "transcripts": lambda cuts, _: list(read_transcripts(cuts)),
    "audio": lambda cuts, _: [(cut.id, load_audio(cut, RATE).tolist()) for cut in read_manifest(cuts)],
    "inference": lambda cuts, folder: values_of(
        inference_batches(cuts, config_of(folder, "recognition", "ctc", "tdnn_lstm").features, 2, workers=1)
    ),
    "training": lambda cuts, folder: values_of(
        TrainingBatches(cuts, config_of(folder, "recognition", "ctc", "tdnn_lstm"), 1)
    ),
    "speakers": lambda cuts, folder: values_of(
        SpeakerBatches(cuts, config_of(folder, "verification", "softmax", "speaker_lstm", "speakers"), 1)
    ),
    "features": features_of,
    "description": lambda cuts, _: dataclasses.replace(describe_manifest(cuts), manifest=None),
}


@pytest.mark.parametrize("taker", TAKERS)
def test_cuts_may_stand_in_the_place_of_a_manifest(tmp_path, taker):
    path = tone_manifest(tmp_path / "m.jsonl.gz", 6)
    expected = TAKERS[taker](path, tmp_path)
    assert expected
    lazy = CutSet.from_jsonl_lazy(path)
    for cuts in (lazy, lazy.to_eager(), list(lazy), CutSet(map(in_memory, lazy)).to_eager()):
        found = TAKERS[taker](cuts, tmp_path)
        assert found == expected


def test_cuts_are_asked_for_one_after_the_other(tmp_path):
    asked = []

    class Counted:
        def __iter__(self):
            for cut in tone_cuts(tmp_path / "audio", 4):
                asked.append(cut.id)
                yield cut

    read = iter(read_manifest(CutSet(Counted())))
    assert (next(read).id, asked) == ("utt000", ["utt000"] * 2)  # the first is looked at before
    transcripts = read_transcripts(CutSet(Counted()))
    assert (next(transcripts).id, asked) == ("utt000", ["utt000"] * 3)


def test_cuts_are_refused_for_what_lines_are_refused_for(tmp_path):
    [cut] = tone_cuts(tmp_path / "audio", 1)
    runs = fastcopy(cut, recording=fastcopy(cut.recording, sources=[AudioSource("command", [0], "touch made")]))
    for read in (lambda cuts: list(read_manifest(cuts)), check_manifest):
        with pytest.raises(UserError, match=r"^the CutSet, number 2, cut 'utt000' cannot be read: a source of"):
            read(CutSet([cut, runs]))
    with pytest.raises(UserError, match=r"^the CutSet, number 2: two utterances have the id 'utt000'"):
        check_manifest([cut, cut])
    with pytest.raises(UserError, match=r"^the CutSet holds no utterance"):
        read_manifest(CutSet([]))


def test_features_of_audio_in_memory_point_to_files_that_stay(tmp_path):
    [cut] = tone_cuts(tmp_path / "audio", 1)
    features_of(CutSet([in_memory(cut)]), tmp_path)
    [source] = next(iter(read_manifest(tmp_path / "stored.jsonl.gz"))).recording.sources
    assert Path(source.source).parent == tmp_path / STORED


def test_the_file_of_cuts_has_the_name_that_is_asked_for(tmp_path):
    path = tone_manifest(tmp_path / "m.jsonl.gz", 2)
    assert manifest_file(path, "dev") == path
    file = manifest_file(CutSet.from_file(path), "dev")
    assert file.is_relative_to(folder_until_exit())
    assert validate(Sources((file,))).names == ("dev",)
    assert list(read_manifest(file)) == list(read_manifest(path))
