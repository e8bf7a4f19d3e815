"""Scores of trials for tests: small lists with ties, simulated speakers, and folders of verifications."""

import itertools
import json

import numpy as np
from hypothesis import strategies as st

# Few different scores, so that ties are common.
SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=8)


def labelled(targets, non_targets):
    """Scores of both kinds as scores and kinds."""
    return [*targets, *non_targets], [True] * len(targets) + [False] * len(non_targets)


def error_points(targets, non_targets):
    """Rejected and accepted trials of each kind, counted at every threshold from the lowest: (rejected, accepted)."""
    thresholds = [*sorted({*targets, *non_targets}), max([*targets, *non_targets]) + 1]
    return [
        (sum(score < threshold for score in targets), sum(score >= threshold for score in non_targets))
        for threshold in thresholds
    ]


def simulated(seed, num_speakers, per_speaker=4, spread=1.0):
    """Trials of utterances whose scores are the closeness of noisy points around their speaker's point."""
    rng = np.random.default_rng(seed)
    points = [(s, rng.normal(0, 2, 2)) for s in range(num_speakers)]
    every = [(f"{s}-{n}", s, point + rng.normal(0, spread, 2)) for s, point in points for n in range(per_speaker)]
    pairs = list(itertools.combinations(every, 2))
    return (
        [-float(np.linalg.norm(left[2] - right[2])) for left, right in pairs],
        [left[1] == right[1] for left, right in pairs],
        [(left[0], right[0]) for left, right in pairs],
    )


def write_verification_folder(
    folder, scores, targets, pairs, means="cosine", calibrated=False, made_with=None, speakers=()
):
    """Write what ``pyspeech verify`` does, by hand."""
    folder.mkdir(parents=True)
    lines = zip(scores, targets, pairs, strict=True)
    text = "".join(f"{int(target)}\t{score}\t{left}\t{right}\n" for score, target, (left, right) in lines)
    (folder / "scores.tsv").write_text(text)
    description = {"scores": means, "calibrated": calibrated, "made_with": made_with or {}, "speakers": speakers}
    (folder / "verify.json").write_text(json.dumps(description))
    return folder
