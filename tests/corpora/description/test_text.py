import json

import pytest

from pyspeech.corpora.description.tally import describe_manifest
from pyspeech.corpora.description.text import CHARACTERS_SHOWN, LABELS_SHOWN, ODD_SHOWN, WIDTH, description_text
from pyspeech.scoring.report import display_width


def described(path, cuts, **fields):
    entries = (
        {"id": f"u{n}", "duration": seconds, "supervisions": [{"text": text, "speaker": "s1"}], **fields}
        for n, (seconds, text) in enumerate(cuts)
    )
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return describe_manifest(path)


@pytest.fixture
def rows(tmp_path):
    """Rows of the text about train, and dev with one word and one character that train lacks."""
    recording = {"sampling_rate": 16000}
    train = described(tmp_path / "train.jsonl", [(1.0, "ONE TWO"), (3.0, "TWO TWO"), (4.0, "")], recording=recording)
    dev = described(tmp_path / "dev.jsonl", [(2.0, "ONE É")], recording=recording)
    return description_text([train, dev]).splitlines()


@pytest.mark.parametrize(
    ("title", "train", "dev"),
    [
        ("Utterances", "3", "1"),
        ("  longest", "4.00", "2.00"),
        ("  who are also in train", "-", "1"),
        ("Words", "4", "2"),
        ("  seen once", "1", "2"),
        ("  not in train, % of words", "-", "50.00"),
        ("Sampling rates, Hz", "16000", "16000"),
        ("  without words", "1", "0"),
    ],
)
def test_a_row_has_a_column_for_each_manifest(rows, title, train, dev):
    assert [row.split()[-2:] for row in rows if row.startswith(f"{title}   ")] == [[train, dev]]


def test_faults_are_named_only_where_there_are_some(rows):
    assert not [row for row in rows if "duration" in row or "with several" in row]


def test_bars_are_as_long_as_counts(rows):
    begin = rows.index(next(row for row in rows if row.startswith("Seconds  ")))
    assert rows[begin].split() == ["Seconds", "train", "dev"]
    bars = [row.split() for row in rows[begin + 1 : rows.index("", begin)]]
    assert bars[0] == ["1.0", "–", "1.5", "█" * 24, "1"]
    assert len(bars) == 7  # from the first utterance on


def test_odd_characters_are_told_with_the_place(rows):
    assert "In dev, not in train: É 1, U+00C9 LATIN CAPITAL LETTER E WITH ACUTE, first in u0" in rows
    assert "Rare in train: E 1, U+0045 LATIN CAPITAL LETTER E, first in u0" in rows


def test_labels_are_a_table(tmp_path):
    cuts = [(1.0, "はい"), (1.0, "no"), (1.0, "no"), (1.0, "")]
    names = ("train", "dev")
    found = [described(tmp_path / f"{name}.jsonl", cuts * (5 - 3 * n)) for n, name in enumerate(names)]
    lines = description_text(found).splitlines()
    begin = lines.index("Labels (3)     train       dev")
    assert [line.split() for line in lines[begin + 1 :]] == [
        ["no", "10", "4"],
        ["(none)", "5", "2"],
        ["はい", "5", "2"],
    ]
    assert len({display_width(line) for line in lines[begin:]}) == 1


def test_long_lists_are_cut(tmp_path):
    letters = [chr(0x4E00 + n) for n in range(CHARACTERS_SHOWN + 1)]
    cuts = [(1.0, " ".join([letter] * 2)) for letter in letters]
    text = description_text([described(tmp_path / "train.jsonl", cuts)])
    assert f"Characters of train ({CHARACTERS_SHOWN + 1})" in text
    assert "  … and 1 more\n" in text
    assert f"Rare in train: … and {CHARACTERS_SHOWN + 1 - ODD_SHOWN} more\n" in text
    labels = [(1.0, str(n)) for n in range(LABELS_SHOWN + 2)] * 5
    assert description_text([described(tmp_path / "train.jsonl", labels)]).endswith("… and 2 more\n")


def test_stored_speeds_are_told(tmp_path):
    cuts = [
        {
            "id": f"u{n}",
            "duration": 1 / speed,
            "recording": {"transforms": [{"name": "Speed", "kwargs": {"factor": speed}}]},
        }
        for n, speed in enumerate((0.5, 0.5, 2.0, 2.0))
    ]
    path = tmp_path / "train.jsonl"

    def first_line(chosen):
        path.write_text("".join(json.dumps(cut) + "\n" for cut in chosen))
        return description_text([describe_manifest(path)]).splitlines()[0]

    told = "4 entries, 0.00 hours. What follows is at speed 0.5 alone."
    assert first_line(cuts) == f"train holds every utterance at the speeds 0.5, 2.0: {told}"
    assert first_line(cuts[1:]).startswith("train holds utterances at the speed 0.5, 2.0: durations and rates")
    assert first_line(cuts[:1]).startswith("train holds utterances at the speed 0.5: durations")


@pytest.mark.parametrize("count", [1, 3, 6])
def test_lines_fit_a_terminal(tmp_path, count):
    cuts = [(seconds, "THE SAME WORDS") for seconds in range(1, 30)]
    found = [described(tmp_path / f"part{n}.jsonl", cuts) for n in range(count)]
    assert max(map(display_width, description_text(found).splitlines())) <= WIDTH + 10


def test_marks_alone_and_signs_without_width_can_be_shown(tmp_path):
    text = description_text([described(tmp_path / "train.jsonl", [(1.0, "\u0301 \u200b")])])
    assert "◌\u0301 1, U+0301 COMBINING ACUTE ACCENT" in text
    assert "U+200B 1, U+200B ZERO WIDTH SPACE" in text
    text.encode()
