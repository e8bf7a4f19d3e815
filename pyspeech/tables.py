"""How wide text is on a terminal, so that columns line up."""

import unicodedata


def display_width(text: str) -> int:
    """Columns that ``text`` takes on a terminal: two for wide characters, none for combining marks."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )
