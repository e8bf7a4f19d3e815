"""How far the words of a decode lie from their sounds: against what espeak-ng says of its words, or sound and silence.

    python -m tools.benchmark.word_times DECODE... --plan recipes/demo/conf/corpus.yaml
    python -m tools.benchmark.word_times recipes/yesno/exp/tdnn_lstm/decode/test --silence

With --plan, the sentences of the plan are spoken again, and words that were recognised rightly are compared. With
--silence, every stretch of sound is a word, in recordings that hold as many as words were found: what is louder than
the background by --decibels. Errors are in milliseconds, above 0 where a decode is late.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import kaldialign
import numpy as np
from lhotse import CutSet
from lhotse.cut import Cut

from pyspeech.corpora.synthesis import draw_sentences, load_plan
from pyspeech.decoding.read_hypotheses import read_timed_transcripts
from pyspeech.lang.espeak import speak_with_words

Words = Sequence[tuple[str, float, float]]
FRAME = 0.005  # seconds, of loudness
SMOOTH = 4  # such frames
LONGEST_GAP, SHORTEST_WORD = 0.04, 0.12  # seconds
PERCENTILES = (10, 50, 90)


@click.command(help=__doc__, context_settings={"show_default": True})
@click.argument("decodes", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--plan", type=click.Path(path_type=Path, exists=True), help="Of the corpus, as recipes/demo has one.")
@click.option("--silence", is_flag=True, help="Words are stretches of sound.")
@click.option("--decibels", default=12.0, help="Above the background.")
def main(decodes: Sequence[Path], plan: Path | None, silence: bool, decibels: float) -> None:
    """Print the table."""
    if (plan is None) != silence:
        raise click.UsageError("give --plan or --silence")
    true = dict(_spoken(plan) if plan is not None else _loud(decodes[0], decibels))
    print(f"{'decode':40} words  start: 10% median 90%    end: 10% median 90%")
    for decode in decodes:
        errors = 1000 * np.array(list(_errors(decode, true)))
        figures = "    ".join(
            "".join(f"{value:8.0f}" for value in np.percentile(each, PERCENTILES)) for each in errors.T
        )
        print(f"{str(decode)[-40:]:40} {len(errors):5}  {figures}")


def _spoken(path: Path) -> Iterator[tuple[str, Words]]:
    """The words of every sentence but train's, by the end of the name of its file."""
    plan = load_plan(path)
    drawn = draw_sentences(plan)
    for split, values in plan.splits.items():
        if split == "train":
            continue
        for number, text in enumerate(drawn[split]):
            voice = values.voices[number % len(values.voices)]
            words = speak_with_words(text.lower(), voice.voice, voice.words_per_minute, voice.pitch).words
            # Of what espeak-ng says as one, or as more than one, it tells no times.
            if [word.upper() for word, _, _ in words] == text.split():
                yield f"{split}-{number:05d}", [(word.upper(), start, end) for word, start, end in words]


def _loud(decode: Path, decibels: float) -> Iterator[tuple[str, Words]]:
    cuts = Path(json.loads((decode / "decode.json").read_text())["cuts"])
    # The manifest of recordings stands beside that of features.
    recordings = decode.parents[3] / "data/manifests" / cuts.name
    for cut in CutSet.from_file(recordings):
        yield cut.id, [("", start, end) for start, end in _stretches(cut, decibels)]


def _stretches(cut: Cut, decibels: float) -> list[tuple[float, float]]:
    samples_S = cut.load_audio()[0]
    size = round(FRAME * cut.sampling_rate)
    power_T = np.square(samples_S[: len(samples_S) // size * size].reshape(-1, size)).mean(axis=1)
    loudness_T = 10 * np.log10(np.convolve(power_T, np.full(SMOOTH, 1 / SMOOTH), "same") + 1e-10)
    loud_T = loudness_T > np.percentile(loudness_T, 15) + decibels
    edges = np.flatnonzero(np.diff(loud_T, prepend=False, append=False)) * FRAME
    found: list[tuple[float, float]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        joined = found and start - found[-1][1] < LONGEST_GAP
        found.append((found.pop()[0] if joined else start, end))
    return [each for each in found if each[1] - each[0] >= SHORTEST_WORD]


def _errors(decode: Path, true: Mapping[str, Words]) -> Iterator[tuple[float, float]]:
    for transcript in read_timed_transcripts(decode):
        words = true.get(transcript.id)
        if words is None or not (words[0][0] or len(words) == len(transcript.words)):
            continue
        found, place = iter(transcript.words), 0
        if not words[0][0]:
            yield from ((one.start - start, one.end - end) for one, (_, start, end) in zip(found, words, strict=True))
            continue
        pairs = kaldialign.align([word for word, _, _ in words], [one.symbol for one in transcript.words], "*")
        for said, heard in pairs:
            one = next(found) if heard != "*" else None
            if said != "*":
                _, start, end = words[place]
                place += 1
                if one is not None and said == heard:
                    yield one.start - start, one.end - end


if __name__ == "__main__":
    main()
