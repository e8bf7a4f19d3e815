"""Marks in transcripts that are no words: of noises, of speech that nobody understood, of a sentence's ends."""

import re
from collections import Counter
from collections.abc import Iterable

SHOWN = 8
# What a mark in brackets is of, in the words of transcribers; prose has brackets round words that are read, too.
SOUNDS = (
    "laughter laughs laugh laughing laughed chuckle chuckles chuckling giggle giggles lachen lacht gelächter "
    "rire rires risa risas risos risate noise noises geräusch geräusche bruit bruits ruido ruidos rumore rumori "
    "nsn spn sil sta fil unk silence stille pause pauses music musik musique música inaudible unintelligible "
    "indistinct incomprehensible unclear unverständlich inaudibile indiscernible ininteligible inaudível "
    "crosstalk breath breaths breathe breathes breathing inhale inhales exhale exhales atmen atmet "
    "sigh sighs sighing seufzt cough coughs coughing hust hustet husten sneeze sneezes sniff sniffs sniffing throat "
    "lipsmack smack smacks click clicks crying sob sobs sobbing gasp gasps groan groans scream screams "
    "screaming whistle whistles whistling humming yawn yawns applause applaus clapping cheering cheers static beep "
    "beeps bleep ringing buzz buzzing hesitation mumble mumbles mumbling babble redacted foreign"
)
ABOUT = (  # and what may stand beside it there
    "a the and of in on to at is background loud loudly soft softly heavy heavily deep deeply short long audience "
    "crowd phone telephone door slam speaker speech voice vocal vocalized spoken speaking non language clears "
    "clearing hard begin end start stop playing mouth tongue lip word words human intermittent stationary other people "
    "male female man woman baby child im hintergrund"
)
MARK = re.compile(
    r"<(?P<name><*[^\s<>]{1,60})>+|\{\s*(?P<curly>[^\s{}]{1,60})\s*\}"  # one name: prose has no such brackets
    r"|(?<!\S)(?P<plus>\+{1,2}[^\W\d_][\w/-]*\+{1,2})(?!\S)"
    r"|<(?P<angle>[^<>]{1,60})>|\{(?P<braces>[^{}]{1,60})\}|\[(?P<square>[^\[\]]{1,60})\]|\((?P<round>[^()]{1,60})\)"
    r"|\*+(?P<stars>[^*]{1,60})\*+"
)
OF_SOUNDS, OF_MARKS = frozenset(SOUNDS.split()), frozenset(f"{SOUNDS} {ABOUT}".split())
ALWAYS = ("name", "curly", "plus")
LAUGHED = re.compile(r"laugh(?:ter|ing)?-(.+)", re.IGNORECASE)  # Switchboard's [laughter-yes] is a word, laughed
PARTS = re.compile(r"[\s_/:;,.!?()<>{}\[\]-]+")


def without_marks(text: str) -> str:
    """``text`` without its marks; what has none is returned as it is.

    A mark is one name in angle or curly brackets or between plus signs (``<unk>``, ``{breath}``, ``+um+``), and what
    names a sound in any brackets or between asterisks (``[door noise]``, ``(inaudible)``, ``*coughs*``). Other words in
    brackets stay, which readers of prose say: ``[Oswald]``.
    """
    return MARK.sub(_kept, text) if MARK.search(text) else text


def marks_of(text: str) -> list[str]:
    """The marks in ``text``, each as it stands there."""
    return [match[0] for match in MARK.finditer(text) if _kept(match) != match[0]]


def counted(marks: Iterable[str]) -> str:
    """How often each of ``marks`` occurs, the most frequent in words: ``[laughter] 12, <unk> 3 and 2 others``."""
    counts = Counter(marks)
    shown = ", ".join(f"{mark} {count}" for mark, count in counts.most_common(SHOWN))
    return f"{shown} and {len(counts) - SHOWN} others" if len(counts) > SHOWN else shown


def _kept(match: re.Match[str]) -> str:
    """What stays of something in brackets: nothing, all of it, or a word that was laughed."""
    kind = match.lastgroup or ""
    inner = match[kind].strip()
    if laughed := LAUGHED.fullmatch(inner):
        return laughed[1]
    if kind in ALWAYS or _is_sound(inner):
        return " "
    return match[0]


def _is_sound(inner: str) -> bool:
    parts = [part for part in PARTS.split(inner.lower()) if part and not part.isdigit()]
    return not OF_SOUNDS.isdisjoint(parts) and OF_MARKS.issuperset(parts)
