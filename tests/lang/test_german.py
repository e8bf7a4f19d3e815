import re

import pytest

from pyspeech.lang.reading import Unsure
from pyspeech.lang.words import sentences_of, words_of

# What is written, and below it what is said.
SAID = """
Am 3. Oktober 1990 wurde gefeiert.
    am dritten Oktober neunzehnhundertneunzig wurde gefeiert
Der 3. Oktober ist ein Feiertag.
    der dritte Oktober ist ein Feiertag
Berlin, 3. Oktober 1990
    Berlin dritter Oktober neunzehnhundertneunzig
Sie kam am 24.12.1968 zur Welt.
    sie kam am vierundzwanzigsten zwölften neunzehnhundertachtundsechzig zur Welt
Gültig bis 31.12.2024
    gültig bis einunddreißigsten zwölften zweitausendvierundzwanzig
Stand: 01.02.05
    Stand erster zweiter null fünf
Vom 1. Jan. bis zum 2. Feb. 2024
    vom ersten Januar bis zum zweiten Februar zweitausendvierundzwanzig
am 3. und 4. Mai, vom 3.–5. Mai
    am dritten und vierten Mai vom dritten bis fünften Mai
Er ist am 7. gekommen.
    er ist am siebten gekommen
das 19. Jahrhundert und Ende des 20. Jh.
    das neunzehnte Jahrhundert und Ende des zwanzigsten Jahrhunderts
In der 3. Klasse, im 2. Stock
    in der dritten Klasse im zweiten Stock
Die 3. Klasse und Anfang der 8. Woche
    die dritte Klasse und Anfang der achten Woche
Der 100. Geburtstag, mein 1. Sohn, ihr 2. Kind
    der hundertste Geburtstag mein erster Sohn ihr zweites Kind
zum 21. Mal, die 1ste, beim 2ten
    zum einundzwanzigsten Mal die erste beim zweiten
Seit 1995 oder 1066, ab 2024
    seit neunzehnhundertfünfundneunzig oder eintausendsechsundsechzig ab zweitausendvierundzwanzig
Von 1914–1918 war Krieg.
    von neunzehnhundertvierzehn bis neunzehnhundertachtzehn war Krieg
Die 1980er und die 90er-Jahre
    die neunzehnhundertachtziger und die neunziger Jahre
1.000 oder 1 000 000 oder 1'000
    eintausend oder eine Million oder eintausend
10–20 Leute, 1–2 Stunden
    zehn bis zwanzig Leute ein bis zwei Stunden
Agent 007, Zimmer 101
    Agent null null sieben Zimmer einhunderteins
Kapitel 1, Gleis 1 und Nr. 1 der Liste
    Kapitel eins Gleis eins und Nummer eins der Liste
Rufen Sie 030/1234567 an.
    rufen Sie null drei null eins zwei drei vier fünf sechs sieben an
Oder +49 171 234567
    oder plus vier neun eins sieben eins zwei drei vier fünf sechs sieben
PLZ 10115, Notruf 112
    PLZ eins null eins eins fünf Notruf eins eins zwei
3,5 und 0,05 und 1.250,75
    drei Komma fünf und null Komma null fünf und eintausendzweihundertfünfzig Komma sieben fünf
2½ Stunden, ¾ der Leute, 2/3 der Wähler
    zweieinhalb Stunden drei Viertel der Leute zwei Drittel der Wähler
Es stand 3:2 bei 2 + 2 = 4.
    es stand drei zu zwei bei zwei plus zwei gleich vier
Maßstab 1:25.000
    Maßstab eins zu fünfundzwanzigtausend
3 x 4 m, 3x täglich, 2-mal, 3-fach
    drei mal vier Meter dreimal täglich zweimal dreifach
Ein 5-jähriger und 18-Jährige
    ein fünfjähriger und achtzehnjährige
Um 14:30 Uhr, um 7.05 Uhr, um 1 Uhr
    um vierzehn Uhr dreißig um sieben Uhr fünf um ein Uhr
Mo.–Fr. 9–17 Uhr, 9:30–18:00 Uhr
    Montag bis Freitag neun bis siebzehn Uhr neun Uhr dreißig bis achtzehn Uhr
Gegen 8:15 war er da.
    gegen acht Uhr fünfzehn war er da
Es kostet 5 €, 5,50 € oder 0,99 €.
    es kostet fünf Euro fünf Euro fünfzig oder neunundneunzig Cent
Das kostet 1 €, mit 1 € fängt es an.
    das kostet einen Euro mit einem Euro fängt es an
€ 5,– und 1.000,- €, 12,50 €/m²
    fünf Euro und eintausend Euro zwölf Euro fünfzig pro Quadratmeter
2,5 Mio. Euro, 3 Mrd. €, 1 Mio. Leute
    zwei Komma fünf Millionen Euro drei Milliarden Euro eine Million Leute
Damals 2,50 DM, 20 CHF
    damals zwei Mark fünfzig zwanzig Franken
20 %, 2,5 % und eine 20%ige Lösung
    zwanzig Prozent zwei Komma fünf Prozent und eine zwanzigprozentige Lösung
Mit 120 km/h bei -5 °C
    mit einhundertzwanzig Kilometer pro Stunde bei minus fünf Grad Celsius
85 m² und 80 cm, 2 t, 3 h 15 min
    fünfundachtzig Quadratmeter und achtzig Zentimeter zwei Tonnen drei Stunden fünfzehn Minuten
1 kg Mehl, nach 1 h, 1,5 l
    ein Kilogramm Mehl nach einer Stunde eins Komma fünf Liter
Dr. Weber kommt z. B. mit Prof. Abt, d.h. heute.
    Doktor Weber kommt zum Beispiel mit Professor Abt das heißt heute
Äpfel, Birnen usw. sind ca. 5 Tage, bzw. evtl. länger haltbar.
    Äpfel Birnen und so weiter sind circa fünf Tage beziehungsweise eventuell länger haltbar
Nach § 5 Abs. 2 S. 1, Art. 3, S. 12
    nach Paragraf fünf Absatz zwei Satz eins Artikel drei Seite zwölf
44 v. Chr. und 800 n. Chr.
    vierundvierzig vor Christus und achthundert nach Christus
Hauptstr. 12a, St. Gallen, Müller & Sohn
    Hauptstraße zwölf a Sankt Gallen Müller und Sohn
geb. 1950, inkl. MwSt., vgl. Abb. 3
    geboren neunzehnhundertfünfzig inklusive Mehrwertsteuer vergleiche Abbildung drei
Ludwig XIV. regierte, unter Ludwig XIV. wurde gebaut.
    Ludwig der vierzehnte regierte unter Ludwig dem vierzehnten wurde gebaut
Papst Johannes Paul II. starb.
    Papst Johannes Paul der zweite starb
Elisabeth II. und der Palast Ludwigs XIV.
    Elisabeth die zweite und der Palast Ludwigs des vierzehnten
Kapitel IV, Hartz IV, im II. Weltkrieg
    Kapitel vier Hartz vier im zweiten Weltkrieg
MIX, CD, DIV, Gruppe C, I. Müller, Größe XL
    MIX CD DIV Gruppe C I Müller Größe XL
B2, CO2, U5 und die A7
    B zwei CO zwei U fünf und die A sieben
ÜRSPRÜNGLICH „Straße“ – schön, geht's?
    ürsprünglich Straße schön geht's
"""
LEFT = [
    ("Ich habe 1 Hund und 2 Katzen.", "ich habe 1 Hund und zwei Katzen", ["1 Hund"]),
    ("ab 1. Januar, seit 3.10.2020", "ab 1 Januar seit 3 10 2020", ["1", "3.10.2020"]),
    ("Sie wurde 2. im Rennen.", "sie wurde 2 im Rennen", ["2"]),
    ("Er kam als 1. ins Ziel, sie als 2.", "er kam als 1 ins Ziel sie als 2", ["1", "2"]),
    ("Version 3.10 oder 1.2.3", "Version 3 10 oder 1 2 3", ["3.10", "1.2.3"]),
    ("2023/24 endete es 28:30 nach 2:30 h.", "2023 24 endete es 28 30 nach 2 30 h", ["2023/24", "28:30", "2:30"]),
    ("Er besuchte Karl V. und Franz X. Huber.", "er besuchte Karl V und Franz X Huber", ["Karl V", "Franz X"]),
    ("½ Liter und 1/2 Brot", "1⁄2 Liter und 1 2 Brot", ["½", "1/2"]),
    ("10115 Berlin, R&B, a@b.de, ±5", "10115 Berlin R&B a@b de ±5", ["10115 Berlin", "R&B", "a@b.de", "±5"]),
    ("24.12.–26.12. zu, u. a.", "24 12 26 12 zu u a", ["24.12.–26.12", "u. a"]),
    ("Er sprach ugs. gesagt in €.", "er sprach ugs gesagt in €", ["ugs", "€"]),
    ("IBAN DE89 3704 0044 0532 0130 00", "IBAN DE89 3704 0044 0532 0130 00", ["DE89 3704 0044 0532 0130 00"]),
]


def capitals(text):
    return text.replace("ß", "ẞ").upper().split()


def pairs(lines):
    return [pair.split("\n    ") for pair in re.split(r"\n(?! )", lines.strip())]


@pytest.mark.parametrize(("written", "said"), pairs(SAID))
def test_german_is_read_aloud(written, said):
    unsure = Unsure()
    assert words_of("de-at", unsure)(written) == capitals(said)
    assert not list(unsure.lines())


@pytest.mark.parametrize(("written", "words", "left"), LEFT)
def test_what_is_said_in_several_ways_stays_and_is_told(written, words, left):
    unsure = Unsure()
    assert words_of("de", unsure)(written) == capitals(words)
    assert list(unsure.left) == left


SENTENCES = """
Am 3. Oktober kam Dr. Abt. Er blieb bis 8 Uhr. Gut!
    am dritten Oktober kam Doktor Abt | er blieb bis acht Uhr | gut
Äpfel usw. sind da. Birnen usw. Das war es.
    Äpfel und so weiter sind da | Birnen und so weiter | das war es
J. S. Bach starb 1750. Es waren 3. Dann kam „einer“. „Nein!“, rief er.
    J S Bach starb siebzehnhundertfünfzig | es waren drei | dann kam einer | nein rief er
Er kam. 1995 ging er. 3 Leute blieben. Z. B. Anna. Prof. Abt kam.
    er kam | neunzehnhundertfünfundneunzig ging er | drei Leute blieben | zum Beispiel Anna | Professor Abt kam
Er kam heute … vielleicht. „Gut.“ Sie ging.
    er kam heute vielleicht | gut | sie ging
"""


@pytest.mark.parametrize(("prose", "said"), pairs(SENTENCES))
def test_german_prose_is_parted_at_the_ends_of_sentences(prose, said):
    assert [" ".join(words) for words in sentences_of("de")(prose)] == [
        " ".join(capitals(sentence)) for sentence in said.split("|")
    ]
