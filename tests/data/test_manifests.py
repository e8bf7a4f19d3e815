import gzip

import pytest
from tones import tone_cuts

from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.errors import UserError


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
    [(None, "no manifest"), (b"", "holds no utterance"), (b"not json\n", "is not a manifest")],
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
    with pytest.raises(UserError, match=r"m\.jsonl\.gz is not a manifest"):
        read_manifest(path)
