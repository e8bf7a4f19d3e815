import pytest

from pyspeech.data.features import at_speed
from pyspeech.speeds import speaker_at, speed_of
from tests.tones import tone_cuts


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_the_speed_of_a_cut_is_read_from_what_lhotse_writes(tmp_path, speed):
    (cut,) = tone_cuts(tmp_path, 1)
    assert speed_of(at_speed(cut, speed).to_dict()) == speed


def test_a_cut_without_a_recording_is_at_its_own_speed():
    assert speed_of({"id": "a"}) == 1.0


def test_a_speaker_at_another_speed_is_another():
    assert [speaker_at("id10001", speed) for speed in (1.0, 0.9, 1.1)] == ["id10001", "id10001 x0.9", "id10001 x1.1"]
