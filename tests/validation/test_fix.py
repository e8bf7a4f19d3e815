import gzip
import json

import pytest
import soundfile

from pyspeech.config import load_config
from pyspeech.data.manifests import read_manifest
from pyspeech.errors import UserError
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.training.experiment import Sources as TrainingSources
from pyspeech.training.experiment import run
from pyspeech.validation import faults
from pyspeech.validation.fix import fix
from pyspeech.validation.run import Sources, validate
from tests.tones import tone_manifest
from tests.validation.planted import plant, said

MENDED = {"double", "long", "wide", "table", "beyond", "faster", "spaces"}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted") / "corpus")


def sources(planted, folder):
    manifests = tuple(folder / path.name for path in planted.manifests)
    return Sources(manifests, planted.folder / "lang", planted.folder / "conf.yaml", deep=True)


@pytest.fixture(scope="module")
def fixed(planted):
    out = planted.folder / "fixed"
    fix(validate(sources(planted, planted.folder)), out)
    return out


def lines_of(path):
    return gzip.decompress(path.read_bytes()).splitlines()


def cuts_of(folder, split="train"):
    return {cut["id"]: cut for cut in map(json.loads, lines_of(folder / f"{split}.jsonl.gz"))}


def rows(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def test_a_corpus_that_was_fixed_has_no_fault(planted, fixed):
    assert validate(sources(planted, fixed)).faults == 0


def test_a_corpus_that_was_fixed_is_copied_when_it_is_fixed_again(planted, fixed, tmp_path):
    changes = fix(validate(sources(planted, fixed)), tmp_path)
    assert (changes.dropped, changes.mended) == ([], [])
    for path in planted.manifests:
        assert lines_of(tmp_path / path.name) == lines_of(fixed / path.name)


def test_lines_without_fault_are_copied_byte_for_byte_and_no_other_is_left_out(planted, fixed):
    for name, path in zip(planted.lines, planted.manifests, strict=True):
        lines = lines_of(path)
        faulty = {id_ for kind, ids in planted.expected.items() if kind.severity == "fault" for id_ in ids}
        numbers = {int(row[1]) for row in rows(fixed / "dropped.tsv") + rows(fixed / "mended.tsv") if row[0] == name}
        for number, line in enumerate(lines, 1):
            sound = number not in numbers
            assert not sound or line in lines_of(fixed / path.name)
            if not sound:
                id_ = json.loads(line)["id"] if f"{name}: line {number}" not in faulty else None
                assert id_ is None or f"{name}: {id_}" in faulty


def test_what_cannot_be_mended_is_named_with_its_faults(planted, fixed):
    expected = {
        (*each.split(": "), kind.name)
        for kind, ids in planted.expected.items()
        for each in ids
        if kind.severity == "fault" and each.split(": ")[1] not in MENDED - {"double"}
    }
    found = {
        (row[0], row[2] or f"line {row[1]}", kind) for row in rows(fixed / "dropped.tsv") for kind in row[3].split(", ")
    }
    assert found == expected


def test_all_that_can_be_mended_is(planted, fixed):
    assert {row[2] for row in rows(fixed / "mended.tsv")} == MENDED
    cuts = cuts_of(fixed)
    assert cuts["double-2"]["supervisions"][0]["text"] == "HIGH"
    assert cuts["spaces"]["supervisions"][0]["text"] == "LOW MID"
    for id_, cut in cuts.items():
        info = soundfile.info(cut["recording"]["sources"][0]["source"])
        assert cut["recording"]["num_samples"] == info.frames, id_
        assert cut["recording"]["sampling_rate"] == info.samplerate, id_
        assert cut["start"] + cut["duration"] <= info.duration + 1e-6, id_
    assert [cuts[f"long-{word}"]["start"] for word in ("LOW", "MID", "HIGH")] == [0.0, 0.25, 0.5]
    assert (cuts["wide"]["start"], cuts["wide"]["supervisions"][0]["start"]) == (2.0, 0.0)


def test_a_corpus_that_was_fixed_trains(planted, fixed, tmp_path):
    config = load_config(planted.folder / "conf.yaml", ["training.epochs=1", "training.average_epochs=1"])
    training = TrainingSources(fixed / "train.jsonl.gz", fixed / "dev.jsonl.gz", planted.folder / "lang")
    assert run(config, tmp_path / "exp", training, "cpu")
    (line,) = (tmp_path / "exp" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["left_out"] == 0
    assert all(cut.load_audio().shape[0] == 1 for cut in read_manifest(fixed / "train.jsonl.gz"))


def test_the_manifests_that_are_read_are_never_replaced(planted, tmp_path):
    with pytest.raises(UserError, match="would replace"):
        fix(validate(sources(planted, planted.folder)), planted.folder / "audio" / "..")
    paths = [tone_manifest(tmp_path / name / "cuts.jsonl.gz", 2) for name in ("a", "b")]
    with pytest.raises(UserError, match="two manifests are called"):
        fix(validate(Sources(tuple(paths))), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_manifest_of_which_nothing_is_left_is_not_written(tmp_path):
    manifest = tmp_path / "train.jsonl"
    manifest.write_text("no cut\n")
    with pytest.raises(UserError, match=r"no utterance of .*train\.jsonl"):
        fix(validate(Sources((manifest,))), tmp_path / "out")
    assert not (tmp_path / "out" / "train.jsonl").exists()


def test_where_nothing_is_left_of_one_manifest_none_is_written(tmp_path):
    train = tone_manifest(tmp_path / "train.jsonl.gz", 3)
    dev = tmp_path / "dev.jsonl"
    dev.write_text("no cut\n")
    with pytest.raises(UserError, match=r"no utterance of .*dev\.jsonl"):
        fix(validate(Sources((train, dev))), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_text_that_only_raw_is_spelled_stays_as_it_is_where_other_things_are_mended(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 2)
    word = "CAFE\N{COMBINING ACUTE ACCENT}"
    CharacterTokens.from_words([word]).save(tmp_path / "lang")
    first, second = (said(json.loads(line), text=word) for line in lines_of(manifest))
    first["recording"] |= {"duration": first["duration"] + 0.1}
    manifest.write_bytes(gzip.compress("\n".join(map(json.dumps, (first, second))).encode()))
    changes = fix(validate(Sources((manifest,), tmp_path / "lang")), tmp_path / "out")
    assert (len(changes.mended), changes.dropped) == (1, [])
    assert [cut["supervisions"][0]["text"] for cut in cuts_of(tmp_path / "out").values()] == [word, word]


def test_new_ids_take_no_id_that_is_there_already(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 3, max_words=1)
    first, second, third = map(json.loads, lines_of(manifest))
    lines = [first, {**second, "id": first["id"]}, {**third, "id": f"{first['id']}-2"}]
    manifest.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    fix(validate(Sources((manifest,))), tmp_path / "out")
    assert list(cuts_of(tmp_path / "out")) == [first["id"], f"{first['id']}-3", f"{first['id']}-2"]


def test_a_plain_manifest_stays_plain_and_its_last_line_ends(tmp_path):
    packed = tone_manifest(tmp_path / "train.jsonl.gz", 3)
    plain = tmp_path / "train.jsonl"
    plain.write_bytes(gzip.decompress(packed.read_bytes()).rstrip())
    validation = validate(Sources((plain,)))
    assert not any(finding.kind is faults.CUT_SHORT for every in validation.findings.values() for finding in every)
    fix(validation, tmp_path / "out")
    assert (tmp_path / "out" / "train.jsonl").read_bytes() == gzip.decompress(packed.read_bytes())
