import json

from hypothesis import given
from hypothesis import strategies as st

from pyspeech.data.manifest_parts import split_manifest


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=30), st.floats(0.1, 100))
def test_parts_are_the_manifest_and_each_but_the_last_is_long_enough(tmp_path_factory, durations, seconds):
    folder = tmp_path_factory.mktemp("parts")
    lines = [
        json.dumps({"id": str(number), "duration": each, "supervisions": [{"text": ""}]})
        for number, each in enumerate(durations)
    ]
    (folder / "m.jsonl").write_text("\n\n".join(lines))  # blank lines are none
    parts = split_manifest(folder / "m.jsonl", folder / "parts", seconds)
    assert [line for part in parts for line in part.path.read_text().splitlines()] == lines
    assert [part.utterances for part in parts] == [len(part.path.read_text().splitlines()) for part in parts]
    assert sum(part.seconds for part in parts) - sum(durations) < 1e-6
    assert all(seconds <= part.seconds < seconds + 30 for part in parts[:-1])
