"""Whether a language model and a decode are of the same words, written alike."""

import logging
from pathlib import Path

from pyspeech.decoding.results import DecodeResults
from pyspeech.errors import UserError
from pyspeech.lang.writing import case_to_bring, share_no_words
from pyspeech.rescoring.language_model import LanguageModel
from pyspeech.rescoring.vocabulary import RESERVED

log = logging.getLogger(__name__)


def words_of(decode: DecodeResults) -> set[str]:
    """The words that the network was trained on, else those of its lattices; none where the decode has neither."""
    trained = decode.train_words
    if trained is not None:
        return set(trained)
    return set(decode.lattices.words) - RESERVED if decode.has_lattices else set()


def fit(lm: LanguageModel, name: Path, decode: DecodeResults, finds_new_words: bool) -> None:
    """Let ``lm`` take and give words in the case of ``decode``, and say where they have no words in common.

    Args:
        lm: What was opened as ``name``.
        name: As the user knows it.
        decode: What is to be rescored.
        finds_new_words: Whether words can come out that the decode does not hold.

    Raises:
        UserError: the model is one of prose where the decode's words are as spoken, or knows none of them where no
            new ones can be found.
    """
    ours = words_of(decode)
    try:
        theirs = lm.words()
    except UserError:
        return  # a binary that was built without them: what it lacks can be counted, but not why
    lm.case = case_to_bring(ours, dict.fromkeys(theirs, 1), f"the language model {name}", any_case=False)
    if lm.case is not None:
        log.info(f"the words of {name} are read in {lm.case}, as the decode writes them")
        theirs = lm.words()
    if share_no_words(ours, theirs):
        told = (
            f"{name} knows {len(ours.intersection(theirs))} of the {len(ours)} words of {decode.name}; "
            "is it of this language, and are words written alike?"
        )
        if not finds_new_words:
            raise UserError(f"{told} Give another language model")
        log.warning(told)
