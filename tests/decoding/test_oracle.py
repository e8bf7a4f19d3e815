import math
from dataclasses import replace

import kaldialign
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import linear_lattice
from pyspeech.decoding.oracle import crossings, depth_of, oracle_line, oracle_text, oracle_words, report_oracle
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.formats.word_lattice import word_lattice
from pyspeech.scoring.wer import score_decode
from tests.decodes import FRAME_SECONDS, KNOWN, RARE, said, save_decode, sentences
from tests.lattices import all_paths, random_lattice, words_on

SEEDS = st.integers(0, 10_000)
SYMBOLS = ("<eps>", "A", "B", "C D")  # the last is two words, as it is in a score
REFERENCES = st.lists(st.sampled_from(["A", "B", "C", "D", "E"]), max_size=6)


def errors(reference, words):
    return kaldialign.edit_distance(reference, words)["total"]


def said_on(lattice, path):
    return " ".join(SYMBOLS[word] for word in words_on(lattice, path)).split()


@given(SEEDS, REFERENCES)
def test_no_path_has_fewer_errors_than_the_one_that_is_found(seed, reference):
    lattice = random_lattice(seed)
    every = [said_on(lattice, path) for path in all_paths(lattice)]
    found = oracle_words(lattice, SYMBOLS, reference)
    assert found in every
    assert errors(reference, found) == min(errors(reference, words) for words in every)


@given(SEEDS, st.integers(0, 1000))
def test_what_a_path_says_is_found_without_an_error(seed, which):
    lattice = random_lattice(seed)
    every = list(all_paths(lattice))
    reference = said_on(lattice, every[which % len(every)])
    assert oracle_words(lattice, SYMBOLS, reference) == reference


@given(SEEDS)
def test_crossings_are_the_arcs_counted_in_every_frame(seed):
    lattice = random_lattice(seed)
    for each in (lattice, word_lattice(lattice, 1.0)):  # arcs of one frame, and arcs that last many
        times = dict(zip(each.source.tolist(), each.frame.tolist(), strict=True)) | {
            each.num_states - 1: each.num_frames
        }
        spans = [(times[a], times[b]) for a, b in zip(each.source.tolist(), each.target.tolist(), strict=True)]
        in_frame = [sum(start <= frame < end for start, end in spans) for frame in range(each.num_frames)]
        assert crossings(each) == sum(in_frame)


def test_a_lattice_of_one_path_has_depth_one():
    line = linear_lattice("u", *(np.array([0, 1, 1, 2], np.int32),) * 2, np.zeros(4, np.float32))
    depth = depth_of([(crossings(line), line.num_frames)] * 3)
    assert (depth.arcs, depth.interval) == (1.0, (1.0, 1.0))
    nothing = linear_lattice("u", *(np.zeros(0, np.int32),) * 2, np.zeros(0, np.float32))
    assert math.isnan(depth_of([(crossings(nothing), 0)]).arcs)
    assert math.isnan(depth_of([]).arcs)


@pytest.fixture
def decode(tmp_path):
    spoken = said("a", sentences(4))
    spoken["a-002"] = [*spoken["a-002"][:3], RARE]
    return save_decode(tmp_path / "decode", spoken, noise=3.0), spoken


def test_lattices_of_all_words_lack_only_the_words_that_they_do_not_know(decode):
    folder, spoken = decode
    report = report_oracle(folder.with_name("decode.jsonl"), folder)
    assert [one.id for one in report.oracle.utterances if one.words.errors] == ["a-002"]
    assert report.oracle.words.substitutions == report.oracle.words.errors == 1
    found = score_decode(folder.with_name("decode.jsonl"), folder).words
    assert report.found.words == found
    assert found.errors > 1  # else nothing would be shown
    assert report.unknown.unknown == {RARE: 1}
    # Each word has as many frames as letters, and every frame an arc for each word.
    assert report.depth.arcs == len(KNOWN)
    text = oracle_text(report)
    assert f"arcs a frame of {FRAME_SECONDS} s" in text
    assert f"can mend {found.errors - 1} of {found.errors} errors at most" in text
    assert oracle_line(report).startswith("%ORACLE-WER 6.25 [ 1 / 16, 0 ins, 0 del, 1 sub ] 95% [ 0.0, ")
    assert oracle_line(report).endswith(f" {folder}")
    assert len(spoken) == len(report.oracle.utterances)


def test_an_utterance_without_a_lattice_counts_as_deletions_and_one_too_many_is_refused(decode):
    folder, spoken = decode
    manifest = folder.with_name("decode.jsonl")
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines) + lines[0].replace("a-000", "a-999"))
    report = report_oracle(manifest, folder)
    assert report.oracle.missing == ["a-999"]
    assert report.oracle.words.deletions == len(spoken["a-000"])
    manifest.write_text("".join(lines[1:]))
    with pytest.raises(UserError, match=r"1 hypotheses belong to no utterance of .*a-000"):
        report_oracle(manifest, folder)


def test_scores_of_arcs_do_not_count(decode):
    folder, spoken = decode
    archive = StoredDecode(folder).lattices
    lattice = archive["a-001"]
    other = replace(lattice, acoustic=-lattice.acoustic, graph=-lattice.graph)
    assert oracle_words(lattice, archive.words, spoken["a-001"]) == spoken["a-001"]
    assert oracle_words(other, archive.words, spoken["a-001"]) == spoken["a-001"]
