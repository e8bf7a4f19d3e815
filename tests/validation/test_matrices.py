import json

import numpy as np
import pytest

from pyspeech.data.precomputed_features import given_utterance
from pyspeech.entries import read_entry
from pyspeech.validation.faults import DAMAGED_FEATURES
from pyspeech.validation.matrices import check_matrices


@pytest.fixture
def cut(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((20, 4), np.float32))
    return given_utterance(tmp_path / "a.npy", "YES", "ann").to_dict()


def kinds_of(cut):
    entry = read_entry(json.loads(json.dumps(cut)), 0, 1)
    return [finding.kind for _, findings in check_matrices([entry]) for finding in findings]


def test_a_sound_matrix_has_no_finding(cut):
    assert kinds_of(cut) == []


def test_values_that_are_no_numbers_are_damage(cut, tmp_path):
    np.save(tmp_path / "a.npy", np.full((20, 4), np.nan))
    assert kinds_of(cut) == [DAMAGED_FEATURES]
    (tmp_path / "a.npy").write_bytes(b"")
    assert kinds_of(cut) == [DAMAGED_FEATURES]


def test_what_is_missing_is_found_without_reading(cut, tmp_path):
    (tmp_path / "a.npy").unlink()
    assert kinds_of(cut) == []


@pytest.mark.parametrize("change", [{"kind": []}, {"kind": "zip"}, {"other": 1}])
def test_what_describes_no_matrix_is_damage(cut, change):
    cut["custom"]["matrix"] |= change
    assert kinds_of(cut) == [DAMAGED_FEATURES]
