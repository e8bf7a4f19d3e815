"""French, Spanish, Italian, Portuguese and Dutch read aloud: what of numbers, money and units is said in one way.

A number whose form goes by the noun after it ("21 personas") is left with its digits, and so are dates in digits.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

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
    plain_number,
    roman,
    spaced_number,
    spaced_thousands,
    spelled_out,
)

NEVER = "(?!)"
QUEENS = {"Isabel", "Elisabetta", "Élisabeth"}
_FRENCH_TITLES = {"Mme": "madame", "Mmes": "mesdames", "Mlle": "mademoiselle"}


@dataclass(frozen=True)
class Money:
    """A currency: one and several of it, the word before its parts, without which they have no name, and theirs."""

    one: str
    several: str
    between: str
    parts: str


@dataclass(frozen=True)
class Table:
    """How one language says numbers.

    Args:
        converter: The language of num2words.
        point: The decimal mark.
        words: For "&" between blanks, "%" after a number and "-" before one.
        money: By symbol.
        units: One and several of each, all masculine.
        abbreviations: What is said for each.
        by_noun: Digits of numbers whose form goes by the gender of the noun after them.
        year_cues: Words before a year, which goes by no noun.
        before_noun: Endings of masculine numbers before their noun, and what they become there.
        one_below_two: Whether all amounts below two are one of a unit.
        of_millions: Whether whole millions have a word between them and what is counted.
        titles: Abbreviations without a full stop.
        roman: Numerals of rulers and centuries.
        rules: What is read before all other numbers.
    """

    converter: str
    point: str
    words: Mapping[str, str]
    money: Mapping[str, Money]
    units: Mapping[str, tuple[str, str]]
    abbreviations: Mapping[str, str]
    by_noun: str = NEVER
    year_cues: str = NEVER
    before_noun: tuple[tuple[str, str], ...] = ()
    one_below_two: bool = False
    of_millions: bool = True
    titles: tuple[Rule, ...] = ()
    roman: tuple[Rule, ...] = ()
    rules: tuple[Rule, ...] = ()


def number(table: Table, digits: str) -> str | None:
    """The words for a number as it is written, in its masculine form."""
    said = amount(table.converter, digits, ",", table.point)
    if said and table.converter == "es":
        said = said.replace("veintiuno mil", "veintiún mil").replace("uno mil", "un mil")
    if said and table.converter == "nl":
        whole = re.sub(r"\D", "", digits.partition(",")[0])
        if re.fullmatch(r"1[1-9]\d\d", whole):  # years and all that is counted
            rest = int(whole[2:])
            hundreds = f"{cardinal('nl', whole[:2])}honderd{cardinal('nl', str(rest)) if rest else ''}"
            said = said.replace(cardinal("nl", whole) or "", hundreds)
        said = re.sub(r"(?<=\w)één", "een", said)
    return said


def counted(table: Table, digits: str) -> str | None:
    """A number before a masculine noun; None where the language puts another word between them."""
    whole, _, part = digits.partition(",")
    if table.of_millions and not part and re.search(r"(?<!\d)[1-9]\d*0{6}$", re.sub(r"\D", "", whole)):
        return None
    said = number(table, digits)
    for ending, instead in table.before_noun:
        if said and not part and re.search(rf"\b{ending}$", said):
            return re.sub(rf"{ending}$", instead, said)
    return said


def ordinal(converter: str, number_: int, feminine: bool = False) -> str:
    """An ordinal, masculine or feminine."""
    said = str(num2words(number_, lang=converter, to="ordinal"))
    if not feminine:
        return said
    return "première" if said == "premier" else re.sub(r"o\b", "a", said)


def rules_of(table: Table) -> Rules:
    """The rules of a table, in their order."""
    whole = rf"(?P<whole>{GROUPED})"
    group = rf"(?<![\w.,:/'-]){whole}"
    money = "|".join(map(re.escape, table.money))
    units = "|".join(re.escape(unit) for unit in sorted(table.units, key=len, reverse=True))
    numbers = (
        *table.rules,
        _rule(spaced_number(), spaced_thousands),
        _rule(r"(?<=\s)&(?=\s)", lambda _: table.words["&"]),
        _rule(r"(?:(?<=\s)|^)[−–-](?=\d)", lambda _: table.words["-"]),
        _rule(rf"{group}(?:,(?P<cents>\d\d))?\s?(?P<sign>{money})(?![\w/])", partial(_money, table)),
        _rule(rf"(?P<sign>{money})\s?{whole}(?:,(?P<cents>\d\d))?(?![\w/]|[.,]\d)", partial(_money, table)),
        _rule(rf"{group}(?P<part>,\d+)?\s?(?P<unit>{units})(?![\w/²³]|-\w)", partial(_unit, table)),
        _rule(rf"{group}(?P<part>,\d+)?\s?%(?!\w)", partial(_percent, table)),
        _rule(plain_number(","), partial(_plain, table)),
    )
    return Rules(
        (*spelled_out(table.abbreviations), *table.titles, UNREAD_SHORT), (*table.roman, UNREAD_ROMAN), numbers
    )


def _money(table: Table, match: re.Match[str]) -> str | None:
    money, whole, cents = table.money[match["sign"]], match["whole"], int(match["cents"] or 0)
    if cents == 1 or (cents and not money.parts):
        return None
    parts = counted(table, str(cents))
    if not int(re.sub(r"\D", "", whole)) and cents:
        return f"{parts} {money.parts}"
    said = counted(table, whole)
    if said is None:
        return None
    unit = money.one if whole == "1" or (whole == "0" and table.one_below_two) else money.several
    with_parts = f"{money.between} {parts} {money.parts if money.between else ''}"
    return f"{said} {unit} {with_parts if cents else ''}"


def _unit(table: Table, match: re.Match[str]) -> str | None:
    whole, part = match["whole"], match["part"] or ""
    said = counted(table, whole + part)
    one, several = table.units[match["unit"]]
    single = (whole == "1" and not part) or (table.one_below_two and int(re.sub(r"\D", "", whole)) < 2)
    return f"{said} {one if single else several}" if said else None


def _percent(table: Table, match: re.Match[str]) -> str | None:
    said = counted(table, match["whole"] + (match["part"] or ""))
    return f"{said} {table.words['%']}" if said else None


def _plain(table: Table, match: re.Match[str]) -> str | None:
    digits, text = match[0], match.string
    noun = re.match(r"\s+[^\W\d]", text[match.end() :])
    if noun and "," not in digits and re.search(table.by_noun, re.sub(r"\D", "", digits)):
        year = re.fullmatch(r"1[1-9]\d\d|20\d\d", digits)
        if not (
            year and re.search(rf"(?i)\b(?:{table.year_cues})\s+$", text[max(0, match.start() - 20) : match.start()])
        ):
            return None
    return number(table, digits)


def _rule(pattern: str, say: Say) -> Rule:
    return re.compile(pattern), say


def _ordinal_of(converter: str, feminine: bool, match: re.Match[str]) -> str | None:
    value = int(match[1]) if match[1].isdigit() else roman(match[1])
    return ordinal(converter, value, feminine) if value else match[0]


def _ruler(converter: str, up_to: int, of: str, match: re.Match[str]) -> str | None:
    """A ruler's or a century's number: an ordinal up to ``up_to``, then a cardinal."""
    value = roman(match[2])
    if not value:
        return match[0]
    said = ordinal(converter, value, match[1] in QUEENS) if value <= up_to else cardinal(converter, str(value))
    return f"{match[1]} {of}{said}"


def _ruled(names: str, say: Say) -> Rule:
    return _rule(rf"\b({names}) ([IVX]+)\b(?!['’-])", say)


def _french_time(converter: str, match: re.Match[str]) -> str | None:
    hour, minute = int(match[1]), int(match[2] or 0)
    if hour > 24:
        return None
    said = re.sub(r"\bun$", "une", f"{cardinal(converter, str(hour))}")
    minutes = re.sub(r"\bun$", "une", f"{cardinal(converter, str(minute))}") if minute else ""
    return f"{said} {'heure' if hour < 2 else 'heures'} {minutes}"


def _dutch_time(match: re.Match[str]) -> str | None:
    hour, minute = int(match[1]), int(match[2] or 0)
    return None if hour > 24 else f"{cardinal('nl', str(hour))} uur {cardinal('nl', str(minute)) if minute else ''}"


def _french(converter: str) -> Table:
    return Table(
        converter,
        "virgule",
        {"&": "et", "%": "pour cent", "-": "moins"},
        {"€": Money("euro", "euros", "", "centimes"), "$": Money("dollar", "dollars", "", "")},
        {
            "km/h": ("kilomètre à l'heure", "kilomètres à l'heure"), "km": ("kilomètre", "kilomètres"),
            "m": ("mètre", "mètres"), "cm": ("centimètre", "centimètres"), "mm": ("millimètre", "millimètres"),
            "kg": ("kilogramme", "kilogrammes"), "g": ("gramme", "grammes"), "l": ("litre", "litres"),
            "°C": ("degré Celsius", "degrés Celsius"),
        },
        {
            "M.": "monsieur", "MM.": "messieurs",
            "p. ex.": "par exemple", "c.-à-d.": "c'est-à-dire", "etc.": "et cetera", "av. J.-C.": "avant Jésus-Christ",
            "apr. J.-C.": "après Jésus-Christ", "env.": "environ",
        },
        by_noun=r"(?:^|[^1])1$",
        year_cues="en|de|depuis|année|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre",
        one_below_two=True,
        titles=(
            _rule(r"\b(Mmes?|Mlle)\b", lambda match: _FRENCH_TITLES[match[1]]),
        ),
        roman=(
            _rule(r"\b([IVX]+)(?:e|ème)\b", partial(_ordinal_of, converter, False)),
            _rule(r"(?<=[a-zé] )I(er)\b", lambda _: "premier"),
            _ruled("Louis|Henri|Charles|François|Napoléon|Philippe|Jean-Paul|Benoît|Pie|Léon|Jacques|Georges"
                   "|Édouard|Élisabeth",
                   partial(_ruler, converter, 1, "")),
        ),
        rules=(
            _rule(r"(?<!\w)[nN]°\s?(?=\d)", lambda _: "numéro"),
            _rule(r"(?<![\d.,:])(\d{1,2})\s?h\s?([0-5]\d)?(?!\w)", partial(_french_time, converter)),
            _rule(r"(?<![\w.,])(1)er\b", partial(_ordinal_of, converter, False)),
            _rule(r"(?<![\w.,])(1)(?:re|ère)\b", partial(_ordinal_of, converter, True)),
            _rule(r"(?<![\w.,])(\d+)(?:e|ème)\b", partial(_ordinal_of, converter, False)),
        ),
    )  # fmt: skip


def _spanish() -> Table:
    return Table(
        "es",
        "coma",
        {"&": "y", "%": "por ciento", "-": "menos"},
        {"€": Money("euro", "euros", "con", "céntimos")},
        {
            "km/h": ("kilómetro por hora", "kilómetros por hora"), "km": ("kilómetro", "kilómetros"),
            "m": ("metro", "metros"), "cm": ("centímetro", "centímetros"), "mm": ("milímetro", "milímetros"),
            "kg": ("kilogramo", "kilogramos"), "g": ("gramo", "gramos"), "l": ("litro", "litros"),
            "°C": ("grado Celsius", "grados Celsius"),
        },
        {
            "Sr.": "señor", "Sra.": "señora", "Sres.": "señores", "Srta.": "señorita", "Dr.": "doctor",
            "Dra.": "doctora",
            "Ud.": "usted", "Uds.": "ustedes", "Vd.": "usted", "p. ej.": "por ejemplo", "pág.": "página",
            "núm.": "número",
            "EE. UU.": "Estados Unidos", "etc.": "etcétera", "a. C.": "antes de Cristo", "d. C.": "después de Cristo",
        },
        # One, and hundreds from two on, have a gender.
        by_noun=r"(?:^|[^1])1$|[2-9]\d\d$|[2-9]\d\d\d\d\d$",
        year_cues="en|de|del|año|desde|hasta",
        before_noun=(("veintiuno", "veintiún"), ("uno", "un")),
        rules=(
            _rule(r"(?<!\w)[nN]\.?º\s?(?=\d)", lambda _: "número"),
            _rule(r"(?<![\w.,])([1-9]|10)\.?º", partial(_ordinal_of, "es", False)),
            _rule(r"(?<![\w.,])([1-9]|10)\.?ª", partial(_ordinal_of, "es", True)),
            _rule(r"(?<![\w.,])([13])\.?er\b", lambda match: {"1": "primer", "3": "tercer"}[match[1]]),
        ),
        roman=(
            _ruled("Felipe|Carlos|Alfonso|Fernando|Isabel|Enrique|Luis|Pío|Benedicto|León|Napoleón|Pablo|Pedro|Jaime",
                   partial(_ruler, "es", 10, "")),
            _rule(r"\b(siglo) (X[IV]+X?|XX[IV]*)\b", partial(_ruler, "es", 0, "")),
        ),
    )  # fmt: skip


def _italian() -> Table:
    return Table(
        "it",
        "virgola",
        {"&": "e", "%": "per cento", "-": "meno"},
        {"€": Money("euro", "euro", "e", "centesimi"), "$": Money("dollaro", "dollari", "", "")},
        {
            "km/h": ("chilometro all'ora", "chilometri all'ora"), "km": ("chilometro", "chilometri"),
            "m": ("metro", "metri"), "cm": ("centimetro", "centimetri"), "mm": ("millimetro", "millimetri"),
            "kg": ("chilogrammo", "chilogrammi"), "g": ("grammo", "grammi"), "l": ("litro", "litri"),
            "°C": ("grado Celsius", "gradi Celsius"),
        },
        {
            "Sig.": "signor", "Sig.ra": "signora", "Dott.": "dottor", "Dott.ssa": "dottoressa", "Prof.": "professor",
            "Prof.ssa": "professoressa", "ecc.": "eccetera", "p. es.": "per esempio", "ad es.": "ad esempio",
            "pag.": "pagina", "a. C.": "avanti Cristo", "d. C.": "dopo Cristo", "ca.": "circa",
        },
        by_noun=r"^1$",
        before_noun=(("uno", "un"),),
        rules=(
            _rule(r"(?<!\w)n\.\s?(?=\d)", lambda _: "numero"),
            _rule(r"(?<![\w.,])(\d{1,3})[º°](?![\sCF])", partial(_ordinal_of, "it", False)),
            _rule(r"(?<![\w.,])(\d{1,3})º", partial(_ordinal_of, "it", False)),
            _rule(r"(?<![\w.,])(\d{1,3})ª", partial(_ordinal_of, "it", True)),
        ),
        roman=(
            _ruled("Carlo|Luigi|Giovanni|Paolo|Pio|Leone|Benedetto|Umberto|Enrico|Federico|Napoleone|Filippo|Ferdinando"
                   "|Emanuele|Elisabetta|secolo", partial(_ruler, "it", 100, "")),
            _rule(r"\b([IVX]+)(?= secolo\b)", partial(_ordinal_of, "it", False)),
        ),
    )  # fmt: skip


_PORTUGUESE_UNITS = {
    "m": ("metro", "metros"), "cm": ("centímetro", "centímetros"), "mm": ("milímetro", "milímetros"),
    "kg": ("quilograma", "quilogramas"), "g": ("grama", "gramas"), "l": ("litro", "litros"),
    "°C": ("grau Celsius", "graus Celsius"),
}  # fmt: skip
_PORTUGUESE_ABBREVIATIONS = {
    "Sr.": "senhor", "Sra.": "senhora", "Dr.": "doutor", "Dra.": "doutora", "Prof.": "professor", "pág.": "página",
    "Profa.": "professora", "p. ex.": "por exemplo", "etc.": "et cetera", "a. C.": "antes de Cristo",
    "d. C.": "depois de Cristo",
}  # fmt: skip


def _portuguese(converter: str, kilometre: str, money: Mapping[str, Money]) -> Table:
    return Table(
        converter,
        "vírgula",
        {"&": "e", "%": "por cento", "-": "menos"},
        money,
        {"km/h": (f"{kilometre} por hora", f"{kilometre}s por hora"), "km": (kilometre, f"{kilometre}s")}
        | _PORTUGUESE_UNITS,
        _PORTUGUESE_ABBREVIATIONS,
        # One, two, and hundreds from two on, have a gender.
        by_noun=r"(?:^|[^1])[12]$|[2-9]\d\d$|[2-9]\d\d\d\d\d$|(?:^|[^1])2\d\d\d$",
        year_cues="em|de|ano|desde|até",
        rules=(
            _rule(r"(?<!\w)[nN]\.?º\s?(?=\d)", lambda _: "número"),
            _rule(r"(?<![\w.,])([1-9]\d?)\.?º", partial(_ordinal_of, converter, False)),
            _rule(r"(?<![\w.,])([1-9]\d?)\.?ª", partial(_ordinal_of, converter, True)),
        ),
        roman=(
            _ruled(
                "João|Pedro|Luís|Carlos|Manuel|Filipe|Bento|Pio|Henrique|Afonso|Isabel|Paulo|Napoleão|século",
                partial(_ruler, converter, 10, ""),
            ),
        ),
    )


def _dutch() -> Table:
    return Table(
        "nl",
        "komma",
        {"&": "en", "%": "procent", "-": "min"},
        {"€": Money("euro", "euro", "", "cent"), "$": Money("dollar", "dollar", "", "cent")},
        {
            "km/h": ("kilometer per uur", "kilometer per uur"), "km": ("kilometer", "kilometer"),
            "m": ("meter", "meter"),
            "cm": ("centimeter", "centimeter"), "mm": ("millimeter", "millimeter"), "kg": ("kilogram", "kilogram"),
            "g": ("gram", "gram"), "l": ("liter", "liter"), "°C": ("graad Celsius", "graden Celsius"),
        },
        {
            "dhr.": "de heer", "mevr.": "mevrouw", "mw.": "mevrouw", "dr.": "doctor", "drs.": "doctorandus",
            "prof.": "professor", "bijv.": "bijvoorbeeld", "bv.": "bijvoorbeeld", "d.w.z.": "dat wil zeggen",
            "enz.": "enzovoort", "o.a.": "onder andere", "ca.": "circa", "nr.": "nummer", "blz.": "bladzijde",
            "t.o.v.": "ten opzichte van", "m.b.t.": "met betrekking tot", "i.v.m.": "in verband met",
            "a.u.b.": "alstublieft", "v.Chr.": "voor Christus", "n.Chr.": "na Christus", "incl.": "inclusief",
            "excl.": "exclusief", "mln.": "miljoen", "mld.": "miljard",
        },
        of_millions=False,
        titles=(_rule(r"(?<!\w)t/m(?!\w)", lambda _: "tot en met"),),
        rules=(
            _rule(r"(?<![\d.,:])(\d{1,2})(?:[.:]([0-5]\d))? uur\b", _dutch_time),
            _rule(r"(?<![\w.,])(\d{1,3})(?:ste|de|e)\b", partial(_ordinal_of, "nl", False)),
        ),
        roman=(
            _ruled("Willem|Lodewijk|Karel|Hendrik|Filips|Frederik|Napoleon|Paulus|Elizabeth|Leopold|Albert|Boudewijn",
                   partial(_ruler, "nl", 100, "de ")),
        ),
    )  # fmt: skip


_TABLES: dict[str, Callable[[], Table]] = {
    **{name: partial(_french, name) for name in ("fr", "fr_BE", "fr_CH")},
    "es": _spanish,
    "it": _italian,
    "pt": partial(_portuguese, "pt", "quilómetro", {"€": Money("euro", "euros", "e", "cêntimos")}),
    "pt_BR": partial(_portuguese, "pt_BR", "quilômetro", {"R$": Money("real", "reais", "e", "centavos")}),
    "nl": _dutch,
}
LANGUAGES = frozenset({"fr", "es", "it", "pt", "nl"})


@lru_cache(8)
def rules(converter: str) -> Rules:
    """The rules of one of LANGUAGES, by its name in num2words."""
    table = _TABLES.get(converter) or _TABLES[converter.partition("_")[0]]
    return rules_of(table())
