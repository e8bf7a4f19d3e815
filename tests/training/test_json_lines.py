import pytest

from pyspeech.training.json_lines import Lines


@pytest.fixture
def lines(tmp_path):
    return Lines(tmp_path / "lines.jsonl")


def test_lines_of_what_is_done_again_and_a_line_cut_short_are_dropped(lines):
    for epoch, batch in ((1, 9), (2, 0), (2, 4), (2, 5), (3, 0)):
        lines.add({"epoch": epoch, "batch": batch, "ids": ["ä"]})
    with lines.path.open("a", encoding="utf-8") as stream:
        stream.write('{"epoch": 1, "batch": 0, "ids": ["cut sh')
    kept = lines.keep_until((1, 5))  # one epoch, and the batches 0 to 4 of the second
    assert [(line["epoch"], line["batch"]) for line in kept] == [(1, 9), (2, 0), (2, 4)]
    assert lines.path.read_text(encoding="utf-8").splitlines() == [
        '{"epoch": 1, "batch": 9, "ids": ["ä"]}',
        '{"epoch": 2, "batch": 0, "ids": ["ä"]}',
        '{"epoch": 2, "batch": 4, "ids": ["ä"]}',
    ]


def test_lines_of_an_earlier_version_and_damaged_ones_are_dropped(lines):
    lines.path.write_text('{"epoch": 1, "step": 3, "ids": []}\n{"batch": 0}\n[]\n{"epoch": {}, "batch": 0}\n')
    lines.add({"epoch": 1, "batch": 0})
    assert lines.keep_until((1, 0)) == [{"epoch": 1, "batch": 0}]


def test_no_file_is_no_lines(lines):
    assert lines.keep_until((5, 0)) == []
    assert not lines.path.exists()
