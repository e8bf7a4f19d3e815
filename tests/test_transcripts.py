import gzip
import json
import subprocess
import sys

import pytest

from pyspeech.errors import UserError
from pyspeech.transcripts import Transcript, manifest_name, read_transcripts


def cut(cut_id="u1", text="A B", speaker="ann", duration=1.5):
    return {
        "id": cut_id,
        "duration": duration,
        "type": "MonoCut",
        "supervisions": [{"id": cut_id, "text": text, "speaker": speaker}],
    }


def write_manifest(path, *cuts):
    data = "".join(json.dumps(value) + "\n" for value in cuts).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["test.jsonl", "test.jsonl.gz"])
def test_reads_cuts_in_their_order(tmp_path, name):
    path = write_manifest(tmp_path / name, cut("b", "ÉTÉ 東京", "bob", 2), cut("a", ""))
    assert list(read_transcripts(path)) == [Transcript("b", "ÉTÉ 東京", "bob", 2.0), Transcript("a", "", "ann", 1.5)]


def test_a_missing_speaker_is_empty(tmp_path):
    value = cut()
    del value["supervisions"][0]["speaker"]
    assert [one.speaker for one in read_transcripts(write_manifest(tmp_path / "m.jsonl", value))] == [""]


def test_agrees_with_lhotse_on_manifests_that_lhotse_wrote(tmp_path):
    lhotse = pytest.importorskip("lhotse", reason="needs lhotse")
    dummies = pytest.importorskip("lhotse.testing.dummies")
    path = tmp_path / "cuts.jsonl.gz"
    cuts = []
    for index in range(5):
        one = dummies.dummy_cut(index, duration=1.0 + index)
        one.supervisions = [
            lhotse.SupervisionSegment(f"s{index}", one.recording_id, 0, 1.0, text=f"WORD {index}", speaker=f"p{index}")
        ]
        cuts.append(one)
    with lhotse.CutSet.open_writer(path) as writer:
        for one in cuts:
            writer.write(one)
    expected = [
        (one.id, one.supervisions[0].text, one.supervisions[0].speaker, one.duration)
        for one in lhotse.load_manifest_lazy(path)
    ]
    assert [(one.id, one.text, one.speaker, one.seconds) for one in read_transcripts(path)] == expected


def test_is_read_one_line_at_a_time(tmp_path):
    path = write_manifest(tmp_path / "m.jsonl", cut("good"))
    with path.open("a") as stream:
        stream.write("broken\n")
    lines = read_transcripts(path)
    assert next(lines).id == "good"
    with pytest.raises(UserError, match="line 2 is not valid JSON"):
        next(lines)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no manifest at .*nowhere\.jsonl\.gz"):
        list(read_transcripts(tmp_path / "nowhere.jsonl.gz"))


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text("A B\n")
    with pytest.raises(UserError, match=r"text\.txt is not a manifest"):
        list(read_transcripts(tmp_path / "text.txt"))


@pytest.mark.parametrize("damage", ["cut short", "bytes flipped", "not gzip", "bytes after the end"])
def test_a_damaged_gzip_file_is_named(tmp_path, damage):
    path = write_manifest(tmp_path / "m.jsonl.gz", *(cut(f"u{index}") for index in range(100)))
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = bytes(255 - value for value in data[middle : middle + 50])
    damaged = {
        "cut short": data[:middle],
        "bytes flipped": data[:middle] + flipped + data[middle + 50 :],
        "not gzip": b"plain text",
        "bytes after the end": data + b"trailing",
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(UserError, match=r"m\.jsonl\.gz"):
        list(read_transcripts(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"supervisions": []}, "line 1, cut u1: expected one supervision per cut, found none"),
        ({"supervisions": cut()["supervisions"] * 2}, "expected one supervision per cut, found 2"),
        ({"supervisions": None}, "expected one supervision per cut, found no list"),
        ({"supervisions": [{"id": "u1"}]}, "supervision has no text"),
        ({"duration": None}, "no 'duration'"),
        ({"id": None}, "line 1 is not a cut"),
    ],
)
def test_a_cut_that_is_not_one_utterance_is_named(tmp_path, change, message):
    path = write_manifest(tmp_path / "m.jsonl", cut() | change)
    with pytest.raises(UserError, match=message):
        list(read_transcripts(path))


@pytest.mark.parametrize("line", [b"[1, 2]\n", b"{\n", b"\xff\xfe{}\n"])
def test_a_line_that_is_no_json_object_is_named(tmp_path, line):
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"\n" + line)  # a blank line counts as a line but holds no cut
    with pytest.raises(UserError, match="line 2"):
        list(read_transcripts(path))


def test_needs_neither_lhotse_nor_torch():
    code = "import sys, pyspeech.transcripts; print({'torch', 'lhotse', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_manifest_is_known_by_its_ending(tmp_path):
    assert manifest_name(tmp_path / "train-clean-100.jsonl.gz") == "train-clean-100"
    with pytest.raises(UserError, match="must end in"):
        manifest_name(tmp_path / "train.csv")
