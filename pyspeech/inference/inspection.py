"""Single utterances as a trained network sees them and what it says of them."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from lhotse.cut import Cut

from pyspeech.config import FeatureConfig, load_feature_config
from pyspeech.data.features import FeatureExtractor, load_audio
from pyspeech.data.manifests import cut_of
from pyspeech.data.precomputed_features import has_matrix
from pyspeech.decoding.alignment import align_words
from pyspeech.decoding.decoder import frame_seconds
from pyspeech.decoding.greedy import best_tokens
from pyspeech.decoding.hypothesis import Clock
from pyspeech.decoding.inspection import Features, Inspection, Posteriors, TimedWords, Waveform
from pyspeech.decoding.read_hypotheses import read_timed_transcripts
from pyspeech.decoding.stored import FRAMES, StoredDecode
from pyspeech.decoding.times import token_runs
from pyspeech.decoding.token_offsets import NO_OFFSETS, TokenOffsets, load_offsets
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.json_files import read_json_lines
from pyspeech.lang.tokens import TokenSet
from pyspeech.rescoring.vocabulary import Spelling, make_vocabulary
from pyspeech.settings import SHARED_CONF
from pyspeech.tasks.network import trained_config
from pyspeech.tasks.recognition import Recogniser, RecognitionTask, load_recogniser

UNITS = {"fbank": "mel bin", "mfcc": "coefficient", "given": "feature"}


def inspect(cuts: Path, ids: Sequence[str], exp: Path | None, decode: Path | None) -> Iterator[Inspection]:
    """Look at utterances of a manifest, in the order of ``ids``.

    Args:
        cuts: A manifest of lhotse cuts.
        ids: Of its utterances.
        exp: Folder of a training, whose features and tokens are shown; without it log mel energies, and the tokens
            that ``decode`` stored. Of a network that does not give tokens, the features alone.
        decode: Folder of a decode, whose words are shown; without it those of the reference, aligned by ``exp``.

    Raises:
        UserError: an id that the manifest lacks (naming the nearest), or something is missing or damaged.
    """
    cuts_by_id = _find(cuts, ids)
    config = None if exp is None else trained_config(exp).features
    recogniser = load_recogniser(exp, "cpu") if exp is not None and (exp / RecognitionTask.table).exists() else None
    offsets = NO_OFFSETS if exp is None else load_offsets(exp)
    stored = {} if decode is None else _stored(decode, ids)
    for id_ in ids:
        yield _inspected(cuts_by_id[id_], config, recogniser, offsets, stored.get(id_))


def _find(cuts: Path, ids: Sequence[str]) -> dict[str, Cut]:
    """Return the cuts of ``ids``; entries before the last of them are read, no more of each than its line."""
    cuts_by_id: dict[str, Cut] = {}
    seen: list[str] = []
    for number, entry in read_json_lines(existing(cuts, "manifest")):
        seen.append(str(entry.get("id")))
        if seen[-1] in ids:
            cuts_by_id[seen[-1]] = cut_of(entry, f"{cuts}, line {number}")
            if len(cuts_by_id) == len(set(ids)):
                return cuts_by_id
    missing = next(id_ for id_ in ids if id_ not in cuts_by_id)
    near = "".join(f", the nearest is '{id_}'" for id_ in difflib.get_close_matches(missing, seen, n=1))
    raise UserError(f"{cuts} has no utterance '{missing}' among its {len(seen):,}{near}")


def _stored(decode: Path, ids: Sequence[str]) -> dict[str, tuple[TimedWords, Posteriors | None]]:
    """Read the words that a decode found in utterances, and what its network said of their frames if that is there."""
    words = {each.id: TimedWords("decode", each.words) for each in read_timed_transcripts(decode) if each.id in ids}
    if missing := [id_ for id_ in ids if id_ not in words]:
        raise UserError(f"{decode} has no utterance '{missing[0]}'; give the decode of these cuts, or no --decode")
    if not (decode / FRAMES).exists():
        return {id_: (words[id_], None) for id_ in ids}
    archive = StoredDecode(decode).frames
    size, seconds = len(archive.tokens), archive.frame_seconds
    return {id_: (words[id_], Posteriors(archive[id_].dense(size), archive.tokens, seconds)) for id_ in ids}


def _inspected(
    cut: Cut,
    config: FeatureConfig | None,
    recogniser: Recogniser | None,
    offsets: TokenOffsets,
    stored: tuple[TimedWords, Posteriors | None] | None,
) -> Inspection:
    reference = " ".join(supervision.text or "" for supervision in cut.supervisions)
    waveform, features = _seen(cut, config)
    hypothesis, posteriors, words = None, None, None
    if recogniser is not None:
        posteriors, hypothesis, words = _said(cut, features, reference.split(), recogniser, offsets)
    if stored is not None:
        words = stored[0]
        hypothesis = " ".join(word.symbol for word in words.words)
        posteriors = posteriors or stored[1]
    return Inspection(cut.id, float(cut.duration), reference, hypothesis, waveform, features, posteriors, words)


def _seen(cut: Cut, config: FeatureConfig | None) -> tuple[Waveform | None, Features]:
    """Audio, where there is some, and features; without a configuration log mel energies at the rate of the audio."""
    if config is None and has_matrix(cut):
        raise UserError(f"cut '{cut.id}' has features in place of audio; give the training that uses them: --exp EXP")
    extractor = FeatureExtractor(config or _log_mel(cut))
    settings = extractor.config
    waveform = None
    if cut.has_recording:
        waveform = Waveform(load_audio(cut, settings.sampling_rate)[0], settings.sampling_rate)
    if config is None and waveform is not None:  # whatever features are stored
        matrix_TF = extractor.normalised(waveform.samples_S, cut.id)
    else:
        matrix_TF = extractor(cut)
    return waveform, Features(matrix_TF, settings.frame_shift_seconds, UNITS[settings.type])


def _log_mel(cut: Cut) -> FeatureConfig:
    if not cut.has_recording:
        raise UserError(f"cut '{cut.id}' has no recording; give the manifest with audio, or --exp EXP")
    return load_feature_config(SHARED_CONF / "fbank.yaml").model_copy(update={"sampling_rate": cut.sampling_rate})


def _said(
    cut: Cut, features: Features, reference: Sequence[str], recogniser: Recogniser, offsets: TokenOffsets
) -> tuple[Posteriors, str, TimedWords]:
    """Return what the network says of each frame, its words, and when those of the reference were said."""
    matrix_TF = torch.from_numpy(features.matrix_TF)
    with torch.no_grad():
        log_probs_BTV, lengths_B = recogniser.model(matrix_TF.unsqueeze(0), torch.tensor([len(matrix_TF)]))
    seconds = frame_seconds(recogniser)
    [best] = best_tokens(log_probs_BTV, lengths_B.tolist())
    hypothesis = " ".join(recogniser.tokens.decode([run.token for run in token_runs(best.tokens)]))
    log_probs_TV = log_probs_BTV[0, : int(lengths_B[0])].float().numpy()
    try:
        spellings = _spellings(reference, recogniser.tokens)
        clock = Clock(seconds, float(cut.duration), offsets)
        aligned = align_words(log_probs_TV, reference, spellings, recogniser.tokens.symbols, clock)
        words = TimedWords("reference", aligned)
    except UserError as error:
        words = TimedWords("reference", (), str(error))
    return Posteriors(log_probs_TV, recogniser.tokens.symbols, seconds), hypothesis, words


def _spellings(words: Sequence[str], tokens: TokenSet) -> list[Spelling]:
    """Spell words, each in the first way there is, which is the one that training learns.

    Raises:
        UserError: no tokens spell one of them.
    """
    if not words:
        return []
    vocabulary = make_vocabulary(words, {}, tokens, tokens.espeak)
    first = {vocabulary.words[number]: spelling for number, spelling in reversed(vocabulary.spellings)}
    for word in words:
        if word not in first:
            raise UserError(f"'{word}' cannot be aligned: {vocabulary.dropped.get(word, 'it is no word')}")
    return [first[word] for word in words]
