import json
import textwrap

from pyspeech.validation.faults import KINDS
from pyspeech.validation.report import COLUMNS, summary_line, table_text
from pyspeech.validation.run import Sources, validate
from tests.tones import tone_manifest
from tests.validation.planted import plant


def test_the_table_fits_and_holds_every_kind_that_was_found_once_faults_first(tmp_path):
    planted = plant(tmp_path / "corpus")
    sources = Sources(planted.manifests, planted.folder / "lang", planted.folder / "conf.yaml", deep=True)
    text = table_text(validate(sources))
    assert all(len(line) <= 120 for line in text.splitlines())
    rows = [line for line in text.splitlines() if line.startswith(("fault ", "warning "))]
    assert rows == sorted(rows, key=lambda row: row.startswith("warning"))
    assert len(rows) == len(planted.counts)
    shown = {(row[:7].strip(), row[8:33].strip(), int(row[34:41])) for row in rows}
    for kind, count in planted.counts.items():
        assert (kind.severity, textwrap.wrap(kind.name, COLUMNS[1])[0], count) in shown


def test_three_examples_stand_for_many(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 6)
    for path in (tmp_path / "train_audio").iterdir():
        path.unlink()
    text = table_text(validate(Sources((manifest,))))
    assert [f"utt00{number}" in text for number in range(6)] == [True, True, True, False, False, False]
    assert "without --lang" in text
    assert "--deep" in text


def test_the_summary_counts_faults_and_the_utterances_that_have_them(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 3)
    assert summary_line(validate(Sources((manifest,)))) == "3 utterances in 1 manifest: 0 faults, 0 warnings"
    manifest = tmp_path / "dev.jsonl"
    for content in ("{\n", ""):
        manifest.write_text(content)
        summary = summary_line(validate(Sources((manifest,))))
        assert summary == "0 utterances in 1 manifest: 1 fault in 1 utterance, 0 warnings"


def test_what_a_terminal_would_obey_is_not_shown(tmp_path):
    manifest = tmp_path / "train.jsonl"
    cut = {"type": "MonoCut", "id": "a\x1b[31m", "start": 0, "duration": 1, "channel": 0, "supervisions": []}
    manifest.write_text(json.dumps(cut) + "\n")
    assert "\x1b" not in table_text(validate(Sources((manifest,))))


def test_kinds_have_names_of_their_own_and_say_what_they_cause():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(kind.causes and kind.fix for kind in KINDS)
    assert not any(kind.mends for kind in KINDS if kind.severity == "warning")
