from pyspeech.entries import Audio, Entry
from pyspeech.validation import faults
from pyspeech.validation.cross_checks import check_between


def entry(id_, manifest=0, text="", speaker="", rate=8000, path=None, speed=1.0):
    audio = Audio(path or f"{manifest}{id_}.wav", (0,), rate, rate, 1.0, speed, False, False)
    return Entry(manifest, 1, id_, 0.0, 1.0, 0, 1, text, speaker, (0.0, 1.0), audio, None)


def found(*entries, rate=None):
    return {(one.manifest, one.id, finding.kind) for one, finding in check_between(entries, rate)}


def test_ids_are_kept_apart_within_a_manifest_only():
    assert found(entry("a"), entry("a", manifest=1), entry("a")) == {(0, "a", faults.DUPLICATE_ID)}


def test_only_long_texts_make_two_sides_one():
    short, long = "thank you both", "she had your dark suit"
    assert found(entry("a", text=short), entry("b", 1, short)) == set()
    assert found(entry("a", text=long), entry("b", text=long), entry("c", 1, long)) == {(1, "c", faults.SAME_TEXT)}


def test_texts_without_spaces_are_long_by_their_letters():
    short, long = "谢谢你", "今天天气很好我们去公园"
    assert found(entry("a", text=short), entry("b", 1, short), entry("c", text="好 的")) == set()
    assert found(entry("a", text=long), entry("b", text=long), entry("c", 1, long)) == {(1, "c", faults.SAME_TEXT)}


def test_the_one_reader_of_a_corpus_is_on_every_side():
    ann, bob = entry("a", text="yes yes", speaker="ann"), entry("b", 1, "no no", "bob")
    assert found(ann, entry("c", 1, "no no", "ann")) == set()
    assert found(ann, bob, entry("c", 1, "no yes", "ann")) == {(1, "c", faults.SAME_SPEAKER)}


def test_a_speaker_to_verify_that_train_has_too_is_named():
    train = [entry("a", speaker="ann"), entry("b", speaker="ann"), entry("c", speaker="bob"), entry("d", speaker="bob")]
    test = [entry("e", 1, speaker="cy"), entry("f", 1, speaker="bob")]
    assert found(*train, *test) == {(1, "f", faults.SAME_SPEAKER)}


def test_a_copy_at_another_speed_is_no_second_use():
    one = entry("a", path="x.wav", text="one two")
    assert found(one, entry("a_sp", path="x.wav", speed=1.1, text="one two")) == set()
    assert found(one, entry("b", path="x.wav", text="three four")) == {(0, "b", faults.AUDIO_TWICE)}
    assert found(one, entry("b", 1, path="x.wav", text="one two")) == {(1, "b", faults.SAME_AUDIO)}


def test_rates_are_held_against_most_and_against_the_model():
    entries = [entry(name, text="a b", rate=rate) for name, rate in (("a", 16000), ("b", 16000), ("c", 8000))]
    assert found(*entries) == {(0, "c", faults.MIXED_RATES)}
    assert found(*entries, rate=16000) == {(0, "c", faults.MIXED_RATES), (0, "c", faults.LOW_RATE)}


def test_the_rarer_way_of_writing_is_named():
    entries = [entry("a", text="HELLO"), entry("b", text="good day"), entry("c", text="Good day"), entry("d", text="I")]
    assert found(*entries) == {(0, "a", faults.MIXED_CASE)}


def test_nothing_is_wrong_with_nothing():
    assert found() == set()
