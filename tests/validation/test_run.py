import gzip
import json
from collections import Counter

import pytest

from pyspeech.config import load_config
from pyspeech.data.stored_features import store_features
from pyspeech.errors import UserError
from pyspeech.lang.tokens import CharacterTokens, PhoneTokens
from pyspeech.validation import faults
from pyspeech.validation.run import Sources, validate
from tests.experiments import YAML
from tests.tones import tone_manifest
from tests.validation.planted import plant, ran, said


def found_by_kind(validation):
    found = {}
    for (manifest, line), findings in validation.findings.items():
        id_ = validation.ids.get((manifest, line), f"line {line}")
        for finding in findings:
            found.setdefault(finding.kind, set()).add(f"{validation.names[manifest]}: {id_}")
    return found


def named(found):
    return {kind.name: sorted(ids) for kind, ids in found.items()}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted") / "corpus")


def rewritten(path, change):
    """The manifest with every cut changed."""
    lines = [json.dumps(change(json.loads(line))) for line in gzip.decompress(path.read_bytes()).splitlines()]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def test_every_planted_fault_is_found_and_nothing_else(planted):
    sources = Sources(planted.manifests, planted.folder / "lang", planted.folder / "conf.yaml", deep=True)
    validation = validate(sources)
    assert named(found_by_kind(validation)) == named(planted.expected)
    assert Counter(each.kind for every in validation.findings.values() for each in every) == planted.counts


def test_without_tokens_model_and_decoding_the_rest_is_found_still(planted):
    needs_more = {faults.UNCOVERED_TEXT, faults.UNSPELLED_IN_TEST, faults.INFEASIBLE, faults.OUT_OF_LIMITS}
    needs_more |= {
        faults.LOW_RATE,
        faults.DAMAGED_FEATURES,
        faults.DAMAGED_AUDIO,
        faults.SILENT_AUDIO,
        faults.CLIPPED_AUDIO,
    }
    expected = {kind: ids for kind, ids in planted.expected.items() if kind not in needs_more}
    found = found_by_kind(validate(Sources(planted.manifests)))
    assert found.pop(faults.NOT_AS_SPOKEN) == {"train: seven", "train: rows"}
    assert named(found) == named(expected)


def test_a_sound_corpus_has_no_finding(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 40)
    assert validate(Sources((manifest,), deep=True)).findings == {}


def test_a_manifest_that_breaks_off_is_named_and_read_as_far_as_it_goes(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 40)
    manifest.write_bytes(manifest.read_bytes()[:-300])
    validation = validate(Sources((manifest,)))
    (finding,) = [finding for every in validation.findings.values() for finding in every]
    assert finding.kind is faults.CUT_SHORT
    assert 0 < len(validation.ids) < 40


def test_copies_at_other_speeds_with_stored_features_are_no_fault(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 6)
    (tmp_path / "conf.yaml").write_text(YAML)
    config = load_config(tmp_path / "conf.yaml")
    store_features(manifest, tmp_path / "fbank" / "train.jsonl.gz", config.features, (0.9, 1.0, 1.1))
    stored = Sources((tmp_path / "fbank" / "train.jsonl.gz",), model=tmp_path / "conf.yaml", deep=True)
    assert validate(stored).findings == {}
    archive, *_ = (tmp_path / "fbank" / "train.lca").iterdir()  # one for each speed
    archive.write_bytes(archive.read_bytes()[:-10])
    (ids,) = found_by_kind(validate(stored)).values()
    assert len(ids) == 1


def test_words_that_a_lexicon_lacks_are_named(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 12)
    PhoneTokens.from_lexicon({"LOW": [("l", "o")], "MID": [("m",)]}).save(tmp_path / "lang")
    validation = validate(Sources((manifest,), tmp_path / "lang"))
    high = {json.loads(line)["id"] for line in gzip.decompress(manifest.read_bytes()).splitlines() if b"HIGH" in line}
    assert found_by_kind(validation) == {faults.UNPRONOUNCED: {f"train: {id_}" for id_ in high}}


def test_what_fits_only_at_a_normal_speed_is_a_warning(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 2)
    CharacterTokens.from_words(["LOW", "MID", "HIGH"]).save(tmp_path / "lang")
    (tmp_path / "conf.yaml").write_text(YAML.replace("speeds: [1.0]", "speeds: [1.0, 1.5]"))
    # 0.3 seconds: 10 output frames, at 1.5 times the speed 7; L and W after a blank each, 8 tokens.
    rewritten(manifest, lambda cut: said(cut, text="LOWLOWI" if cut["duration"] < 0.4 else "LOW"))
    found = found_by_kind(validate(Sources((manifest,), tmp_path / "lang", tmp_path / "conf.yaml")))
    assert found == {faults.TIGHT: {"train: utt001"}}


def test_labels_are_counted_where_the_texts_are_labels(tmp_path):
    train = tone_manifest(tmp_path / "train.jsonl.gz", 12, max_words=1)
    rewritten(train, lambda cut: said(cut, text="RARE" if cut["id"] == "utt003" else cut["supervisions"][0]["text"]))
    dev = tone_manifest(tmp_path / "dev.jsonl.gz", 3, max_words=1)
    rewritten(dev, lambda cut: said(cut, text="NEW", speaker=f"dev{cut['supervisions'][0]['speaker']}"))
    found = found_by_kind(validate(Sources((train, dev))))
    assert found == {faults.LONE_LABEL: {"train: utt003"}, faults.UNSEEN_LABEL: {f"dev: utt00{n}" for n in range(3)}}


def test_the_side_that_trains_is_known_by_its_name_and_not_by_its_place(tmp_path):
    train = tone_manifest(tmp_path / "train.jsonl.gz", 12, max_words=1)
    dev = tone_manifest(tmp_path / "dev.jsonl.gz", 3, max_words=1)
    rewritten(dev, lambda cut: said(cut, text="NEW"))
    validation = validate(Sources((dev, train)))
    assert validation.names == ("train", "dev")
    held_out = {f"dev: utt00{number}" for number in range(3)}
    assert found_by_kind(validation) == {faults.UNSEEN_LABEL: held_out, faults.SAME_SPEAKER: held_out}
    paths = [tone_manifest(tmp_path / f"{name}.jsonl.gz", 1) for name in ("b", "a", "eval")]
    assert validate(Sources((paths[2], *paths[:2]))).names == ("b", "a", "eval")


def test_speakers_are_the_labels_where_there_is_no_text(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 6)
    rewritten(manifest, lambda cut: said(cut, text="", speaker="x" if cut["id"] == "utt002" else "y"))
    assert found_by_kind(validate(Sources((manifest,)))) == {faults.LONE_LABEL: {"train: utt002"}}


def test_digits_signs_and_capitals_are_shown_without_tokens(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 6)
    texts = {"utt000": "don't mind", "utt001": "no. 7", "utt002": "LOUD WORDS", "utt003": "mother-in-law"}
    rewritten(manifest, lambda cut: said(cut, text=texts.get(cut["id"], "plain")))
    found = found_by_kind(validate(Sources((manifest,))))
    assert found.pop(faults.NOT_AS_SPOKEN) == {"train: utt001"}
    assert found.pop(faults.MIXED_CASE) == {"train: utt002"}


def test_what_would_be_run_or_fetched_is_a_fault_of_its_own(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 2)
    at_address = {"storage_type": "lilcom_url", "storage_path": "https://example.org", "storage_key": "a.llc"}
    rewritten(manifest, lambda cut: ran(cut) if cut["id"] == "utt000" else {**cut, "features": at_address})
    validation = validate(Sources((manifest,), deep=True))
    assert {kind: len(where) for kind, where in found_by_kind(validation).items()} == {faults.NOT_A_FILE: 2}


def test_manifests_of_one_name_are_told_apart_by_their_folders(tmp_path):
    paths = [tone_manifest(tmp_path / name / "cuts.jsonl.gz", 2) for name in ("a", "b")]
    assert validate(Sources(tuple(paths))).names == tuple(map(str, paths))


@pytest.mark.parametrize("name", ["nowhere.jsonl.gz", "table.csv"])
def test_what_is_no_manifest_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=name):
        validate(Sources((tmp_path / name,)))
