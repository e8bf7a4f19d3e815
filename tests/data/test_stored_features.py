import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from tones import RATE, tone_cuts, tone_manifest

from pyspeech.config import FeatureConfig, load_feature_config
from pyspeech.corpora.corpus import utterance
from pyspeech.data.features import FeatureExtractor
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.stored_features import Store, store_all, store_features
from pyspeech.errors import UserError

SHARED = load_feature_config(Path(__file__).parents[2] / "conf" / "fbank.yaml")
LILCOM_STEP = 2.0**-5  # stored features are multiples of it
SPEEDS = (0.9, 1.0)


def config(**changes: object) -> FeatureConfig:
    return SHARED.model_copy(update={"sampling_rate": RATE, "num_mel_bins": 40, "normalise": "none", **changes})


def content(manifest: Path) -> str:
    """What it says, wherever it lies."""
    return gzip.decompress(manifest.read_bytes()).decode().replace(str(manifest.parent.resolve()), "")


def matrices(manifest: Path) -> list[np.ndarray]:
    return [cut.load_features() for cut in read_manifest(manifest)]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_stored_features_equal_those_computed_on_the_fly(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 3), tmp_path / "m.jsonl.gz")
    store_features(tmp_path / "m.jsonl.gz", tmp_path / "fbank" / "m.jsonl.gz", config())
    extractor = FeatureExtractor(config())
    for plain, stored in zip(
        read_manifest(tmp_path / "m.jsonl.gz"), read_manifest(tmp_path / "fbank" / "m.jsonl.gz"), strict=True
    ):
        assert stored.has_features
        assert np.abs(extractor(plain) - extractor(stored)).max() <= LILCOM_STEP


def test_features_stored_with_other_settings_are_refused(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 1), tmp_path / "m.jsonl.gz")
    store_features(tmp_path / "m.jsonl.gz", tmp_path / "fbank" / "m.jsonl.gz", config())
    cut = next(iter(read_manifest(tmp_path / "fbank" / "m.jsonl.gz")))
    with pytest.raises(UserError, match="'utt000' has features made with other settings"):
        FeatureExtractor(config(low_hz=60))(cut)
    FeatureExtractor(config(normalise="mean"))(cut)


def test_every_utterance_is_stored_once_at_each_speed(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 2), tmp_path / "m.jsonl.gz")
    counts = store_features(tmp_path / "m.jsonl.gz", tmp_path / "fbank" / "m.jsonl.gz", config(), speeds=(0.9, 1.0))
    assert counts.utterances == 4
    ids = [cut.id for cut in read_manifest(tmp_path / "fbank" / "m.jsonl.gz")]
    assert ids == ["utt000_sp0.9", "utt001_sp0.9", "utt000", "utt001"]


def test_a_damaged_archive_or_manifest_is_one_error(tmp_path):
    write_manifest(tone_cuts(tmp_path, 3), tmp_path / "in.jsonl.gz")
    store_features(tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl.gz", config())
    [archive] = (tmp_path / "out.lca").iterdir()
    archive.write_bytes(archive.read_bytes()[:-100])
    *_, last = read_manifest(tmp_path / "out.jsonl.gz")
    with pytest.raises(
        UserError, match=r"cannot read the features of cut 'utt002' from .*out\.lca/\w+\.lca: .*feature stage"
    ):
        FeatureExtractor(config())(last)
    manifest = tmp_path / "in.jsonl.gz"
    manifest.write_bytes(manifest.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"in\.jsonl\.gz cannot be read after line"):
        store_features(manifest, tmp_path / "again.jsonl.gz", config())
    assert not list(tmp_path.glob("*again*"))


def test_audio_cut_short_after_its_manifest_was_written_is_named_and_nothing_is_left(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 2), tmp_path / "m.jsonl.gz")
    path = tmp_path / "audio" / "utt001.wav"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=r"cannot read the audio of cut 'utt001' from .*utt001\.wav"):
        store_features(tmp_path / "m.jsonl.gz", tmp_path / "fbank" / "m.jsonl.gz", config())
    assert not (tmp_path / "fbank").exists()


@pytest.mark.slow
def test_any_number_of_processes_writes_the_same(tmp_path):
    manifest = tone_manifest(tmp_path / "m.jsonl.gz", 7)
    for jobs in (1, 2, 3):
        store_features(
            manifest, tmp_path / str(jobs) / "m.jsonl.gz", config(dither=1.0), SPEEDS, jobs, part_seconds=1.0
        )
    first, *others = (tmp_path / str(jobs) for jobs in (1, 2, 3))
    assert len(files(first)) > 5
    for other in others:
        assert content(other / "m.jsonl.gz") == content(first / "m.jsonl.gz")
        assert files(other) == files(first)
        for path in files(first / "m.lca"):
            assert (other / "m.lca" / path).read_bytes() == (first / "m.lca" / path).read_bytes()


def test_parts_do_not_change_what_is_stored(tmp_path):
    manifest = tone_manifest(tmp_path / "m.jsonl.gz", 5)
    for name, seconds in (("whole", 1e6), ("parts", 0.1)):
        store_features(manifest, tmp_path / name / "m.jsonl.gz", config(), SPEEDS, 1, seconds)
    assert len(files(tmp_path / "whole" / "m.lca")) == 2
    assert len(files(tmp_path / "parts" / "m.lca")) == 10
    for whole, part in zip(
        matrices(tmp_path / "whole" / "m.jsonl.gz"), matrices(tmp_path / "parts" / "m.jsonl.gz"), strict=True
    ):
        assert np.array_equal(whole, part)


def failing(tmp_path: Path) -> tuple[Path, Path, bytes]:
    """A manifest of which the sixth of eight utterances cannot be read, that file, and what was in it."""
    manifest = tone_manifest(tmp_path / "m.jsonl.gz", 8)
    [path] = tmp_path.rglob("utt005.wav")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    return manifest, path, whole


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_finished_before_an_error_is_taken_by_the_next_run(tmp_path, jobs, capsys):
    manifest, path, whole = failing(tmp_path)
    out = tmp_path / "out" / "m.jsonl.gz"
    with pytest.raises(UserError, match=r"cannot read the audio of cut 'utt005' from .*utt005\.wav"):
        store_features(manifest, out, config(), (1.0,), jobs, part_seconds=0.1)
    kept = {name: (out.parent / name).stat() for name in files(out.parent) if "archives" in name}
    assert all(name.startswith(".m.parts/archives/") for name in kept)
    assert len(kept) == 5 if jobs == 1 else len(kept) >= 5
    path.write_bytes(whole)
    capsys.readouterr()
    store_features(manifest, out, config(), (1.0,), jobs, part_seconds=0.1)
    assert capsys.readouterr().err == f"{out.parent}: {len(kept)} of 8 parts were there\n"
    assert {path.name for path in out.parent.iterdir()} == {"m.jsonl.gz", "m.lca"}
    for name, before in kept.items():
        after = (out.parent / "m.lca" / Path(name).name).stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    store_features(manifest, tmp_path / "fresh" / "m.jsonl.gz", config(), (1.0,), 1, part_seconds=0.1)
    assert content(out) == content(tmp_path / "fresh" / "m.jsonl.gz")


CHANGES = ("settings", "speed", "manifest", "audio")


@pytest.mark.parametrize("change", CHANGES)
def test_parts_of_other_work_are_not_taken(tmp_path, change, capsys):
    manifest, path, whole = failing(tmp_path)
    out = tmp_path / "out" / "m.jsonl.gz"
    with pytest.raises(UserError):
        store_features(manifest, out, config(), (1.0,), 1, part_seconds=0.1)
    path.write_bytes(whole)
    these = config(num_mel_bins=23) if change == "settings" else config()
    speeds = (1.1,) if change == "speed" else (1.0,)
    if change == "manifest":
        cuts = list(read_manifest(manifest))
        cuts[1].supervisions[0].text = "HIGH HIGH"
        write_manifest(cuts, manifest)
    if change == "audio":
        [other] = tmp_path.rglob("utt001.wav")
        samples, _ = soundfile.read(other)
        soundfile.write(other, 0.5 * samples, RATE)
        os.utime(other, (1, 1))
    capsys.readouterr()
    store_features(manifest, out, these, speeds, 1, part_seconds=0.1)
    taken = capsys.readouterr().err
    assert taken == (f"{out.parent}: 4 of 8 parts were there\n" if change in {"manifest", "audio"} else "")
    assert len(files(out.parent)) == 9
    fresh = tmp_path / "fresh" / "m.jsonl.gz"
    store_features(manifest, fresh, these, speeds, 1, part_seconds=0.1)
    assert content(out) == content(fresh)
    for found, expected in zip(matrices(out), matrices(fresh), strict=True):
        assert np.array_equal(found, expected)


def test_nothing_gets_its_name_before_all_manifests_are_computed(tmp_path, capsys):
    manifest, path, whole = failing(tmp_path)
    good = tone_manifest(tmp_path / "good.jsonl.gz", 3, seed=1)
    stores = [Store(each, tmp_path / "out" / each.name) for each in (good, manifest)]
    with pytest.raises(UserError, match="utt005"):
        store_all(stores, config(), 1)
    assert files(tmp_path / "out" / ".good.parts" / "archives")
    assert not (tmp_path / "out" / ".m.parts").exists()
    assert not list(tmp_path.glob("out/*.gz"))
    path.write_bytes(whole)
    store_all(stores, config(), 1)
    assert f"{tmp_path / 'out'}: 1 of 2 parts were there\n" in capsys.readouterr().err
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "good.jsonl.gz",
        "good.lca",
        "m.jsonl.gz",
        "m.lca",
    ]


HOLD = """
import sys
from pathlib import Path
from pyspeech.locks import only_writer

with only_writer(Path(sys.argv[1])):
    print(flush=True)
    input()
"""


def test_another_process_cannot_write_the_same(tmp_path):
    manifest = tone_manifest(tmp_path / "m.jsonl.gz", 3)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "out.jsonl.gz"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with pytest.raises(UserError, match=rf"out\.jsonl\.gz is being written by process {other.pid} since"):
            store_features(manifest, tmp_path / "out.jsonl.gz", config())
        other.communicate(b"\n")


def test_a_finished_run_computes_anew(tmp_path, capsys):
    manifest = tone_manifest(tmp_path / "m.jsonl.gz", 3)
    for _ in range(2):
        store_features(manifest, tmp_path / "out" / "m.jsonl.gz", config(), part_seconds=0.1)
    assert "were there" not in capsys.readouterr().err
    assert len(files(tmp_path / "out")) == 4


def test_an_earlier_archive_in_one_file_is_replaced(tmp_path):
    manifest = tone_manifest(tmp_path / "m.jsonl.gz", 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "m.lca").write_bytes(b"earlier")
    store_features(manifest, tmp_path / "out" / "m.jsonl.gz", config())
    assert len(matrices(tmp_path / "out" / "m.jsonl.gz")) == 2


# The command, killed at once when it is about to give a file its name the time that is said.
KILLED = """
import os, signal, sys
from pyspeech.cli import main

ending, times = sys.argv[1:3]
names = []

def kill(event, values):
    if event in ("os.rename", "os.link"):
        names.append(str(values[1]))
        if sum(name.endswith(ending) for name in names) == int(times):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
del sys.argv[1:3]
main()
"""


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    """Four utterances of 21 minutes, which are four parts, a configuration, and what becomes of them."""
    folder = tmp_path_factory.mktemp("hours")
    noise = np.random.default_rng(1).integers(-9999, 9999, 21 * 60 * RATE, np.int16)
    soundfile.write(folder / "a.wav", noise, RATE)
    write_manifest([utterance(folder / "a.wav", "LOW", "", id_) for id_ in "abcd"], folder / "m.jsonl.gz")
    (folder / "conf.yaml").write_text(
        yaml.safe_dump({"features": config(frame_shift_seconds=0.1, frame_length_seconds=0.1).model_dump()})
    )
    store_features(
        folder / "m.jsonl.gz",
        folder / "whole" / "m.jsonl.gz",
        config(frame_shift_seconds=0.1, frame_length_seconds=0.1),
        jobs=1,
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "times", "kept"),
    [(".jsonl", 3, 2), (".lca", 6, 4)],
    ids=["while computing", "while the archives get their names"],
)
def test_a_killed_run_is_gone_on_with(tmp_path, hours, ending, times, kept):
    out = tmp_path / "out"
    command = ["features", hours / "m.jsonl.gz", out, "--config", hours / "conf.yaml", "--jobs", "1"]
    killed = subprocess.run([sys.executable, "-c", KILLED, ending, str(times), *command], check=False)
    assert killed.returncode == -signal.SIGKILL
    before = {path.name: path.stat().st_mtime_ns for path in out.glob(".m.parts/archives/[!p]*.lca")}
    again = subprocess.run(
        [sys.executable, "-m", "pyspeech", *command], stderr=subprocess.PIPE, encoding="utf-8", check=True
    )
    told = [line for line in again.stderr.splitlines() if "were there" in line]
    assert told == ([f"{out}: {kept} of 4 parts were there"] if kept else [])
    after = {path.name: path.stat().st_mtime_ns for path in (out / "m.lca").iterdir()}
    assert sum(before.get(name) == after[name] for name in after) == kept
    assert sorted(path.name for path in out.iterdir()) == ["m.jsonl.gz", "m.lca"]
    assert content(out / "m.jsonl.gz") == content(hours / "whole" / "m.jsonl.gz")
    for name in files(hours / "whole" / "m.lca"):
        assert (out / "m.lca" / name).read_bytes() == (hours / "whole" / "m.lca" / name).read_bytes()
