import json

import pytest

from pyspeech.decoding.stored import StoredDecode, copy_words, utterance_writer
from pyspeech.errors import UserError
from pyspeech.lang.tokens import load_tokens
from tests.decodes import FRAME_SECONDS, KNOWN, TOKENS, duration, said, save_decode, sentences, write_manifest

SPOKEN = said("utt", [*sentences(3), []])


@pytest.fixture
def decode(tmp_path):
    return StoredDecode(save_decode(tmp_path / "test", SPOKEN))


def change(decode, **values):
    path = decode.folder / "decode.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def remove(folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_all_that_a_decode_left_is_read(decode):
    assert decode.seconds == {id_: duration(words) for id_, words in SPOKEN.items()}
    assert [each.id for each in decode.lattices] == [each.id for each in decode.frames] == list(SPOKEN)
    assert decode.lattices.words == ("<eps>", *KNOWN)
    assert decode.tokens.symbols == TOKENS.symbols
    assert (decode.acoustic_scale, decode.frame_seconds) == (1.0, FRAME_SECONDS)
    change(decode, settings={"acoustic_scale": 0.7})
    assert StoredDecode(decode.folder).acoustic_scale == 0.7
    assert StoredDecode(decode.folder).blank_penalty == 0.0  # as older ones, which do not say
    change(decode, settings={"blank_penalty": -1.5})
    assert StoredDecode(decode.folder).blank_penalty == -1.5


def test_references_come_in_the_order_of_the_decode_from_its_manifest_or_another(decode, tmp_path):
    other = write_manifest(tmp_path / "other.jsonl", dict(reversed([*SPOKEN.items(), ("more", ["CAT"])])))
    for manifest in (None, other):
        assert {id_: each.text.split() for id_, each in decode.references(manifest).items()} == SPOKEN
        assert list(decode.references(manifest)) == list(SPOKEN)


def test_what_is_missing_is_named_with_what_to_do(decode, tmp_path):
    for name, message in (
        ("lattices", "holds no lattices; decode with a graph and without --no-lattices, or rescore by --method search"),
        ("frames", "holds no frame scores; decode again, without --no-frames"),
    ):
        remove(decode.folder / name)
        with pytest.raises(UserError, match=message):
            getattr(StoredDecode(decode.folder), name)
    remove(decode.folder / "lang")
    with pytest.raises(UserError, match=r"test holds no token set \(folder lang\).*; decode again"):
        decode.tokens  # noqa: B018
    with pytest.raises(UserError, match="no decode at"):
        StoredDecode(tmp_path / "none").summary  # noqa: B018
    decode.manifest().unlink()
    with pytest.raises(UserError, match=r"test.jsonl, which is not here; give --references MANIFEST"):
        decode.references(None)
    few = write_manifest(tmp_path / "few.jsonl", {"utt-000": ["CAT"]})
    with pytest.raises(UserError, match=r"few.jsonl has no utterance utt-001"):
        decode.references(few)


def test_a_rescored_folder_names_the_decode_that_has_what_it_lacks(decode):
    change(decode, rescored="exp/decode/test")
    for name, message in (
        ("lattices", "holds no lattices; rescore with --lattices, or use exp/decode/test, which it was made from"),
        ("frames", "holds no frame scores; use exp/decode/test, which it was made from"),
    ):
        remove(decode.folder / name)
        with pytest.raises(UserError, match=message):
            getattr(StoredDecode(decode.folder), name)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("decode.json", "{", "decode.json is not valid JSON"),
        ("decode.json", "[]", "expected a JSON object, found list"),
        ("decode.json", "{}", "not the summary of a decode"),
        ("decode.json", '{"settings": {}}', "no frame_seconds"),
        ("hyps.jsonl", '{"id": "a"}\n', "hyps.jsonl, line 1: no 'id' and 'seconds'"),
        ("hyps.jsonl", '{"id": "a", "seconds": NaN}\n', "hyps.jsonl, line 1: seconds is nan, which cannot be"),
        ("hyps.jsonl", '{"id": "a", "seconds": -1}\n', "hyps.jsonl, line 1: seconds is -1"),
        ("hyps.jsonl", '{"id": "a", "seconds": true}\n', "hyps.jsonl, line 1: seconds is True"),
        ("decode.json", '{"settings": {}, "frame_seconds": NaN}', "decode.json: frame_seconds is nan"),
        ("decode.json", '{"settings": {}, "frame_seconds": "0.03"}', "decode.json: frame_seconds is '0.03'"),
        ("decode.json", '{"settings": {}, "frame_seconds": 0}', "decode.json: frame_seconds is 0,"),
        ("decode.json", '{"settings": {"acoustic_scale": "x"}}', "settings.acoustic_scale is 'x', which cannot be"),
        ("decode.json", '{"settings": {"acoustic_scale": NaN}}', "settings.acoustic_scale is nan"),
        ("decode.json", '{"settings": {"acoustic_scale": -1}}', "settings.acoustic_scale is -1"),
        ("decode.json", '{"settings": {"blank_penalty": 1}}', "settings.blank_penalty is 1, which cannot be"),
        ("hyps.jsonl", "{", "hyps.jsonl, line 1 is not valid JSON"),
    ],
)
def test_a_damaged_file_is_named(decode, name, text, message):
    (decode.folder / name).write_text(text)
    with pytest.raises(UserError, match=message):
        print(decode.summary, decode.acoustic_scale, decode.blank_penalty, decode.seconds, decode.frame_seconds)


@pytest.mark.parametrize("name", ["lattices", "frames"])
def test_tokens_of_another_decode_are_refused(decode, name):
    path = decode.folder / name / "symbols.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "tokens": values["tokens"] + ["more"]}))
    with pytest.raises(UserError, match=f"{name} and .*lang hold different tokens; decode again"):
        _ = decode.tokens


def test_an_utterance_is_written_with_a_warning_for_each_of_its_problems(decode):
    words = {"words": ["GRÜN"], "seconds": 1.0}
    with utterance_writer(decode.folder) as write:
        write({"id": "a", **words}, [])
        write({"id": "b", **words}, ["too short", "not finite"])
    assert StoredDecode(decode.folder).seconds == {"a": 1.0, "b": 1.0}
    assert "GRÜN" in (decode.folder / "hyps.jsonl").read_text(encoding="utf-8")
    warnings = (decode.folder / "decode_warnings.jsonl").read_text(encoding="utf-8").splitlines()
    assert [tuple(json.loads(line).values()) for line in warnings] == [("b", "too short"), ("b", "not finite")]


def test_what_spells_words_is_copied_with_the_counts_where_there_are_some(decode, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    copy_words(decode.folder, tmp_path / "first")
    (tmp_path / "first" / "train_words.tsv").unlink()
    copy_words(tmp_path / "first", tmp_path / "second")
    assert load_tokens(tmp_path / "second" / "lang").symbols == TOKENS.symbols
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["lang"]
