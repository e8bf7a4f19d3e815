"""Descriptions of manifests as a text for the terminal, a column for each."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyspeech.corpora.description.figures import NO_LABEL, are_labels, description_values, in_order, printable
from pyspeech.corpora.description.tally import Description
from pyspeech.tables import display_width

Values = Mapping[str, Any]  # of one manifest
RARE = 5  # occurrences, up to which a character may be a slip of whoever typed the text
WIDTH, BAR_COLUMNS = 110, 24
CHARACTERS_SHOWN, CHARACTERS_IN_ROW, ODD_SHOWN, LABELS_SHOWN = 64, 8, 20, 40
# A row of the table: what it says, where its figure is, how it is shown; left out where no manifest has the figure.
ROWS = (
    ("Utterances", "utterances", "{:,}"),
    ("Hours", "hours", "{:.2f}"),
    ("Seconds: shortest", "seconds.least", "{:.2f}"),
    ("  median", "seconds.median", "{:.2f}"),
    ("  95%", "seconds.95_percent", "{:.2f}"),
    ("  longest", "seconds.most", "{:.2f}"),
    ("Speakers", "speakers.count", "{:,}"),
    ("  who are also in {first}", "speakers.shared_with_first", "{:,}"),
    ("  minutes of each: least", "speakers.minutes.least", "{:.2f}"),
    ("    median", "speakers.minutes.median", "{:.2f}"),
    ("    most", "speakers.minutes.most", "{:.2f}"),
    ("Words", "words.running", "{:,}"),
    ("  different", "words.distinct", "{:,}"),
    ("  seen once", "words.once", "{:,}"),
    ("  not in {first}, % of words", "words.unseen_percent", "{:.2f}"),
    ("  not in {first}, % of different", "words.unseen_distinct_percent", "{:.2f}"),
    ("Words per second: 5%", "words_per_second.5_percent", "{:.2f}"),
    ("  median", "words_per_second.median", "{:.2f}"),
    ("  95%", "words_per_second.95_percent", "{:.2f}"),
    ("Characters, spaces apart", "characters.running", "{:,}"),
    ("  different", "characters.distinct", "{:,}"),
    ("Characters per second: 5%", "characters_per_second.5_percent", "{:.1f}"),
    ("  median", "characters_per_second.median", "{:.1f}"),
    ("  95%", "characters_per_second.95_percent", "{:.1f}"),
)
FAULTS = (  # left out where there are none
    ("Entries without a duration", "entries_without_duration", "{:,}"),
    ("Utterances without a supervision", "without_supervision", "{:,}"),
    ("  with several", "several_supervisions", "{:,}"),
    ("  without words", "without_words", "{:,}"),
    ("  with words, without a speaker", "words_without_speaker", "{:,}"),
)


def description_text(descriptions: Sequence[Description]) -> str:
    """Return the table, a histogram of durations, the labels if texts are such, and characters.

    The first description is the one that trains: the others are held against its words and speakers.
    """
    values = description_values(descriptions)
    blocks: list[Iterator[str]] = [_speed_notes(values), _figure_rows(values), _histogram_rows(values)]
    if are_labels(descriptions):
        blocks.append(_label_rows(values))
    else:
        names = list(values)
        blocks += [_character_rows(name, each) for name, each in zip(names, descriptions, strict=True)]
        blocks.append(_odd_character_rows(names, descriptions))
    return "\n".join("".join(f"{line}\n" for line in lines) for block in blocks if (lines := list(block)))


def _speed_notes(values: Mapping[str, Values]) -> Iterator[str]:
    for name, each in values.items():
        stored = each["stored_speeds"]
        speeds = ", ".join(stored)
        if len(stored) > 1 and each["described_speed"]:
            yield (
                f"{name} holds every utterance at the speeds {speeds}: {sum(stored.values()):,} entries, "
                f"{each['stored_hours']:.2f} hours. What follows is at speed {each['described_speed']} alone."
            )
        elif list(stored) != ["1.0"]:
            yield f"{name} holds utterances at the speed {speeds}: durations and rates are those after it."


def _figure_rows(values: Mapping[str, Values]) -> Iterator[str]:
    first = next(iter(values))
    rows = [["", *values]]
    for title, path, form in (*ROWS, *FAULTS):
        figures = [_at(each, path) for each in values.values()]
        if any(figure is not None for figure in figures) and ((title, path, form) in ROWS or any(figures)):
            shown = ["-" if figure is None else form.format(figure) for figure in figures]
            rows.append([title.format(first=first), *shown])
    rows.append(["Sampling rates, Hz", *(_rates(each["sampling_rates_hz"]) for each in values.values())])
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    for title, *cells in rows:
        shown = [" " * (width - display_width(cell)) + cell for width, cell in zip(widths[1:], cells, strict=True)]
        yield "   ".join([title + " " * (widths[0] - display_width(title)), *shown])


def _at(values: Values, path: str) -> Any:  # noqa: ANN401 -- a figure of JSON
    figure: Any = values
    for name in path.split("."):
        figure = figure[name]
    return figure


def _rates(rates: Mapping[str, int]) -> str:
    return next(iter(rates)) if len(rates) == 1 else ", ".join(f"{rate} ({count:,})" for rate, count in rates.items())


def _histogram_rows(values: Mapping[str, Values]) -> Iterator[str]:
    tables = [each["histogram"] for each in values.values()]
    columns = max(6, min(BAR_COLUMNS, WIDTH // len(values) - 16))
    most = [max(each["utterances"] for each in table) for table in tables]
    yield (f"{'Seconds':19}" + "".join(name + " " * (columns + 10 - display_width(name)) for name in values).rstrip())
    begun = False
    for row in zip(*tables, strict=True):
        begun |= any(each["utterances"] for each in row)
        if begun:
            end = row[0]["to_seconds"]
            bars = [_bar(each["utterances"], highest, columns) for each, highest in zip(row, most, strict=True)]
            until = "and more" if end is None else f"– {end:.1f}"
            yield f"{row[0]['from_seconds']:7.1f} {until:11}" + "".join(bars).rstrip()


def _bar(count: int, highest: int, columns: int) -> str:
    halves = round(2 * columns * count / highest)
    shown = "█" * (halves // 2) + "▌" * (halves % 2)
    return f"{shown + (' ' if shown else '') + (f'{count:,}' if count else ''):{columns + 10}}"


def _label_rows(values: Mapping[str, Values]) -> Iterator[str]:
    """The labels, the most frequent of all manifests together first."""
    tables = [each["labels"] for each in values.values()]
    totals = {label: sum(table.get(label, 0) for table in tables) for table in tables for label in table}
    labels = [label for label, _ in in_order(totals)]
    shown = labels[:LABELS_SHOWN]
    title = f"Labels ({len(labels)})"
    width = max(map(display_width, [title, NO_LABEL, *shown]))
    columns = [max(len(name), 7) for name in values]
    yield (
        title
        + " " * (width - len(title))
        + "".join(f"   {name:>{column}}" for name, column in zip(values, columns, strict=True))
    )
    for label in shown:
        counts = "".join(f"   {table.get(label, 0):{column},}" for table, column in zip(tables, columns, strict=True))
        name = label or NO_LABEL
        yield name + " " * (width - display_width(name)) + counts
    if len(labels) > len(shown):
        yield f"… and {len(labels) - len(shown)} more"


def _character_rows(name: str, description: Description) -> Iterator[str]:
    characters = in_order(description.tally.characters)
    if characters:
        yield f"Characters of {name} ({len(characters):,})"
    for begin in range(0, min(len(characters), CHARACTERS_SHOWN), CHARACTERS_IN_ROW):
        row = characters[begin : begin + CHARACTERS_IN_ROW]
        yield "  " + "".join(_visible(each) + f" {count:<10,}" for each, count in row).rstrip()
    if len(characters) > CHARACTERS_SHOWN:
        yield f"  … and {len(characters) - CHARACTERS_SHOWN:,} more"


def _odd_character_rows(names: Sequence[str], descriptions: Sequence[Description]) -> Iterator[str]:
    """Characters of the first that are rare, and those that others have beyond it, with where to find them."""
    usual = descriptions[0].tally.characters
    for name, description in zip(names, descriptions, strict=True):
        own = description.tally.characters
        if description is descriptions[0]:
            odd, title = {each: n for each, n in own.items() if n <= RARE}, f"Rare in {name}"
        else:
            odd, title = {each: n for each, n in own.items() if each not in usual}, f"In {name}, not in {names[0]}"
        for each, count in in_order(odd)[:ODD_SHOWN]:
            code = f"U+{ord(each):04X} {unicodedata.name(each, 'without a name')}"
            first = printable(description.tally.first_with[each])
            yield f"{title}: {_visible(each)} {count}, {code}, first in {first}"
        if len(odd) > ODD_SHOWN:
            yield f"{title}: … and {len(odd) - ODD_SHOWN:,} more"


def _visible(character: str) -> str:
    # A mark alone would sit on the space before it.
    return "◌" + character if unicodedata.combining(character) else printable(character)
