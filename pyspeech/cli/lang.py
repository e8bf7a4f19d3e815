"""``pyspeech lang``: the token set, and for phones the lexicon."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.command()
@click.argument("out", type=OUTPUT)
@click.option("--tokens", "kind", required=True, type=click.Choice(["phones", "characters", "pieces"]), help="Kind.")
@click.option("--manifest", "manifests", multiple=True, type=PATH, help="Manifest whose words are covered; repeatable.")
@click.option("--lexicon", "lexicon_path", type=PATH, help="Phones: file of words and their phones.")
@click.option(
    "--espeak",
    metavar="LANGUAGE",
    help="Phones: espeak-ng pronounces words not in the lexicon, e.g. en-us, those of graphs and rescoring too.",
)
@click.option("--pieces", "size", type=click.IntRange(min=2), help="Pieces: how many, the blank among them.")
def lang(
    out: Path, kind: str, manifests: tuple[Path, ...], lexicon_path: Path | None, espeak: str | None, size: int | None
) -> None:
    """Make the token set that covers the words of the manifests and write it to OUT.

    With phones, all words of the lexicon are kept too, in capitals where the words of all manifests are, in small
    letters where those are. Columns of probabilities (lexiconp.txt, the Montreal Forced Aligner) and HTK's [OUTPUT] are
    not used. It may be in any alphabet, with --espeak in IPA or ARPAbet (cmudict): then espeak-ng's
    phones are written like the lexicon's, and ARPAbet loses its stress digits (AH0 and AH1 are AH).
    """
    from pyspeech.errors import UserError
    from pyspeech.transcripts import read_transcripts

    if kind != "phones" and (lexicon_path or espeak):
        raise click.UsageError(f"--lexicon and --espeak go with --tokens phones, not with --tokens {kind}")
    if (kind == "pieces") != (size is not None):
        raise click.UsageError("--tokens pieces and --pieces N go together")

    def texts() -> Iterator[str]:
        return (transcript.text for path in manifests for transcript in read_transcripts(path))

    words = {word for text in texts() for word in text.split()}
    if not words and not lexicon_path:
        raise UserError("there is no word to cover; give a manifest with text by --manifest")
    log.info(_make(out, kind, texts(), words, lexicon_path, espeak, size))


def _make(
    out: Path,
    kind: str,
    texts: Iterable[str],
    words: set[str],
    lexicon_path: Path | None,
    espeak: str | None,
    size: int | None,
) -> str:
    from pyspeech.lang.lexicon import in_case_of, read_lexicon
    from pyspeech.lang.pronunciations import doubts, pronounce
    from pyspeech.lang.tokens import CharacterTokens, PhoneTokens, PieceTokens, TokenSet

    tokens: TokenSet
    counts = ""
    if kind == "phones":
        lexicon = in_case_of(read_lexicon(lexicon_path), words) if lexicon_path else {}
        pronounced = pronounce({*words, *lexicon}, lexicon, espeak)
        tokens = PhoneTokens.from_lexicon(pronounced.lexicon, espeak)
        for doubt in doubts(pronounced.lexicon, espeak if pronounced.from_espeak else None):
            log.info(doubt)
        words = set(pronounced.lexicon)
        counts = f" ({pronounced.from_lexicon} from the lexicon, {pronounced.from_espeak} from espeak-ng)"
    elif kind == "characters":
        tokens = CharacterTokens.from_words(words)
    else:
        assert size is not None
        tokens = PieceTokens.from_texts(texts, size)
    tokens.save(out)
    return f"{out}: {len(tokens.symbols)} {kind} with the blank, {len(words)} words{counts}"
