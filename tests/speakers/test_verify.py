import dataclasses
import json

import numpy as np
import pytest

from pyspeech.errors import UserError
from pyspeech.speakers.embeddings import load_embeddings, save_embeddings
from pyspeech.speakers.plda import load_plda, save_plda, train_plda
from pyspeech.speakers.score_norm import speaker_means
from pyspeech.speakers.verify import Backend, verify
from tests.messages import told
from tests.speakers.test_plda import speech_like
from tests.speakers.test_score_norm import by_definition

ROWS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [-1, 1, 0]], np.float32)
TRIALS = "1 a b\n1 c d\n0 a c\n0 b d\n"
COSINE = Backend()


def save(folder, embeddings):
    save_embeddings(folder, embeddings.ids, embeddings.speakers, embeddings.rows_ND, embeddings.origin)


@pytest.fixture
def folder(tmp_path):
    save_embeddings(
        tmp_path / "embeddings", ["unused", *"abcd"], ["w", *"xxyy"], np.concatenate([ROWS[2:3], ROWS]), "net"
    )
    (tmp_path / "trials.txt").write_text(TRIALS)
    train = speech_like(12, 3, seed=1)
    save(tmp_path / "train", train)
    save_plda(train_plda(train), tmp_path / "plda.npz")
    return tmp_path


def verified(folder, backend=COSINE, said=()):
    with told() as lines:
        verify(folder / "trials.txt", folder / "embeddings", folder / "out", backend)
    assert lines == list(said)
    lines = [line.split("\t") for line in (folder / "out/scores.tsv").read_text().splitlines()]
    assert [[label, *ids] for label, _, *ids in lines] == [line.split() for line in TRIALS.splitlines()]
    return [float(line[1]) for line in lines]


def described(folder):
    return json.loads((folder / "out/verify.json").read_text())


def test_scores_stand_in_the_order_of_the_trials(folder):
    assert verified(folder) == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0], abs=1e-6)
    assert described(folder) == {
        "scores": "cosine",
        "calibrated": False,
        "made_with": {"network": "net"},
        "speakers": ["x", "y"],
    }


def test_a_plda_scores_by_likelihood_ratios(folder):
    plda = load_plda(folder / "plda.npz")
    expected = plda.vectors(ROWS).scores(np.array([0, 2, 0, 1]), np.array([1, 3, 2, 3]))
    assert verified(folder, Backend(folder / "plda.npz")) == pytest.approx(expected.tolist(), rel=1e-6)
    assert described(folder)["scores"] == "plda"


@pytest.mark.parametrize("top", [3, 12])
@pytest.mark.parametrize("with_plda", [False, True])
def test_a_cohort_normalises_the_scores_of_either(folder, with_plda, top):
    plda = load_plda(folder / "plda.npz")
    backend = Backend(folder / "plda.npz" if with_plda else None, folder / "train", top)

    def vectors(rows):
        return plda.vectors(rows) if with_plda else Cosines(rows)

    cohort = vectors(speaker_means(load_embeddings(folder / "train")))
    expected = [by_definition(vectors(ROWS), cohort, top, *pair) for pair in ((0, 1), (2, 3), (0, 2), (1, 3))]
    assert verified(folder, backend) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    name = ("plda" if with_plda else "cosine") + ", AS-norm"
    assert described(folder)["scores"] == name


def test_a_description_tells_apart_what_scores_were_made_with(folder):
    def made_with(*backend):
        verified(folder, Backend(*backend))
        return described(folder)["made_with"]

    plda, train = folder / "plda.npz", folder / "train"
    first = made_with(plda, train, 5)
    assert set(first) == {"network", "PLDA", "cohort", "number of cohort speakers"}
    assert made_with(plda, train, 5) == first
    assert made_with(plda, train, 6) == {**first, "number of cohort speakers": 6}
    save_plda(train_plda(load_embeddings(train), 2), folder / "lda.npz")
    assert differing(made_with(folder / "lda.npz", train, 5), first) == {"PLDA"}
    save(folder / "other", speech_like(12, 3, seed=2))
    assert differing(made_with(plda, folder / "other", 5), first) == {"cohort"}


def differing(one, other):
    return {name for name in one if one[name] != other[name]}


def test_speakers_who_are_not_known_are_not_listed(folder):
    save_embeddings(folder / "embeddings", list("abcd"), ["x", "", "", "y"], ROWS, "net")
    verified(folder)
    assert described(folder)["speakers"] == ["x", "y"]


class Cosines:
    """A second way to cosines, of the kind that ``by_definition`` takes."""

    def __init__(self, rows):
        self.rows_ND = np.array([row / np.sqrt(sum(float(x) ** 2 for x in row)) for row in rows])
        self.offsets_N = [0.0] * len(rows)

    def __len__(self):
        return len(self.rows_ND)


def test_a_cohort_smaller_than_asked_for_counts_whole_and_says_so(folder):
    said = [f"{folder / 'train'} has 12 speakers, not 300; all of them count"]
    assert verified(folder, Backend(cohort=folder / "train", top=300), said) == verified(
        folder, Backend(cohort=folder / "train", top=12)
    )


def test_verifying_anew_drops_the_old_report(folder):
    for _ in range(2):
        verified(folder)
        assert {path.name for path in (folder / "out").iterdir()} == {"scores.tsv", "verify.json"}
        (folder / "out/score").mkdir()


def refused(folder, message, backend=COSINE):
    with pytest.raises(UserError, match=message):
        verify(folder / "trials.txt", folder / "embeddings", folder / "out", backend)
    assert not (folder / "out").exists()


def test_an_utterance_without_an_embedding_is_named_by_its_line(folder):
    (folder / "trials.txt").write_text("1 a b\n0 a x9\n")
    refused(folder, r"trials.txt, line 2: .*ids.json has no 'x9', but ids such as 'unused'")


def test_an_empty_list_is_an_error(folder):
    (folder / "trials.txt").write_text("")
    refused(folder, "holds no trial")


def test_a_cohort_with_an_utterance_of_the_trials_is_refused(folder):
    save_embeddings(folder / "cohort", ["p", "d", "q"], ["k", "m", "n"], ROWS[:3], "net")
    refused(
        folder, r"the cohort .* and the trials .* share utterances \(1\), such as d;", Backend(cohort=folder / "cohort")
    )


def test_a_cohort_with_a_speaker_of_the_trials_is_refused(folder):
    save_embeddings(folder / "cohort", ["p", "q", "r"], ["k", "y", "w"], ROWS[:3], "net")
    refused(folder, r"the cohort .*cohort and .* share speakers \(1\), such as y;", Backend(cohort=folder / "cohort"))


def test_a_plda_of_speakers_of_the_trials_is_refused(folder):
    save_embeddings(folder / "own", list("pqrs"), list("xxyy"), ROWS, "net")
    save_plda(train_plda(load_embeddings(folder / "own")), folder / "own.npz")
    refused(folder, r"the PLDA .*own.npz and .* share speakers \(2\), such as x", Backend(folder / "own.npz"))


def test_a_cohort_of_one_speaker_is_refused(folder):
    save_embeddings(folder / "cohort", ["p", "q"], ["k", "k"], ROWS[:2], "net")
    refused(folder, r"a cohort of one speaker \(k\)", Backend(cohort=folder / "cohort"))


@pytest.mark.parametrize(("width", "origin"), [(5, "net"), (3, "another net")])
def test_networks_that_differ_are_refused(folder, width, origin):
    other = dataclasses.replace(speech_like(12, width, seed=1), origin=origin)
    save(folder / "other", other)
    save_plda(train_plda(other), folder / "other.npz")
    for backend, what in ((Backend(folder / "other.npz"), "PLDA"), (Backend(cohort=folder / "other"), "cohort")):
        refused(folder, rf"the {what} .*other.* and .*embeddings come from different networks or feature", backend)


def test_a_missing_plda_is_an_error(folder):
    refused(folder, "no PLDA at", Backend(folder / "none.npz"))


def test_a_folder_of_other_things_is_kept(folder):
    with pytest.raises(UserError, match="holds other things than a verification"):
        verify(folder / "trials.txt", folder / "embeddings", folder, COSINE)
