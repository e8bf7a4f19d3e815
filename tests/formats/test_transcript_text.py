import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.formats.transcript_text import FORMATS, best_of_lattices, recognised, stm, text, trn
from pyspeech.transcripts import Transcript
from tests.decodes import hypotheses, said, save_decode, sentences
from tests.lattices import all_paths

SAID = [
    Transcript("u2", "ONE  ÉTÉ", "Ann Lee", 1.2),
    Transcript("u1", "", "", 0.25),
]


def test_a_line_an_utterance_by_id():
    assert text(SAID) == "u1\nu2 ONE ÉTÉ\n"
    assert trn(SAID) == "(u1)\nONE ÉTÉ (u2)\n"
    assert stm(SAID) == "u1 1 u1 0.000 0.250\nu2 1 Ann_Lee 0.000 1.200 ONE ÉTÉ\n"


WORDS = st.lists(st.text("abÉ'", min_size=1), max_size=4).map(" ".join)


@given(st.dictionaries(st.text("abÉ-", min_size=1), WORDS, max_size=5))
def test_what_was_given_can_be_read_again(spoken):
    given_ = [Transcript(id_, words, "s", 1.0) for id_, words in spoken.items()]
    lines = text(given_).splitlines()
    assert {line.split()[0]: " ".join(line.split()[1:]) for line in lines} == spoken
    # The order that sort gives with LC_ALL=C.
    assert [line.split()[0].encode() for line in lines] == sorted(id_.encode() for id_ in spoken)
    found = [line.rpartition("(") for line in trn(given_).splitlines()]
    assert {id_.rstrip(")"): words.strip() for words, _, id_ in found} == spoken
    segments = [line.split() for line in stm(given_).splitlines()]
    assert {fields[0]: " ".join(fields[5:]) for fields in segments} == spoken


def test_lhotse_and_kaldis_text_agree(tmp_path):
    kaldi = pytest.importorskip("lhotse.kaldi")
    (tmp_path / "text").write_text(text(SAID[:1]), encoding="utf-8")
    assert kaldi.load_kaldi_text_mapping(tmp_path / "text") == {"u2": "ONE ÉTÉ"}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("id_", ["two words", ";;comment", "", "tab\there"])
def test_ids_that_would_break_a_line_are_refused(kind, id_):
    with pytest.raises(UserError, match=f"which {kind} cannot hold; choose another format"):
        FORMATS[kind]([Transcript(id_, "ONE", "", 1.0)])


def test_what_a_format_takes_for_something_else_is_refused():
    slash = Transcript("u1", "ONE / TWO", "", 1.0)
    assert text([slash]) == "u1 ONE / TWO\n"
    for kind in ("trn", "stm"):
        with pytest.raises(UserError, match=f"'u1' has the word '/', which {kind} gives another meaning"):
            FORMATS[kind]([slash])
    with pytest.raises(UserError, match="takes for a label"):
        stm([Transcript("u1", "<unk> ONE", "", 1.0)])
    assert stm([Transcript("u1", "ONE <unk>", "", 1.0)]) == "u1 1 u1 0.000 1.000 ONE <unk>\n"
    with pytest.raises(UserError, match="has a parenthesis"):
        trn([Transcript("u(1)", "ONE", "", 1.0)])
    with pytest.raises(UserError, match="two utterances are called u1"):
        text([slash, slash])


def test_the_best_of_lattices_are_the_best_of_all_their_paths(tmp_path):
    folder = save_decode(tmp_path / "decode", said("a", [words[:2] for words in sentences(2)]))
    found = {each.id: each.text for each in best_of_lattices(folder, 5)}
    archive = StoredDecode(folder).lattices
    for lattice in archive:
        best: dict[str, float] = {}
        score = lattice.scores(1.0)
        for path in all_paths(lattice):
            words = " ".join(archive.words[word] for word in lattice.word[list(path)] if word)
            best[words] = max(best.get(words, -math.inf), score[list(path)].sum())
        expected = sorted(best, key=lambda words: -best[words])[:5]
        assert [found[f"{lattice.id}-{n}"] for n in range(1, 6)] == expected
    assert {each.id: each.text.split() for each in recognised(folder)} == hypotheses(folder)
