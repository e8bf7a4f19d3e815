import re

import pytest

from pyspeech.lang.reading import Unsure
from pyspeech.lang.words import sentences_of, words_of

# What is written, and below it what is said.
SAID = """
fr: Le 1er janvier 1995, M. Durand vint.
    le premier janvier mille neuf cent quatre vingt quinze monsieur Durand vint
fr: 5,50 €, 1 €, 0,50 €, 80 €
    cinq euros cinquante un euro cinquante centimes quatre vingts euros
fr: à 14 h 30, 1h, 21h05
    à quatorze heures trente une heure vingt et une heures cinq
fr: 20 %, 3,14 et 0,05
    vingt pour cent trois virgule un quatre et zéro virgule zéro cinq
fr: Louis XIV au XVIIe siècle, François Ier
    Louis quatorze au dix septième siècle François premier
fr: la 2e fois, la 1re fois, n° 5
    la deuxième fois la première fois numéro cinq
fr: 1 000 km à -3 °C, 1,5 km
    mille kilomètres à moins trois degrés Celsius un virgule cinq kilomètre
fr: en 1991 Mme Roy, p. ex., & Cie, etc.
    en mille neuf cent quatre vingt onze madame Roy par exemple et Cie et cetera
fr-ch: 70 %, à 14 h 30, 90 €
    septante pour cent à quatorze heures trente nonante euros
es-co: 20 %
    veinte por ciento
es: En 1995 costaba 21 €, hoy 5,50 €.
    en mil novecientos noventa y cinco costaba veintiún euros hoy cinco euros con cincuenta céntimos
es: El 20 % y 3,5 kg
    el veinte por ciento y tres coma cinco kilogramos
es: Felipe VI, Alfonso XIII, Isabel II, siglo XIX
    Felipe sexto Alfonso trece Isabel segunda siglo diecinueve
es: el 1.º, la 2.ª, el 3.er piso, n.º 5
    el primero la segunda el tercer piso número cinco
es: 21.000 km, 1 km, -3 °C
    veintiún mil kilómetros un kilómetro menos tres grados Celsius
es: El Sr. Gil vive en EE. UU. desde 2001 con la Sra. Paz.
    el señor Gil vive en Estados Unidos desde dos mil uno con la señora Paz
it: Nel 1995 costava 5,50 €.
    nel millenovecentonovantacinque costava cinque euro e cinquanta centesimi
it: 3,14 e 20 % di 1.500
    tre virgola uno quattro e venti per cento di millecinquecento
it: Giovanni XXIII, il XIX secolo, Elisabetta II
    Giovanni ventitreesimo il diciannovesimo secolo Elisabetta seconda
it: il 1º maggio, la 2ª volta, n. 5
    il primo maggio la seconda volta numero cinque
it: 1 km, 28 km, 25 °C
    un chilometro ventotto chilometri venticinque gradi Celsius
it: il Sig. Rossi, ad es., ecc.
    il signor Rossi ad esempio eccetera
pt: Em 1995 custava 5,50 €.
    em mil novecentos e noventa e cinco custava cinco euros e cinquenta cêntimos
pt: 20 % e 10 km
    vinte por cento e dez quilómetros
pt: João VI, século XIX, o 1.º, a 2.ª, n.º 5
    João sexto século dezanove o primeiro a segunda número cinco
pt: o Sr. Dias, p. ex., e a Dra. Reis
    o senhor Dias por exemplo e a doutora Reis
pt: 3,5 kg a -3 °C
    três vírgula cinco quilogramas a menos três graus Celsius
pt-br: Custa R$ 5,50 e 10 km em 1999.
    custa cinco reais e cinquenta centavos e dez quilômetros em mil novecentos e noventa e nove
nl: In 1995 kostte het € 5,50.
    in negentienhonderdvijfennegentig kostte het vijf euro vijftig
nl: 10 %, 3,5 kg, 22 °C
    tien procent drie komma vijf kilogram tweeëntwintig graden Celsius
nl: Om 14.30 uur, 8 uur
    om veertien uur dertig acht uur
nl: Willem III, de 19e eeuw, de 1ste keer
    Willem de derde de negentiende eeuw de eerste keer
nl: dhr. Smit, d.w.z. 101 mensen, t/m 2001
    de heer Smit dat wil zeggen honderdeen mensen tot en met tweeduizendeen
nl: 1 km, 1.000.000 euro, -3
    één kilometer een miljoen euro min drie
"""
LEFT = [
    ("fr", "21 femmes, 1 000 000 €, 03/10/1990 à 14:30", ["21", "1\u202f000\u202f000 €", "03/10/1990", "14:30"]),
    ("es", "200 personas, 1.000.000 €, a las 14:30, 3 $", ["200", "1.000.000 €", "14:30", "3 $"]),
    ("it", "1 casa, 3 £, Carlo C.", ["1", "3 £"]),
    ("pt", "2 casas e 200 casas", ["2", "200"]),
    ("nl", "3 £, 3/4", ["3 £", "3/4"]),
]


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [re.split(": |\n    ", pair, maxsplit=2) for pair in re.split(r"\n(?! )", SAID.strip())],
)
def test_what_is_said_in_one_way_is_read(language, written, said):
    unsure = Unsure()
    assert words_of(language, unsure)(written) == said.upper().split()
    assert not list(unsure.lines())


@pytest.mark.parametrize(("language", "written", "left"), LEFT)
def test_what_goes_by_a_noun_or_is_said_in_several_ways_is_left_and_told(language, written, left):
    unsure = Unsure()
    words_of(language, unsure)(written)
    assert list(unsure.left) == left


@pytest.mark.parametrize(
    ("language", "prose", "expected"),
    [
        (
            "fr",
            "« Ça va ? » dit-il. M. Roy, etc. Puis : « Oui ! »",
            ["ÇA VA DIT IL", "MONSIEUR ROY ET CETERA", "PUIS OUI"],
        ),
        ("es", "¿Cómo está, Sr. Gil? ¡Bien! Son 3. Ya.", ["CÓMO ESTÁ SEÑOR GIL", "BIEN", "SON TRES", "YA"]),
        ("nl", "Hij is drs. Smit. Enz. Dan niets.", ["HIJ IS DOCTORANDUS SMIT", "ENZOVOORT", "DAN NIETS"]),
    ],
)
def test_prose_is_parted_at_the_ends_of_sentences(language, prose, expected):
    assert [" ".join(words) for words in sentences_of(language)(prose)] == expected
