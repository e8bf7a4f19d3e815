"""A German corpus to try another language with: sentences as people write them, spoken by espeak-ng.

``python tools/make_german_corpus.py german`` writes ``german/table.csv`` with the columns path, text, speaker, its
audio, and ``prose.txt`` with other sentences of the same kind. They hold numbers, dates, times, money, abbreviations.
What is spoken is made beside what is written, not from it: ``said.txt`` holds it in the order of the table.
"""

import csv
import random
import wave
from pathlib import Path

import click
from num2words import num2words

from pyspeech.files import complete
from pyspeech.lang.espeak import SAMPLING_RATE, speak
from pyspeech.threads import one_thread

Pair = tuple[str, str]  # as written, as said
TIMBRES = ["", *(f"+m{number}" for number in range(1, 9)), *(f"+f{number}" for number in range(1, 6))]
SPEEDS = (150, 165, 180)  # words a minute
FIRST = ["Anna", "Bernd", "Clara", "Dieter", "Emma", "Frank", "Greta", "Hannes", "Ida", "Jonas", "Lena", "Moritz"]
NAMES = ["Acker", "Birken", "Buchen", "Eichen", "Falken", "Grün", "Hasel", "Linden", "Mühl", "Roten", "Stein", "Wald"]
NAME_ENDS = ["bauer", "berger", "hofer", "mann", "meier", "müller", "schmidt", "thaler", "wirt"]
PLACE_ENDS = ["bach", "berg", "burg", "dorf", "feld", "furt", "hausen", "heim", "see", "stadt"]
MONTHS = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November"]
GOODS = ["Brot", "Fahrrad", "Ticket", "Buch", "Radio", "Hemd"]
SENTENCES = [
    "Am {day} fährt {name} nach {place}.",
    "{name} wohnt seit {year} in {place}.",
    "Das {goods} kostet bei {name} nur {price}.",
    "Der Zug nach {place} fährt um {hour} ab.",
    "In {place} kamen {instance} {share} der Leute um {hour}.",
    "{name} traf {about} {share} der Leute, {that_is} viele.",
    "Am {day} um {hour} trifft {name} den Bürgermeister von {place}.",
    "Im Jahr {year} kaufte {name} ein {goods} für {price}.",
]


def spelled(value: int, kind: str = "cardinal") -> str:
    """A number in words."""
    return str(num2words(value, lang="de", to=kind))


def slots(draw: random.Random) -> dict[str, Pair]:
    """What may stand in a sentence; most surnames and towns are rare."""
    day, month, hour = draw.randint(1, 28), draw.randrange(len(MONTHS)), draw.randint(2, 23)
    year = draw.choice((draw.randint(1850, 1999), draw.randint(2001, 2025)))
    minute, cents = draw.choice((0, 5, 15, 30, 45)), draw.choice((0, 50, 99))
    euros, share = draw.randint(2, 99), draw.randint(2, 99)
    first, name = draw.choice(FIRST), draw.choice(NAMES) + draw.choice(NAME_ENDS)
    title = draw.choice((("Dr.", "Doktor"), ("Prof.", "Professor"), (first, first)))
    nth = f"{spelled(day, 'ordinal')}n"
    dates = (
        (f"{day}. {MONTHS[month]}", f"{nth} {MONTHS[month]}"),
        (f"{day:02}.{month + 1:02}.", f"{nth} {spelled(month + 1, 'ordinal')}n"),
    )
    return {
        "day": draw.choice(dates),
        "year": (str(year), spelled(year, "year")),
        "hour": (f"{hour}:{minute:02} Uhr", f"{spelled(hour)} Uhr {spelled(minute) if minute else ''}".strip()),
        "price": (
            f"{euros},{cents} €" if cents else f"{euros} €",
            f"{spelled(euros)} Euro {spelled(cents) if cents else ''}".strip(),
        ),
        "share": (f"{share} %", f"{spelled(share)} Prozent"),
        "name": (f"{title[0]} {name}", f"{title[1]} {name}"),
        "place": (draw.choice(NAMES) + draw.choice(PLACE_ENDS),) * 2,
        "goods": (draw.choice(GOODS),) * 2,
        "instance": ("z. B.", "zum Beispiel"),
        "about": ("ca.", "circa"),
        "that_is": ("d. h.", "das heißt"),
    }


def sentence(draw: random.Random) -> Pair:
    """A sentence, and its words in small letters as they are said."""
    pattern, drawn = draw.choice(SENTENCES), slots(draw)
    written, said = (pattern.format(**{slot: pair[which] for slot, pair in drawn.items()}) for which in (0, 1))
    return written, said.replace(".", "").replace(",", "").lower()


@click.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option("--sentences", default=420, show_default=True, help="That are spoken, by 14 voices in turns.")
@click.option("--prose", default=4000, show_default=True, help="Further sentences, written down only.")
@click.option("--seed", default=1, show_default=True)
def main(corpus: Path, sentences: int, prose: int, seed: int) -> None:
    """Speak a German corpus into the new folder CORPUS."""
    draw = random.Random(seed)  # noqa: S311 - sentences, not secrets
    found: dict[str, str] = {}
    while len(found) < sentences + prose:
        found.update([sentence(draw)])
    rows = [("path", "text", "speaker")]
    with complete(corpus) as folder, one_thread():
        (folder / "wavs").mkdir(parents=True)
        for index, (text, said) in enumerate(list(found.items())[:sentences]):
            voice = index % len(TIMBRES)
            rows.append((f"wavs/{index:04}.wav", text, f"voice{voice:02}"))
            samples, _ = speak(said, f"de{TIMBRES[voice]}", SPEEDS[voice % len(SPEEDS)], 40 + 2 * voice)
            with wave.open(str(folder / rows[-1][0]), "wb") as stream:
                stream.setparams((1, 2, SAMPLING_RATE, 0, "NONE", ""))
                stream.writeframes(samples.astype("<i2").tobytes())
        with (folder / "table.csv").open("w", encoding="utf-8", newline="") as table:
            csv.writer(table, lineterminator="\n").writerows(rows)
        lines = {"said.txt": list(found.values())[:sentences], "prose.txt": list(found)[sentences:]}
        for name, texts in lines.items():
            (folder / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    click.echo(f"{corpus}: {sentences} utterances, {prose} further sentences")


if __name__ == "__main__":
    main()
