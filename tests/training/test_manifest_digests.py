import os

import pytest

from pyspeech.data.manifests import write_manifest
from pyspeech.errors import UserError
from pyspeech.training.manifest_digests import Contents
from tests.tones import tone_cuts, tone_manifest


def text(transcript):
    return transcript.text


def never(transcript):
    raise AssertionError("read again")


def test_a_manifest_is_read_once_until_it_is_another_file(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 3)
    contents = Contents()
    content = contents.of(manifest, text, "train")
    assert contents.of(manifest, never, "train") == content
    contents.save(tmp_path)
    resumed = Contents()
    resumed.load(tmp_path)
    assert resumed.of(manifest, never, "train") == content
    with pytest.raises(AssertionError):
        resumed.of(manifest, never, "dev")
    os.utime(manifest, ns=(0, 0))
    assert resumed.of(manifest, text, "train") == content
    with pytest.raises(AssertionError):
        Contents().of(manifest, never, "train")


def test_no_file_is_nothing_known(tmp_path):
    contents = Contents()
    contents.load(tmp_path)
    assert contents.known == {}


def test_it_tells_durations_apart_that_a_plan_tells_apart(tmp_path):
    (cut,) = tone_cuts(tmp_path / "audio", 1)
    found = []
    for seconds in (cut.duration, cut.duration - 1e-5):
        cut.duration = cut.supervisions[0].duration = seconds
        write_manifest([cut], tmp_path / "train.jsonl.gz")
        found.append(Contents().of(tmp_path / "train.jsonl.gz", text, "train"))
    assert found[0] != found[1]


def test_other_things_than_digests_are_refused(tmp_path):
    (tmp_path / "contents.json").write_text('{"train x": 3}')
    with pytest.raises(UserError, match=r"contents.json holds other things than digests of manifests; remove it"):
        Contents().load(tmp_path)
