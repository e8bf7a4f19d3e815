"""Everything that a corpus can have wrong: what it is called, what comes of it, what ``--fix`` does about it."""

from dataclasses import dataclass
from typing import Literal

DROPS = "leaves the utterance out"
KEEPS = "keeps the utterance"


@dataclass(frozen=True)
class Kind:
    """A fault stops, skips or spoils something; a warning wants a look and is left as it is.

    ``causes`` says what would come of it, ``fix`` what ``--fix`` does. ``mends`` tells whether that repairs the
    utterance, which is left out otherwise.
    """

    name: str
    severity: Literal["fault", "warning"]
    causes: str
    fix: str
    mends: bool = False


def _fault(name: str, causes: str, fix: str = DROPS) -> Kind:
    return Kind(name, "fault", causes, fix, mends=fix != DROPS)


def _warning(name: str, causes: str) -> Kind:
    return Kind(name, "warning", causes, KEEPS)


# The manifest itself
CUT_SHORT = _fault(
    "manifest cut short", "every command stops there; the utterances after it are lost", "keeps what is before"
)
NO_UTTERANCE = _fault("no utterance", "every command stops: the manifest is empty", "stops too")
NOT_UTF8 = _fault("line not UTF-8", "every command stops at the line")
NOT_JSON = _fault("line not JSON", "every command stops at the line")
NOT_A_CUT = _fault("not a cut", "lhotse cannot read the line")
NOT_A_FILE = _fault("not from a file", "every command stops: it would run or fetch what the manifest names")
DUPLICATE_ID = _fault(
    "duplicate id", "one takes the other's place in scores and tables", "drops the same line, renames another"
)
NO_SUPERVISION = _fault("no supervision", "training stops: no text to learn (lhotse#778)")
SEVERAL_SUPERVISIONS = _fault(
    "several supervisions", "training stops: one is needed (icefall#126, #424)", "makes one cut of each"
)
LEFT_OVER = _fault(
    "supervision not the cut's", "audio without its words, or words without audio (lhotse#904)", "takes its times"
)

# Audio as its header tells
NO_AUDIO = _fault("no audio named", "training stops: neither a recording nor features")
MISSING_AUDIO = _fault("audio missing", "training stops at the utterance")
UNREADABLE_AUDIO = _fault("audio unreadable", "training stops at the utterance")
SHORT_FILE = _fault("audio file cut short", "the words at its end are taught from nothing")
EMPTY_AUDIO = _fault("audio of no length", "training stops at the utterance")
TOO_SHORT = _fault("shorter than one window", "no frame: train leaves it out, other commands stop")
DURATION_DIFFERS = _fault(
    "duration not the file's", "training stops, or learns from made-up audio", "takes the duration of the file"
)
RATE_DIFFERS = _fault(
    "sampling rate not the file's", "training stops, or hears a wrong pitch", "takes that of the file"
)
NO_CHANNEL = _fault("channel not in the file", "training stops at the utterance")
MISSING_FEATURES = _fault("features missing", "training stops at the utterance")
DAMAGED_FEATURES = _fault("features damaged", "training stops at the utterance")  # with --deep
MIXED_RATES = _warning("sampling rates mixed", "all are resampled; the lower ones lack the upper frequencies")
LOW_RATE = _warning("sampling rate below the model's", "the upper frequencies that the model hears are empty")

# Audio as its samples tell, with --deep
DAMAGED_AUDIO = _fault("audio damaged", "training stops, or learns from part of the words")
SILENT_AUDIO = _fault("audio silent", "words are taught from silence")
UNREAD_CHANNEL = _warning("another channel differs", "what only that channel says is not heard")
CLIPPED_AUDIO = _warning("audio clipped", "distorted speech: errors that a lower recording level spares")

# Text and tokens
NO_TEXT = _fault("no text", "training and scoring stop at the utterance")
EMPTY_TEXT = _fault("text empty", "speech is taught as silence")
JOINED_TEXT = _fault("text of several lines", "rows of a table ran into one: other utterances' words (lhotse#977)")
UNTIDY_TEXT = _fault(
    "text untidy", "equal words count as different ones", "spaces, invisible and combined characters put in order"
)
ODD_SPACES = _warning("spaces untidy", "nothing here, where all spaces divide words alike; other tools may differ")
UNCOVERED_TEXT = _fault("character without token", "training stops: no token spells it")
UNPRONOUNCED = _fault("word without pronunciation", "training stops: the lexicon lacks it; or make --lang with it")
UNSPELLED_IN_TEST = _warning("test word without spelling", "cannot be recognised: counts as an error")
NOT_AS_SPOKEN = _warning("text not as spoken", "digits and signs are no sounds; write what is said")
MARKED_TEXT = _warning(
    "marks of noises in the text", "[laughter] is learnt and scored as a word; take it out of the text"
)
UNSPACED_TEXT = _warning("text without spaces", "a whole sentence is one word; put spaces between words, or characters")
MIXED_CASE = _warning("capitals mixed", "some texts are in capitals: one word becomes two")
INFEASIBLE = _fault("more tokens than frames", "CTC has no path: infinite loss, left out (icefall#320)")
TIGHT = _warning("more tokens than fast frames", "left out at the fastest of augment.speeds")
OUT_OF_LIMITS = _warning("outside the length limits", "left out of training: batches.min_/max_utterance_seconds")

# Between utterances
SAME_TEXT = _warning("text on two sides of a split", "the score counts what was learnt by heart")
SAME_SPEAKER = _warning("speaker on two sides of a split", "the score says nothing of new speakers")
SAME_AUDIO = _warning("audio on two sides of a split", "the score counts what was learnt by heart")
AUDIO_TWICE = _warning("audio used twice", "the same stretch in two utterances: one text may be wrong")
LONE_LABEL = _warning("label with one example", "nothing is learnt from one example, or nothing is left to test")
UNSEEN_LABEL = _warning("label not in the first manifest", "cannot be predicted: never trained")
TOO_FAST = _warning("faster than speech", "text and audio do not belong together, as a rule")
TOO_SLOW = _warning("slower than speech", "most of the audio has no words")
ODD_DURATION = _warning("outlying duration", "far from all others; a wrong cut, as a rule")
ODD_PACE = _warning("outlying speaking rate", "far from all others; wrong or missing words, as a rule")

KINDS: tuple[Kind, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Kind))


@dataclass(frozen=True)
class Finding:
    """One thing wrong with one utterance, and what exactly in a few words."""

    kind: Kind
    detail: str = ""
