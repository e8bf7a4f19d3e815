"""German read aloud: numbers with the endings that stand beside them, dates, times, units, abbreviations.

An ending that the words around do not tell surely ("1 Hund", "ein 3. Versuch") is left with its digits.
"""

import re

from num2words import num2words

from pyspeech.lang.reading import (
    GROUPED,
    UNREAD_ROMAN,
    UNREAD_SHORT,
    Rule,
    Rules,
    Say,
    amount,
    cardinal,
    one_by_one,
    roman,
    spaced_thousands,
    spelled_out,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ABBREVIATIONS = {
    "z. B.": "zum Beispiel", "d. h.": "das heißt", "i. d. R.": "in der Regel", "z. T.": "zum Teil",
    "u. U.": "unter Umständen", "v. a.": "vor allem", "s. o.": "siehe oben", "s. u.": "siehe unten",
    "m. E.": "meines Erachtens", "n. Chr.": "nach Christus", "v. Chr.": "vor Christus", "a. D.": "außer Dienst",
    "i. R.": "im Ruhestand", "i. A.": "im Auftrag", "u. Ä.": "und Ähnliches", "o. Ä.": "oder Ähnliches",
    "u. v. m.": "und vieles mehr", "z. Z.": "zurzeit", "z. Zt.": "zurzeit", "i. H. v.": "in Höhe von",
    "usw.": "und so weiter", "usf.": "und so fort", "etc.": "et cetera", "bzw.": "beziehungsweise", "ca.": "circa",
    "vgl.": "vergleiche", "evtl.": "eventuell", "ggf.": "gegebenenfalls", "inkl.": "inklusive", "exkl.": "exklusive",
    "zzgl.": "zuzüglich", "abzgl.": "abzüglich", "bspw.": "beispielsweise", "insb.": "insbesondere",
    "insbes.": "insbesondere", "mind.": "mindestens", "lt.": "laut", "tgl.": "täglich", "zzt.": "zurzeit",
    "Dr.": "Doktor", "Prof.": "Professor", "Dipl.-Ing.": "Diplomingenieur", "Ing.": "Ingenieur", "Nr.": "Nummer",
    "Nrn.": "Nummern", "Str.": "Straße", "Tel.": "Telefon", "Hrn.": "Herrn", "Hr.": "Herr", "Frl.": "Fräulein",
    "Bd.": "Band", "Abs.": "Absatz", "Abb.": "Abbildung", "Tab.": "Tabelle",
    "Jh.": "Jahrhundert", "Jhd.": "Jahrhundert", "Aufl.": "Auflage", "Hrsg.": "Herausgeber", "Hbf.": "Hauptbahnhof",
    "jr.": "junior", "sen.": "senior", "MwSt.": "Mehrwertsteuer",
}  # fmt: skip

# What is said in several ways, by what it stands beside.
UNSURE = ["u. a.", "e. V.", "sog.", "geb.", "gem.", "versch.", "allg.", "Art.", "Fr.", "St.", "max.", "min.", "ff."]
MONTHS = {
    "Jan.": "Januar", "Feb.": "Februar", "Febr.": "Februar", "Apr.": "April", "Aug.": "August", "Sep.": "September",
    "Sept.": "September", "Okt.": "Oktober", "Nov.": "November", "Dez.": "Dezember",
}  # fmt: skip
MONTH = "Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
WEEKDAYS = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag", "Sonnabend"]
# Nouns that are counted, by gender.
NOUNS = {
    "m": f"{MONTH}|{'|'.join(WEEKDAYS)}|Tag|Platz|Stock|Weltkrieg|Geburtstag|Bezirk|Satz|Akt|Jahrestag|Spieltag"
    "|Advent|Teil|Rang|Absatz|Versuch|Punkt|Monat|Abschnitt|Schritt|Sieg|Titel|Kreuzzug|Gang|Wahlgang|Preis|Todestag"
    "|Hochzeitstag|Feiertag|Weihnachtstag|Parteitag|Grad|König|Kaiser|Präsident|Bundespräsident|Kanzler|Bundeskanzler"
    "|Mann|Sohn|Artikel|Vers|Block|Lauf|Meter|Kilometer|Zentimeter|Millimeter|Liter|Euro|Cent|Dollar|Franken|Mensch",
    "f": "Klasse|Etage|Auflage|Liga|Bundesliga|Runde|Minute|Woche|Stunde|Person|Sinfonie|Symphonie|Reihe|Stufe|Tonne"
    "|Halbzeit|Instanz|Sitzung|Staffel|Folge|Ausgabe|Ehe|Frau|Tochter|Generation|Mannschaft|Stelle|Etappe|Sekunde"
    "|Republik|Dynastie|Armee|Division|Legislaturperiode|Hälfte|Schicht|Straße|Welle|Wahl|Seite|Zeile|Spalte|Mark"
    "|Million|Milliarde|Billion|Abteilung|Nummer|Strophe|Frage|Aufgabe|Stimme",
    "n": "Jahrhundert|Jahrtausend|Kapitel|Quartal|Semester|Lebensjahr|Jahr|Mal|Reich|Halbjahr|Obergeschoss|Viertel"
    "|Untergeschoss|Stockwerk|Schuljahr|Kind|Buch|Spiel|Tor|Drittel|Gebot|Regiment|Studienjahr|Treffen|Prozent|Gramm"
    "|Kilogramm|Kilo|Pfund|Promille|Stück|Haus|Zimmer",
}
GENDERS = {noun: gender for gender, nouns in NOUNS.items() for noun in nouns.split("|")}
# What is numbered: the number after it is a name, "Gleis 1", "Kapitel IV", and never said with an ending.
NUMBERED = _words(
    "Kapitel Gleis Nummer Seite Seiten Zimmer Platz Klasse Linie Tor Raum Teil Punkt Absatz Artikel Paragraf Paragrafen"
    " Akt Szene Stufe Hartz Phase Gruppe Abschnitt Satz Band Abbildung Tabelle Typ Liga Halle Haus Block Reihe Spalte"
    " Zeile Vers Ziffer Position Level Runde Version Kanal Bahn Los Terminal Straße Aufgabe Frage Variante Figur"
    " Psalm Opus Symphonie Sinfonie Modul Stück Übung Lektion Strophe Apollo"
)
SPELLED = [
    "Notruf ",
    "PIN ",
    "PIN: ",
    "PLZ ",
    "PLZ: ",
    "Postleitzahl ",
    "Durchwahl ",
    "Telefonnummer ",
]  # digit by digit
UNITS = {
    "km/h": ("m", "Kilometer pro Stunde"), "m/s": ("m", "Meter pro Sekunde"), "km²": ("m", "Quadratkilometer"),
    "m²": ("m", "Quadratmeter"), "cm²": ("m", "Quadratzentimeter"), "qm": ("m", "Quadratmeter"),
    "m³": ("m", "Kubikmeter"), "cm³": ("m", "Kubikzentimeter"), "km": ("m", "Kilometer"), "m": ("m", "Meter"),
    "cm": ("m", "Zentimeter"), "mm": ("m", "Millimeter"), "kg": ("n", "Kilogramm"), "g": ("n", "Gramm"),
    "mg": ("n", "Milligramm"), "t": ("f", "Tonne", "Tonnen"), "l": ("m", "Liter"), "ml": ("m", "Milliliter"),
    "cl": ("m", "Zentiliter"), "dl": ("m", "Deziliter"), "hl": ("m", "Hektoliter"), "ha": ("m", "Hektar"),
    "°C": ("n", "Grad Celsius"), "°F": ("n", "Grad Fahrenheit"), "°": ("n", "Grad"), "%": ("n", "Prozent"),
    "‰": ("n", "Promille"), "€": ("m", "Euro"), "EUR": ("m", "Euro"), "$": ("m", "Dollar"), "£": ("n", "Pfund"),
    "¥": ("m", "Yen"), "Ct": ("m", "Cent"), "ct": ("m", "Cent"), "CHF": ("m", "Franken"), "kW": ("n", "Kilowatt"),
    "MW": ("n", "Megawatt"), "kWh": ("f", "Kilowattstunde", "Kilowattstunden"), "Hz": ("n", "Hertz"),
    "kHz": ("n", "Kilohertz"), "MHz": ("n", "Megahertz"), "GHz": ("n", "Gigahertz"), "MB": ("n", "Megabyte"),
    "GB": ("n", "Gigabyte"), "TB": ("n", "Terabyte"), "kB": ("n", "Kilobyte"), "dB": ("n", "Dezibel"),
    "h": ("f", "Stunde", "Stunden"), "Std.": ("f", "Stunde", "Stunden"), "min": ("f", "Minute", "Minuten"),
    "Min.": ("f", "Minute", "Minuten"), "s": ("f", "Sekunde", "Sekunden"), "Sek.": ("f", "Sekunde", "Sekunden"),
    "Mio": ("f", "Million", "Millionen"), "Mrd": ("f", "Milliarde", "Milliarden"), "V": ("n", "Volt"),
    "ms": ("f", "Millisekunde", "Millisekunden"), "Mio.": ("f", "Million", "Millionen"),
    "Mrd.": ("f", "Milliarde", "Milliarden"), "kcal": ("f", "Kilokalorie", "Kilokalorien"),
}  # fmt: skip
CURRENCIES = {"€": ("Euro", "Cent"), "EUR": ("Euro", "Cent"), "$": ("Dollar", "Cent"), "£": ("Pfund", "Pence"),
              "CHF": ("Franken", "Rappen"), "DM": ("Mark", "Pfennig"), "Euro": ("Euro", "Cent"),
              "Dollar": ("Dollar", "Cent")}  # fmt: skip
# What the ordinal after a determiner ends in.
DETERMINERS = dict.fromkeys(_words("am vom zum im beim zur den dem des diesen diesem jeden jedem jenem jenen"), "n")
DETERMINERS |= dict.fromkeys(_words("das die jede diese ins ans aufs fürs durchs ums übers jedes dieses"), "")
DETERMINERS |= {
    stem + ending: "" if ending == "e" else "n"
    for stem in _words("ein kein mein dein sein ihr unser eur")
    for ending in _words("e em en es er")
}
EITHER = {"der", "dieser", "jeder"}  # masculine, or the dative of a feminine noun
BARE = {"ein", "kein", "mein", "dein", "sein", "ihr", "unser", "euer"}
DATIVE = _words("mit von bei zu aus nach seit ab gegenüber unter")
ACCUSATIVE = _words("für um ohne gegen durch pro bis kostet kosten kostete wiegt dauert dauerte misst zahlt")
ACCUSATIVE |= _words("zahlte zahlten zahlen bezahlt bezahlte bezahlen verdient spart sparen gibt hat habe")
PREPOSITIONS = DATIVE | {"in", "an", "auf", "vor", "hinter", "über", "neben", "zwischen", "während", "wegen", "trotz"}
PREPOSITIONS |= {"für", "um", "ohne", "gegen", "durch", "bis", "pro", "per", "je", "binnen", "innerhalb", "anhand"}
KINGS = _words(
    "Albert Albrecht Alexander August Benedikt Carlos Charles Christian Clemens Eduard Edward Ferdinand Franz"
    " Franziskus Friedrich Georg Gregor Gustav Harald Heinrich Innozenz Jakob Johannes Josef Joseph Karl Karol"
    " Klemens Konrad Leo Leopold Ludwig Maximilian Napoleon Nikolaus Otto Paul Peter Philipp Pius Ramses Richard"
    " Rudolf Urban Wilhelm"
)
QUEENS = _words("Elisabeth Elizabeth Katharina Margarethe Maria Isabella Christina Victoria Viktoria Johanna")
ROMAN_LETTERS = (1, 5, 10)  # whose numerals are letters of a name, too
TITLES = "König|Kaiser|Papst|Königin|Kaiserin|Zar|Zarin|Herzog|Fürst|Sultan|Queen"
NUMBER = rf"(?<![\d.,:/±])(?:{GROUPED})(?:,\d+)?(?![\d:/]|[.,]\d)"


def _say(number: str) -> str | None:
    return amount("de", number)


def _ordinal(number: int, ending: str) -> str:
    return str(num2words(number, lang="de", to="ordinal")) + ending


def _year(digits: str) -> str:
    return str(num2words(int(digits), lang="de", to="year"))


def _before(match: re.Match[str]) -> tuple[str, str]:
    """The two words before what is found, the nearest one last; empty where a clause begins."""
    preceding = re.search(
        r"(?:([^\W\d]+)[^\S\n]+)?([^\W\d]+)\s+$", match.string[max(0, match.start() - 60) : match.start()]
    )
    return (preceding[1] or "", preceding[2]) if preceding else ("", "")


def _begins(match: re.Match[str]) -> bool:
    """Whether a clause begins with what is found."""
    return not re.search(
        r"[\w\U000F0000-\U000FFFFD]\s*$|[/–-]$", match.string[max(0, match.start() - 9) : match.start()]
    )


def _ending(match: re.Match[str], noun: str) -> str | None:
    """What an ordinal before ``noun`` ends in, after "-te": "", "n", "r", "s"; None where that is not sure."""
    earlier, word = _before(match)
    last, gender = word.lower(), GENDERS.get(noun, "")
    if last in EITHER:
        if gender == "f":
            return "n"
        begins = word[0].isupper() or earlier in ("ist", "war", "wird", "wurde")
        return "n" if earlier.lower() in PREPOSITIONS and not gender else "" if gender == "m" or begins else None
    if last in BARE:
        return {"m": "r", "n": "s"}.get(gender)
    return DETERMINERS[last] if last in DETERMINERS else _ending_alone(match, last, noun)


def _ending_alone(match: re.Match[str], last: str, noun: str) -> str | None:
    """What an ordinal ends in that has no article."""
    gender = GENDERS.get(noun, "")
    strong = {"m": "r", "f": "", "n": "s"}.get(gender)
    if strong is None or _begins(match):
        return strong
    if last in PREPOSITIONS:
        bare = {"m": ("bis", "n"), "f": ("in mit aus zu von bei", "r")}.get(gender, ("", ""))
        return bare[1] if last in bare[0].split() else None
    capital = _before(match)[1][0].isupper()
    return strong if gender == "f" or (noun in MONTH.split("|") and (capital or last in ("ist", "war"))) else None


def _one(match: re.Match[str], gender: str) -> str | None:
    """The article that the number 1 is before a noun of ``gender``; None where its case is not sure."""
    _, word = _before(match)
    last = word.lower()
    if last in DATIVE:
        return {"m": "einem", "f": "einer", "n": "einem"}[gender]
    if gender == "m" and last in ACCUSATIVE:
        return "einen"
    if _begins(match) or (gender != "m" and (last in ACCUSATIVE or last not in PREPOSITIONS | DETERMINERS.keys())):
        return "eine" if gender == "f" else "ein"
    return None


# Dates and ordinals


def _date(match: re.Match[str]) -> str | None:
    day, month, year = match["day"], match["month"], match["year"] or ""
    ending = _ending(match, "Januar")
    if ending is None or not 1 <= int(day) <= 31 or not 1 <= int(month) <= 12:
        return None
    if len(year) == 2:
        year = cardinal("de", year) or ""
    return f"{_ordinal(int(day), ending)} {_ordinal(int(month), ending)} {_year(year) if year.isdigit() else year}"


def _ordinals(match: re.Match[str]) -> str | None:
    """One ordinal, or several of one ending: "am 3. und 4. Oktober"."""
    noun, last = (match["noun"] or "").strip(), _before(match)[1].lower()
    if not (last in DETERMINERS.keys() | BARE | EITHER or noun[:1].islower() or noun in GENDERS):
        # A number at the end of a sentence, or a place ("sie wurde Zweite, er kam als 3."); of a list; another ordinal.
        return None if last == "als" or (_begins(match) and match["noun"]) else match[0]
    ending = _ending(match, noun)
    if ending is None:
        return None
    said = re.sub(r"(?<=\.)\s?[–-]\s?", " bis ", match["numbers"])
    return re.sub(r"(\d+)\.", lambda number: _ordinal(int(number[1]), ending), said)


def _suffixed(match: re.Match[str]) -> str:
    return _ordinal(int(match[1]), match[2][-1] if match[2][-1] != "e" else "")


# Roman numerals


def _ruler(match: re.Match[str]) -> str | None:
    """A ruler's number, "Ludwig der Vierzehnte", in the case that the words before tell."""
    number, last = roman(match["numeral"]), _before(match)[1].lower()
    name = match["name"].rpartition(" ")[2]
    if not number:
        return match[0]
    if number in ROMAN_LETTERS and re.match(r"\s[A-ZÄÖÜ]", match.string[match.end() :]):
        return None  # or the initial of another name
    female, genitive = name in QUEENS, name not in KINGS | QUEENS
    if genitive or last in ("des", "dieses"):
        article, ending = ("der" if female else "des"), "n"
    elif last in DATIVE | {"dem"}:
        article, ending = ("der" if female else "dem"), "n"
    elif female and (_begins(match) or last in ACCUSATIVE):
        article, ending = "die", ""
    elif last in ACCUSATIVE | {"den"}:
        article, ending = "den", "n"
    elif _begins(match):
        article, ending = "der", ""
    else:
        return None
    return f"{match['name']} {article} {_ordinal(number, ending)}"


def _numbered(match: re.Match[str]) -> str | None:
    number = roman(match["numeral"])
    sure = number and match["noun"] in NUMBERED and match["numeral"] != "X"
    return f"{match['noun']} {number}" if sure else match[0]


def _roman_ordinal(match: re.Match[str]) -> str | None:
    number, last = roman(match[1]), _before(match)[1].lower()
    sure = match[2] in GENDERS or (number not in ROMAN_LETTERS and last in DETERMINERS.keys() | EITHER)
    return f"{number}." if number and sure else match[0]


# Times, money, units


def _time(match: re.Match[str]) -> str | None:
    hour, minute, clock = int(match["hour"]), int(match["minute"] or 0), match["clock"]
    if hour > 24 or minute > 59:
        return None
    if not clock and _before(match)[1].lower() not in ("um", "ab", "bis", "gegen", "von", "vor", "nach", "seit"):
        return None
    said = f"{'ein' if hour == 1 else cardinal('de', str(hour))} Uhr"
    return f"{said} {cardinal('de', str(minute))}" if minute else said


def _from(match: re.Match[str]) -> str | None:
    said = _time(match) if match["minute"] else cardinal("de", match["hour"])
    return f"{said} bis " if said else None


def _weekday(match: re.Match[str]) -> str:
    return f"{next(day for day in WEEKDAYS if day.startswith(match[1]))}{' bis ' if match[2] else ''}"


def _score(match: re.Match[str]) -> str:
    return f"{cardinal('de', match[1])} zu {_say(match[2])}"


def _money(match: re.Match[str]) -> str | None:
    unit, part = CURRENCIES[match["unit"] or match["sign"]]
    whole, cents = match["whole"], int(match["cents"] or 0)
    per = f" pro {UNITS[match['per']][1]}" if match["per"] else ""
    if int(re.sub(r"\D", "", whole)) == 0 and cents > 1:
        return f"{cardinal('de', str(cents))} {part}{per}"
    said = _one(match, {"Pfund": "n", "Mark": "f"}.get(unit, "m")) if whole == "1" else _say(whole)
    if said is None:
        return None
    return f"{said} {unit} {cardinal('de', str(cents)) if cents else ''}{per}"


def _unit(match: re.Match[str]) -> str | None:
    gender, one, *more = UNITS[match["unit"]]
    several = more[0] if more else one
    number = match["number"]
    said = _one(match, gender) if number == "1" else _say(number)
    if said is None:
        return None
    per = f"pro {UNITS[match['per']][1]}" if match["per"] else ""
    stop = (
        "." if match["unit"][-1] == "." and re.match(r"\s+[A-ZÄÖÜ]\w+\s[a-zäöü]", match.string[match.end() :]) else ""
    )
    if match["unit"][:3] in ("Mio", "Mrd"):
        stop, per = "", per or {"€": "Euro", "$": "Dollar"}.get(match["currency"] or "", match["currency"] or "")
    elif match["currency"]:
        return None
    return f"{said} {one if number == '1' else several} {per}{stop}"


def _percentage(match: re.Match[str]) -> str | None:
    said = _say(match[1])
    return f"{'ein' if match[1] == '1' else said}prozentig{match[2]}" if said and "," not in match[1] else None


# Other numbers


def _compound(match: re.Match[str]) -> str | None:
    """An adjective or a noun that begins with a number: 5-jährig, 3-fach, 80er."""
    number, rest = match[1], match[2]
    if rest.startswith("er"):
        stem = "eins" if number == "1" else _year(number) if 1100 <= int(number) < 2000 else _say(number)
        return f"{stem}{rest}" if stem else None
    stem = "ein" if number == "1" else _say(number)
    return f"{stem}{rest.lower()}" if stem else None


def _halves(match: re.Match[str]) -> str | None:
    if match[1]:
        return f"{'ein' if match[1] == '1' else _say(match[1])}einhalb" if match[2] == "½" else None
    return {"¼": "ein Viertel", "¾": "drei Viertel"}.get(match[2])


def _fraction(match: re.Match[str]) -> str | None:
    above, below = int(match[1]), int(match[2])
    parts = {3: "Drittel", 4: "Viertel", 5: "Fünftel", 6: "Sechstel", 8: "Achtel", 10: "Zehntel"}
    if not 0 < above < below or below not in parts or _before(match)[1] in NUMBERED | {"Straße"}:
        return None
    if above == 1:
        return f"{_one(match, 'n')} {parts[below]}" if _one(match, "n") else None
    return f"{cardinal('de', str(above))} {parts[below]}"


def _range(match: re.Match[str]) -> str | None:
    first, second = match[1], match[2]
    low, high = (float(re.sub(r"[^\d,]", "", number).replace(",", ".")) for number in (first, second))
    if low >= high or (first[0] == "0" and first[1:2].isdigit()):
        return None
    noun = re.match(r"\s*(?:[%€$°]|[^\W\d])", match.string[match.end(2) :])
    if first == "1" and noun and _before(match)[1] not in NUMBERED:
        said: str | None = "ein"
    else:
        said = _year(first) if re.fullmatch("1[1-9]\\d\\d", first) and re.fullmatch("\\d{4}", second) else _say(first)
    return f"{said} bis {second}" if said else None


def _plain(match: re.Match[str]) -> str | None:
    """A cardinal. What may be a year is said in hundreds, which is right of anything that is counted, too."""
    number, after = match["number"], match["after"] or ""
    _, word = _before(match)
    if number == "1" and after.strip():
        noun = after.strip()
        if word in NUMBERED:
            said: str | None = "eins"
        elif noun == "Uhr":
            said = "ein"
        else:
            said = _one(match, GENDERS[noun]) if noun in GENDERS else None
        return f"{said}{after}" if said else None
    if re.fullmatch(r"\d{5}", number) and re.match(r"\s+[A-ZÄÖÜ]", match.string[match.end("number") :]):
        return None  # a postal code is said in another way than a count
    said = _year(number) if re.fullmatch(r"1[1-9]\d\d", number) else _say(number)
    return f"{said}{after}" if said else None


def _letters(match: re.Match[str]) -> str | None:
    """Letters and a short number: B2, 5b, CO2."""
    return " ".join(_say(part) or part if part.isdigit() else part for part in re.findall(r"\d+|\D+", match[0]))


def _phone(match: re.Match[str]) -> str | None:
    digits = re.sub(r"\D", "", match[0])
    return (
        f"{'plus ' if match[0].startswith(('+', '(+')) else ''}{one_by_one('de', digits)}" if len(digits) > 5 else None
    )


def _paragraph(match: re.Match[str]) -> str:
    several = len(match[1]) > 1 or _before(match)[1].lower() in ("des", "dem", "den")
    return f"{'Paragrafen' if several else 'Paragraf'} "


def _any_of(words: dict[str, tuple[str, ...]]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _rule(pattern: str, say: Say) -> Rule:
    return re.compile(pattern), say


_DATE = r"(?<!\d)\d{1,2}\.\s?\d{1,2}\.(?:\d{4}|\d\d)?"
_WHOLE = rf"(?<![\d.,:/])(?P<whole>{GROUPED})"
_PER = rf"(?:\s?/\s?(?P<per>{_any_of(UNITS)}))?"
_CURRENCY = "|".join(re.escape(word) for word in CURRENCIES)
_ABBREVIATED: tuple[Rule, ...] = (
    # Abbreviations
    _rule(rf"(?<=\d\.)\s?({'|'.join(map(re.escape, MONTHS))})", lambda match: f" {MONTHS[match[1]]}"),
    _rule(rf"(?<!\w)({'|'.join(map(re.escape, MONTHS))})(?=\s\d)", lambda match: MONTHS[match[1]]),
    _rule(r"(Abs\.\s?\d+\s)S\.", lambda match: f"{match[1]}Satz"),
    _rule(r"(?<!\w)S\.\s?(?=\d)", lambda _: "Seite "),
    _rule(r"(?<!\w)(des \d+\.\s)Jhd?\.", lambda match: f"{match[1]}Jahrhunderts"),
    _rule(r"(?<!\w)Kap\.\s?(?=\d|[IVX])", lambda _: "Kapitel "),
    _rule(r"(?<!\w)Abt\.\s?(?=\d)", lambda _: "Abteilung "),
    _rule(r"(?<!\w)Art\.\s?(?=\d)", lambda _: "Artikel "),
    _rule(r"(?<!\w)Fr\.(?=\s[A-ZÄÖÜ][a-zäöü])", lambda _: "Frau "),
    _rule(r"(?<!\w)St\.(?=[\s-][A-ZÄÖÜ][a-zäöü])", lambda _: "Sankt "),
    _rule(r"(?<!\w)geb\.(?=\s(?:am\s|in\s|\d))", lambda _: "geboren "),
    _rule(r"(?<!\w)max\.(?=\s\d)", lambda _: "maximal "),
    _rule(r"(?<!\w)min\.(?=\s\d)", lambda _: "minimal "),
    _rule(r"(?<!\w)u\.\s?a\.(?=\s\w)", lambda _: "unter anderem "),
    _rule(r"(\w+s)tr\.(?=\s|,|$)", lambda match: f"{match[1]}traße"),
    _rule(
        r"(?<!\w)(Mo|Di|Mi|Do|Fr|Sa|So)\.(?:(?=,\s\d|\s\d[\d:.]*\s?(?:[–-]\s?\d[\d:.]*\s)?Uhr)|(\s?[–-]\s?)(?=[A-Z][a-z]\.))",
        _weekday,
    ),
    *spelled_out(ABBREVIATIONS),
    _rule(rf"(?<![\w.])(?:{'|'.join(re.escape(short) for short in UNSURE)})".replace(r"\ ", " ?"), lambda _: None),
    _rule(r"(?<!\d\s)(?<!\w)Mio\b\.?", lambda _: "Millionen"),
    _rule(r"(?<!\d\s)(?<!\w)Mrd\b\.?", lambda _: "Milliarden"),
    _rule(r"(?<![\d/]\s)(?<![\w/])(?:k[mW]/h|[kc]?m[²³]|k[mg]|[cm]m|[km]W|kWh)(?!\w)", lambda _: None),
    UNREAD_SHORT,
)
_ROMAN: tuple[Rule, ...] = (
    _rule(
        rf"\b(?P<name>(?:(?:{TITLES}) )?(?:(?:{'|'.join(KINGS)}) )?(?:{'|'.join(KINGS | QUEENS)})s?) "
        r"(?P<numeral>[IVX]+)\b\.?(?![-'’])",
        _ruler,
    ),
    _rule(r"\b(?P<noun>[A-ZÄÖÜ][a-zäöü]+) (?P<numeral>[IVX]+)\b(?!\.\s[A-ZÄÖÜ]\w+\b(?=\s[a-z])|['’-])", _numbered),
    _rule(r"(?<![\w.])([IVX]+)\.(?=\s([A-ZÄÖÜ][a-zäöüß]+))", _roman_ordinal),
    UNREAD_ROMAN,
)
_NUMBERS: tuple[Rule, ...] = (
    # Dates, times, telephones
    _rule(r"(?:\b[A-Z]{2}\d\d )?(?<!\d)\d{4}(?: \d{2,4}){2,}", lambda _: None),  # of a bank or a card
    _rule(rf"(?:(?<={')|(?<='.join(SPELLED)}))\d+(?![.,:/]?\d)", lambda match: one_by_one("de", match[0])),
    _rule(r"(?<!\w)\(?(?:\+\d{2}|0\d{1,4})\)?(?:\s?[/-]\s?| )\(?0?\)?\d[\d /-]{2,}\d(?![\d.,])", _phone),
    _rule(rf"{_DATE}\s?[–-]\s?{_DATE}", lambda _: None),
    _rule(r"(?<![\d.,])(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4}|\d\d)?(?![\d.,]*\d)", _date),
    _rule(r"(?<![\d.,:])(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))?\s?[–-]\s?"
          r"(?=\d{1,2}(?:[:.]\d\d)? (?P<clock>Uhr)\b)", _from),
    _rule(r"(?<![\d.,:])(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))? ?(?P<clock>Uhr)\b", _time),
    _rule(r"(?<![\d.,:])(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?P<clock>)(?![\d:]|[.,]\d| h\b)", _time),
    _rule(r"(?<![\d.,:])(\d{1,3}):(\d|\d{1,3}(?:\.\d{3})+|\d{3,})(?![\d:.,]*\d)", _score),
    # Ordinals
    _rule(
        r"(?<![\d.,:/])(?P<numbers>(?:\d{1,4}\.(?:\s?[–/-]\s?|,\s|\s(?:und|oder|bis|sowie)\s))*\d{1,4}\.)"
        r"(?!\w)(?=(?P<noun>\s+[^\W\d]+|))",
        _ordinals,
    ),
    _rule(r"(?<![\d.,:/])(\d{1,4})-?((?:te|ste)[nrsm]?)\b", _suffixed),
    # Other shapes
    _rule(r"(§§?)\s?(?=\d)", _paragraph),
    _rule(r"(?<=\s)&(?=\s)", lambda _: "und"),
    _rule(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d.,]*\d)", spaced_thousands),
    _rule(r"(\d*)\s?([½¼¾])", _halves),
    _rule(r"(?<![\d.,/])(\d{1,2})/(\d{1,2})(?![\d/]|[.,]\d)", _fraction),
    _rule(rf"({NUMBER})\s?[–-]\s?({NUMBER})(?!\s?[–-]\s?\d)", _range),
    _rule(r"(?<=\d)\s?\+\s?(?=\d)|(?:(?<=\s)|^)\+(?=\d)", lambda _: "plus"),
    _rule(r"(?<=\d)\s?[x×]\s?(?=\d)", lambda _: "mal"),
    _rule(r"(?<=\d)\s?=\s?(?=\d)", lambda _: "gleich"),
    _rule(r"(?<=\d)\s?−\s?(?=\d)|(?:(?<=\s)|^)[−–-](?=\d)", lambda _: "minus"),
    # Money and units
    _rule(rf"{_WHOLE}(?:,(?P<cents>\d\d)|[.,][-–—]+)?\s?(?P<unit>{_CURRENCY}){_PER}(?![\w/])(?P<sign>)", _money),
    _rule(rf"(?P<sign>[€$£])\s?{_WHOLE}(?:,(?P<cents>\d\d)|[.,][-–—]+)?(?P<unit>){_PER}(?![\w/]|[.,]\d)", _money),
    _rule(rf"({GROUPED})\s?-?%-?ig(\w*)", _percentage),
    _rule(
        rf"(?P<number>{NUMBER})\s?(?P<unit>{_any_of(UNITS)}){_PER}"
        r"(?:\s(?P<currency>[€$]))?(?![\w/²³])",
        _unit,
    ),
    # What is left of numbers
    _rule(r"(?<![\w.,:/-])(\d{1,4})-?((?:[Jj]ährig|fach|mal|stündig|tägig|wöchig|monatig|köpfig|türig|seitig|stellig|teilig"
          r"|stöckig|stufig|minütig|prozentig|spurig)\w*|ern?\b)", _compound),
    _rule(r"(?<![\w.,:/-])(\d{1,2})x(?![\w])", lambda match: f"{'ein' if match[1] == '1' else _say(match[1])}mal"),
    _rule(r"\b[A-ZÄÖÜ]{1,3}\d{1,2}[a-zA-Z]?\b|(?<![\w.,:/])\d{1,3}[a-z]\b", _letters),
    _rule(rf"(?P<number>{NUMBER})(?P<after> [^\W\d]+)?(?!\w|\.\s?\d)", _plain),
)  # fmt: skip
RULES = Rules(_ABBREVIATED, _ROMAN, _NUMBERS)
