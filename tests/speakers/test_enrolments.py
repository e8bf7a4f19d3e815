import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.speakers.enrolments import (
    Enrolment,
    change_enrolments,
    check_name,
    is_store,
    load_enrolments,
)
from tests.damage import flipped_bytes

PROJECT = Path(__file__).resolve().parents[2]
ORIGIN = "net"
# A program that changes a store, which has got ``store`` and ``origin``.
HEADER = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from pyspeech.speakers.enrolments import Enrolment, change_enrolments
store, origin = Path(sys.argv[1]), "net"
def person(seed, width=192):
    return Enrolment(3, np.random.default_rng(seed).standard_normal(width).astype(np.float32))
"""
ADD_ONE_BY_ONE = """
for number in range(25):
    change_enrolments(store, origin, {f"{sys.argv[2]}{number}": person(number)})
"""
ADD_A_THOUSAND_AGAIN_AND_AGAIN = """
print("go", flush=True)
for seed in range(10**6):
    change_enrolments(store, origin, {f"p{number}": person(seed + number) for number in range(1000)})
"""
ADD_UNTIL_KILLED = """
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # the kernel kills who writes more
change_enrolments(store, origin, {f"p{number}": person(number) for number in range(10)})
"""


def program(body, *words):
    command = [sys.executable, "-c", HEADER + body, *map(str, words)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def person(*numbers, utterances=2):
    return Enrolment(utterances, np.array(numbers, dtype=np.float32))


def folder_bytes(store):
    return {path.name: path.read_bytes() for path in store.iterdir()}


def same(people, expected):
    assert list(people) == sorted(expected)
    for name, one in people.items():
        assert one.utterances == expected[name].utterances
        np.testing.assert_array_equal(one.mean_D, expected[name].mean_D)


NAMES = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1).filter(
    lambda name: name.isprintable() and not {"/", "\\"} & set(name) and name not in (".", "..")
)
NUMBERS = st.floats(-1, 1, width=32).filter(lambda number: abs(number) > 1e-6)
CROWDS = st.dictionaries(NAMES, st.builds(person, NUMBERS, NUMBERS, utterances=st.integers(1, 9)), min_size=1)


@given(CROWDS, st.randoms(use_true_random=False))
def test_the_same_people_are_the_same_bytes_in_whatever_order_they_came(tmp_path_factory, people, random):
    one, other = tmp_path_factory.mktemp("stores") / "one", tmp_path_factory.mktemp("stores") / "other"
    same(change_enrolments(one, ORIGIN, people), people)
    same(load_enrolments(one, ORIGIN), people)
    names = list(people)
    random.shuffle(names)
    change_enrolments(other, ORIGIN, {"gone": person(1, 2), names[0]: person(3, 4)})
    for name in names:
        change_enrolments(other, ORIGIN, {name: people[name]}, ["gone"] if name == names[0] else [])
    if "gone" not in people:
        assert folder_bytes(one) == folder_bytes(other)


def test_a_person_is_replaced_and_removed_without_a_trace(tmp_path):
    store = tmp_path / "new/store"
    change_enrolments(store, ORIGIN, {"ann": person(0.125, 1), "bob": person(1, 0.375)})
    change_enrolments(store, ORIGIN, {"ann": person(0.625, 1, utterances=4)})
    assert load_enrolments(store, ORIGIN)["ann"].utterances == 4
    assert not any(b"0.125" in content for content in folder_bytes(store).values())
    assert list(change_enrolments(store, ORIGIN, {}, ["bob"])) == ["ann"]
    assert not any(b"0.375" in content or b"bob" in content for content in folder_bytes(store).values())
    change_enrolments(store, ORIGIN, {}, ["ann"])
    assert is_store(store)
    assert load_enrolments(store, ORIGIN) == {}
    assert set(folder_bytes(store)) == {"people.json"}


def test_two_programs_at_once_lose_nobody(tmp_path):
    running = [program(ADD_ONE_BY_ONE, tmp_path / "store", name) for name in ("a", "b")]
    assert [one.communicate()[1] for one in running] == ["", ""]
    found = load_enrolments(tmp_path / "store", ORIGIN)
    assert set(found) == {f"{name}{number}" for name in "ab" for number in range(25)}


def test_a_program_that_is_killed_within_a_write_leaves_the_store_as_it_was(tmp_path):
    store = tmp_path / "store"
    change_enrolments(store, ORIGIN, {"ann": person(*range(192))})
    before = (store / "people.json").read_bytes()
    killed = program(ADD_UNTIL_KILLED, store)
    assert killed.communicate()[1] == ""
    assert killed.returncode == -signal.SIGXFSZ
    assert (store / "partial.people.json").stat().st_size == 5000
    assert (store / "people.json").read_bytes() == before
    # The lock went with the program, and what it had written of other people goes with the next change.
    change_enrolments(store, ORIGIN, {"bob": person(*range(1, 193))}, ["ann"])
    assert set(folder_bytes(store)) == {"people.json"}


def test_a_store_is_whole_whenever_its_writer_is_killed(tmp_path):
    store = tmp_path / "store"
    for wait in (0.03, 0.06, 0.09):
        writer = program(ADD_A_THOUSAND_AGAIN_AND_AGAIN, store)
        assert writer.stdout.readline() == "go\n"
        while not is_store(store):
            assert writer.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(wait)
        writer.kill()
        writer.communicate()
        assert len(load_enrolments(store, ORIGIN)) == 1000


def test_another_network_is_refused(tmp_path):
    change_enrolments(tmp_path / "store", ORIGIN, {"ann": person(1, 2)})
    before = folder_bytes(tmp_path / "store")
    for call in (
        lambda: load_enrolments(tmp_path / "store", "other"),
        lambda: change_enrolments(tmp_path / "store", "other", {"bob": person(1, 2, 3)}),
        lambda: change_enrolments(tmp_path / "store", "other", {}, ["ann"]),
    ):
        with pytest.raises(UserError, match="store was made with another network or feature settings; name the"):
            call()
    assert folder_bytes(tmp_path / "store") == before


def test_a_name_that_is_not_there_changes_nothing(tmp_path):
    store = tmp_path / "store"
    with pytest.raises(UserError, match="no store of enrolled people at"):
        change_enrolments(store, ORIGIN, {}, ["ann"])
    with pytest.raises(UserError, match="no store of enrolled people at"):
        load_enrolments(store, ORIGIN)
    assert not store.exists()
    change_enrolments(store, ORIGIN, {"ann": person(1, 2)})
    before = folder_bytes(store)
    with pytest.raises(UserError, match=r"store has nobody called 'anne'; did you mean 'ann'\?"):
        change_enrolments(store, ORIGIN, {"bob": person(1, 2)}, ["ann", "anne"])
    assert folder_bytes(store) == before


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "a\tb", "a\nb", "..", ".", " a", "a\u00a0", "\udcff", "a\u202eb"])
def test_what_cannot_be_a_name_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="no person can be called '"):
        change_enrolments(tmp_path / "store", ORIGIN, {name: person(1, 2)})
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["Zoë Müller", "王", "o'Neill & sons", "محمد", "id10270", "x.y"])
def test_names_are_any_printable_text(name):
    assert check_name(name) == name


GOOD = {"origin": "net", "people": {"ann": {"utterances": 2, "mean": [1.0, 2.0]}}}


@pytest.mark.parametrize(
    "stored",
    [
        [],
        {},
        {**GOOD, "people": ["ann"]},
        {**GOOD, "people": {"ann": [1.0]}},
        {**GOOD, "people": {"ann": {"mean": [1.0]}}},
        {**GOOD, "people": {"ann": {"utterances": "2", "mean": [1.0]}}},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": []}}},
        {**GOOD, "people": {"ann": {"utterances": True, "mean": [1.0]}}},
        {**GOOD, "people": {"ann": {"utterances": 0, "mean": [1.0]}}},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": ["1.0"]}}},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": [True]}}},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": [10**400]}}},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": [1e39]}}},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": "12"}}},
        {**GOOD, "origin": 5},
        {**GOOD, "digest": "0"},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": [0.0]}}},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": [float("nan")]}}},
        {**GOOD, "people": {"ann": {"utterances": 2, "mean": [[1.0]]}}},
        {**GOOD, "people": {"a/b": {"utterances": 2, "mean": [1.0]}}},
        {**GOOD, "people": GOOD["people"] | {"bob": {"utterances": 2, "mean": [1.0]}}},
    ],
)
def test_a_damaged_store_is_refused_and_kept(tmp_path, stored):
    text = json.dumps(stored)
    (tmp_path / "people.json").write_text(text)
    for call in (
        lambda: load_enrolments(tmp_path, ORIGIN),
        lambda: change_enrolments(tmp_path, ORIGIN, {"bob": person(1, 2)}),
    ):
        with pytest.raises(UserError, match=r"people\.json.*; enrol its people again in a new store"):
            call()
    assert (tmp_path / "people.json").read_text() == text


def test_a_store_of_too_many_brackets_is_refused(tmp_path):
    (tmp_path / "people.json").write_text(100_000 * "[")
    with pytest.raises(UserError, match=r"people\.json is not valid JSON"):
        load_enrolments(tmp_path, ORIGIN)


def test_flipped_bits_are_an_error_or_change_nothing(tmp_path):
    people = {"ann": person(0.1, 2), "bøb": person(3, -0.25)}
    change_enrolments(tmp_path, ORIGIN, people)
    for _, content in flipped_bytes((tmp_path / "people.json").read_bytes(), 400):
        (tmp_path / "people.json").write_bytes(content)
        with suppress(UserError):
            same(load_enrolments(tmp_path, ORIGIN), people)


def test_a_store_of_an_earlier_version_which_has_no_digest_is_read(tmp_path):
    (tmp_path / "people.json").write_text(json.dumps(GOOD))
    same(load_enrolments(tmp_path, ORIGIN), {"ann": person(1, 2, utterances=2)})


def test_a_store_that_was_cut_short_is_refused(tmp_path):
    change_enrolments(tmp_path / "store", ORIGIN, {"ann": person(1, 2)})
    path = tmp_path / "store/people.json"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"people\.json is not valid JSON"):
        load_enrolments(tmp_path / "store", ORIGIN)


def test_a_folder_of_other_things_gets_no_store(tmp_path):
    (tmp_path / "ann").mkdir()
    with pytest.raises(UserError, match=r"holds other things than a store of enrolled people \(ann\)"):
        change_enrolments(tmp_path, ORIGIN, {"ann": person(1, 2)})
    assert [path.name for path in tmp_path.iterdir()] == ["ann"]
