import copy
import dataclasses
import gzip
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lhotse import AudioSource, Features, MonoCut, MultiCut, Recording, SupervisionSegment
from lhotse.augmentation import AudioTransform
from lhotse.cut import MixedCut, MixTrack, PaddingCut
from lhotse.features.io import available_storage_backends

from pyspeech.config import load_feature_config
from pyspeech.data.features import FeatureExtractor, load_audio
from pyspeech.data.manifests import cut_of, read_manifest
from pyspeech.entries import FIELDS, STORED_AS, TRANSFORMS, NotACutError, NotAFileError, checked, read_entry
from pyspeech.errors import UserError
from pyspeech.settings import SHARED_CONF
from pyspeech.transcripts import read_transcripts
from pyspeech.validation.fix import fix
from pyspeech.validation.report import table_text
from pyspeech.validation.run import Sources, validate
from tests.tones import RATE, tone_cuts

ODD = st.sampled_from([None, True, "", "x", "a\0b", "\ud800", -1, 0, 1, 10**400, 1e300, 1e-320, [], [1], {}, {"a": 1}])


def places(value, above=()):
    """Every place within nested JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*above, key)
        yield from places(below, (*above, key))


def put(cut, place, value):
    cut = copy.deepcopy(cut)
    target = cut
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return cut


def without(cut, place):
    cut = copy.deepcopy(cut)
    target = cut
    for key in place[:-1]:
        target = target[key]
    del target[place[-1]]
    return cut


@pytest.fixture(scope="module")
def cuts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuts")
    cuts = tone_cuts(folder / "audio", 2)
    every = (*cuts, cuts[0].resample(4000).perturb_speed(1.1), cuts[0].pad(2.0), cuts[0].mix(noise(cuts[1]), snr=10))
    return [json.loads(json.dumps(cut.to_dict())) for cut in every]


def noise(cut):
    return cut.drop_supervisions()


def test_cuts_of_lhotse_are_read_with_their_speed(cuts):
    entries = [read_entry(cut, 0, 1) for cut in cuts[:3]]
    assert [entry.id for entry in entries] == [cut["id"] for cut in cuts[:3]]
    assert [(entry.audio.speed, entry.audio.resampled) for entry in entries] == [(1.0, False)] * 2 + [(1.1, True)]
    assert [entry.original for entry in entries] == [True, True, False]


def test_what_lacks_a_field_that_lhotse_needs_is_no_cut(cuts):
    accepted = 0
    for cut in cuts:
        for place in places(cut):
            lacking = without(cut, place)
            try:
                read_entry(lacking, 0, 1)
            except NotACutError:
                continue
            cut_of(copy.deepcopy(lacking), "here")
            accepted += 1
    assert accepted


@settings(max_examples=15)
@given(st.data())
def test_odd_values_anywhere_stop_neither_the_checks_nor_the_fix(cuts, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("odd")
    lines = [json.dumps({**cuts[0], "id": "sound"})]
    for number in range(20):
        cut = data.draw(st.sampled_from(cuts))
        odd = put(cut, data.draw(st.sampled_from(list(places(cut)))), data.draw(ODD))
        lines.append(json.dumps({**odd, "id": odd["id"] if odd.get("id") != cut["id"] else f"odd-{number}"}))
    manifest = folder / "train.jsonl.gz"
    manifest.write_bytes(gzip.compress("\n".join(lines).encode()))
    validation = validate(Sources((manifest,), deep=True))
    assert all(len(line) <= 120 for line in table_text(validation).splitlines())
    fix(validation, folder / "out")
    fixed = Sources((folder / "out" / "train.jsonl.gz",), deep=True)
    assert validate(fixed).faults == 0


@settings(max_examples=15)
@given(st.data())
def test_what_no_command_reads_is_a_fault_that_validate_finds(cuts, tmp_path_factory, data):
    extractor = FeatureExtractor(
        load_feature_config(SHARED_CONF / "fbank.yaml").model_copy(update={"sampling_rate": RATE, "high_hz": 0.0})
    )
    folder = tmp_path_factory.mktemp("read")
    for number in range(10):
        cut = data.draw(st.sampled_from(cuts))
        odd = put(cut, data.draw(st.sampled_from(list(places(cut)))), data.draw(ODD))
        manifest = folder / f"train-{number}.jsonl"
        manifest.write_text(json.dumps(odd) + "\n")
        with suppress(UserError):
            for cut in read_manifest(manifest):
                assert len(extractor(cut))
            list(read_transcripts(manifest))
            continue
        assert validate(Sources((manifest,), deep=True)).faults, odd


POISONS = [
    {"type": "command", "channels": [0], "source": "touch made"},
    {"type": "url", "channels": [0], "source": "https://example.org/a.wav"},
    {"type": "shar", "channels": [0], "source": ""},
    {"type": "file", "channels": [0], "source": "pipe:touch made"},
    {"type": "file", "channels": [0], "source": "s3://bucket/a.wav"},
    {"type": "file", "channels": [0], "source": "-"},
    {"type": ["file"], "channels": [0], "source": "a.wav"},
    *({"storage_type": name, "storage_path": "a", "storage_key": "b"} for name in ("lilcom_url", "kaldiio", "shar")),
    *(
        {"storage_type": name, "storage_path": "a", "storage_key": "b"}
        for name in ("memory_raw", "pillow_memory", None)
    ),
    {"storage_type": "lilcom_files", "storage_path": "pipe:touch made", "storage_key": "a"},
    {"storage_type": "numpy_files", "storage_path": "", "storage_key": "pipe:touch made"},
]


@pytest.mark.parametrize("poison", POISONS, ids=lambda each: str(each.get("type", each.get("storage_type"))))
def test_what_would_run_fetch_or_unpickle_is_refused_wherever_it_stands(cuts, poison):
    for cut in cuts:
        for place in places(cut):
            with pytest.raises(NotAFileError):
                checked(put(cut, place, {"deep": [poison]}))


def test_every_store_and_transform_of_lhotse_is_known():
    refused = {"kaldiio", "lilcom_url", "memory_lilcom", "memory_raw"}
    assert set(available_storage_backends()) - refused <= set(STORED_AS)
    assert set(AudioTransform.KNOWN_TRANSFORMS) <= set(TRANSFORMS)
    for name, kind in AudioTransform.KNOWN_TRANSFORMS.items():
        assert set(TRANSFORMS[name]) in (set(), {field.name for field in dataclasses.fields(kind)})


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("a cut", MonoCut),
        ("a cut", MultiCut),
        ("a mixed cut", MixedCut),
        ("a track", MixTrack),
        ("silence", PaddingCut),
        ("a recording", Recording),
        ("a source", AudioSource),
        ("a supervision", SupervisionSegment),
        ("features", Features),
    ],
)
def test_every_field_of_lhotse_is_known(what, kind):
    assert {field.name for field in dataclasses.fields(kind)} <= FIELDS[what]


def test_a_field_that_lhotse_does_not_know_is_refused_wherever_it_stands(cuts):
    for cut in cuts:
        for place in [(), *places(cut)]:
            below = cut
            for key in place:
                below = below[key]
            if isinstance(below, dict) and "custom" not in place and ("transforms" not in place or "kwargs" in place):
                with pytest.raises(NotACutError, match=r"has an? (field|argument) 'odd', which lhotse does not know"):
                    read_entry(put(cut, (*place, "odd"), 1), 0, 1)


def test_a_mixed_cut_is_one_of_its_length_with_the_words_of_its_parts(cuts):
    first = cuts[0]
    padded, mixed = read_entry(cuts[3], 0, 1), read_entry(cuts[4], 0, 1)
    assert (padded.duration, padded.text, padded.supervisions) == (2.0, first["supervisions"][0]["text"], 1)
    assert mixed.text == padded.text
    assert mixed.duration == max(cut["duration"] for cut in cuts[:2])
    assert [part.audio.path for part in mixed.parts] == [cut["recording"]["sources"][0]["source"] for cut in cuts[:2]]


@pytest.mark.parametrize("number", [0, 3, 4])
def test_lhotse_says_the_same_of_every_cut(cuts, number):
    cut = cut_of(copy.deepcopy(cuts[number]), "here")
    entry = read_entry(cuts[number], 0, 1)
    only = cut.supervisions[0]
    assert (entry.id, entry.start, entry.duration) == (cut.id, cut.start, cut.duration)
    assert (entry.text, entry.speaker, entry.supervised) == (only.text, only.speaker, (only.start, only.end))
    assert load_audio(cut, RATE).shape == (1, round(cut.duration * RATE))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda cut: {**cut, "tracks": []}, "no 'tracks'"),
        (lambda cut: {**cut, "tracks": cut["tracks"][1:]}, "silence alone"),
        (lambda cut: {**cut, "tracks": [{**cut["tracks"][0], "cut": cut, "type": "MixedCut"}]}, "mixed cut within"),
        (lambda cut: {**cut, "tracks": [{**cut["tracks"][0], "snr": 3}]}, "silence alone"),
        (lambda cut: {**cut, "tracks": [{**each, "offset": -1} for each in cut["tracks"]]}, "begins at -1 seconds"),
        (lambda cut: put(cut, ("tracks", 1, "cut", "sampling_rate"), 16000), "tracks at 8000 and 16000 Hz"),
        (lambda cut: without(cut, ("tracks", 0, "cut", "recording")), "a mix of features"),
        (lambda cut: cut["tracks"][1]["cut"] | {"type": "PaddingCut"}, "type 'PaddingCut', not a cut of audio"),
        (lambda cut: cut["tracks"][0]["cut"] | {"type": "MultiCut", "channel": [0, 1]}, "2 channels .*to_mono"),
    ],
)
def test_what_cannot_be_mixed_is_refused_as_what_it_is(cuts, change, reason):
    with pytest.raises(NotACutError, match=reason):
        read_entry(change(copy.deepcopy(cuts[3])), 0, 1)
