import pytest

from pyspeech.errors import UserError
from pyspeech.training.gradient import BAD_BATCHES, LEFT_OUT, OUT_OF_MEMORY, UNREADABLE, Note
from pyspeech.training.journal import Journal, counts


def unreadable(epoch, batch, id_):
    return Note(UNREADABLE, {"epoch": epoch, "batch": batch, "id": id_, "reason": f"{id_} is broken"})


def bad(epoch, batch):
    return Note(BAD_BATCHES, {"epoch": epoch, "batch": batch, "ids": ["a", "b"]})


def large(epoch, batch, *ids):
    return Note(OUT_OF_MEMORY, {"epoch": epoch, "batch": batch, "ids": list(ids), "left_out": len(ids) == 1})


def test_counts_are_of_what_came_since_a_position(tmp_path):
    journal = Journal(tmp_path, 9, 9)
    out = Note(LEFT_OUT, {"epoch": 1, "batch": 3, "ids": ["a", "b"]})
    journal.add([bad(1, 0), out, large(2, 0, "a"), unreadable(2, 1, "c")])
    assert counts(journal.since((0, 0))) == {"bad_batches": 1, "left_out": 2, "unreadable": 1, "out_of_memory": 1}
    assert counts(journal.since((0, 3))) == {"bad_batches": 0, "left_out": 2, "unreadable": 1, "out_of_memory": 1}
    assert counts(journal.since((1, 1))) == {"bad_batches": 0, "left_out": 0, "unreadable": 1, "out_of_memory": 0}


def test_a_resumed_journal_tells_nothing_twice_and_goes_on_counting(tmp_path, capsys):
    Journal(tmp_path, 1, 9).add([bad(1, 0), unreadable(1, 0, "a"), unreadable(1, 5, "b")])
    assert capsys.readouterr().err == "left out 'a': a is broken\nleft out 'b': b is broken\n"
    resumed = Journal(tmp_path, 1, 9)
    resumed.resume((0, 5))
    resumed.add([unreadable(1, 5, "b"), unreadable(2, 1, "a")])
    assert capsys.readouterr().err == "left out 'b': b is broken\n"
    with pytest.raises(UserError, match=r"2 batches had a non-finite loss or gradient, .* allows 1; .* the cuts a, b;"):
        resumed.add([bad(2, 2)])


def test_an_utterance_counts_once_in_an_epoch_and_again_in_the_next(tmp_path):
    journal = Journal(tmp_path, 0, 1)
    for epoch in (1, 2):
        journal.add([unreadable(epoch, 0, "a"), unreadable(epoch, 7, "a")])
    with pytest.raises(UserError, match=r"2 utterances of epoch 2 are lost, .*: a, b \(b is broken\); mend"):
        journal.add([unreadable(2, 9, "b")])


def test_an_utterance_that_does_not_fit_into_the_memory_counts_as_lost(tmp_path, capsys):
    journal = Journal(tmp_path, 9, 1)
    journal.add([large(1, 0, "a", "b"), large(1, 0, "a"), large(1, 1, "a", "c")])
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        "out of memory",
        "left out 'a'",
    ]
    with pytest.raises(
        UserError, match=r"2 utterances of epoch 1 are lost, .*: a, b \(it does not fit into the memory;"
    ):
        journal.add([large(1, 0, "b")])
