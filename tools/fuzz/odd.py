"""Numbers, words and pieces of files that no place of an input expects, though a file may hold them."""

import os
from typing import Any

CANARY = "canary"  # the file that a command would make, where one were run
COMMAND = f"touch {CANARY}"
DEEP = 100_000  # brackets within each other
LONG = 1_000_000  # letters


class Raw(str):
    """What stands in a text as it is, without quotes."""


class Runs:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (COMMAND,)


# No lower-case nan or inf: those are looked for in what is printed.
NUMBERS: tuple[Any, ...] = (0, -1, 1, 2, 255, 2**31 - 1, 2**31, -(2**31), 2**32, 2**63, -(2**63), 2**64, 10**30, 0.5)
NUMBERS += (-0.5, -0.0, 1e-320, 1e30, 1e300, -1e300, 1e38, 1e39, float("nan"), float("inf"), -float("inf"))
NUMBERS += (Raw("1e999"), Raw("9" * 5000), Raw("1" + "0" * 400), True, False)
WORDS: tuple[str, ...] = (
    "",
    " ",
    "\0",
    "a\0b",
    "\n",
    "a\nb",
    "\t",
    "\r",
    "|",
    ",",
    '"',
    "'",
    "\\",
    "..",
    "../../up",
    "/",
)
WORDS += (
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "~",
    "~nobody",
    "CON",
    "C:\\a",
    "a" * 300,
    "-",
    "--help",
    "%s",
    "{x}",
)
WORDS += (
    "\ufeff",
    "\u202e",
    "\u2028",
    "\x1b[2J",
    "e\u0301",
    "\u00e9",
    "\ud800",
    "\U0010ffff",
    "<eps>",
    "<s>",
    "</s>",
    "#0",
)
WORDS += (
    f"{COMMAND} |",
    f"| {COMMAND}",
    f"pipe:{COMMAND}",
    f"$({COMMAND})",
    "http://localhost:1/a.wav",
    "NaN",
    "-1",
    "1e999",
)
WORDS += ("99999999999999999999", "0x10", "1_0", "٣", "null", "[]", "{}", "<unk>", "<blk>", "\u2581")
BOXES: tuple[Any, ...] = (None, [], {}, [[]], {"": None}, [None], Raw("[" * DEEP + "]" * DEEP), Raw('{"a":' * DEEP))
BOXES += (
    {"type": "command", "channels": [0], "source": COMMAND},
    {"type": "url", "channels": [0], "source": "http://x"},
)
TEXTS: tuple[bytes, ...] = (
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\r",
    b"\n\n",
    b"\t",
    b"  ",
    b"|",
    b'"',
    b"#",
    b";",
)
TEXTS += (
    b"<s>",
    b"</s>",
    b"<unk>",
    b"-1",
    b"-99",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"9" * 5000,
    b"2147483648",
    b"{",
    b"[",
    b"..",
)
TEXTS += (
    b"9223372036854775808",
    b"[" * DEEP,
    b"a" * LONG,
    COMMAND.encode() + b" |",
    b"\\",
    b"\x1b[2J",
    "\u2028".encode(),
)
YAMLS: tuple[str, ...] = (
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
    f"a: !!python/object/apply:os.system ['{COMMAND}']\n",
    "a: &a [*a]\n",
    "include: [../../../../etc/passwd]\n",
    "? [a, b]\n: 1\n",
    "1: 2\n",
    "a: 2001-02-30\n",
    "---\na: 1\n---\nb: 2\n",
    "a: " + "9" * 5000 + "\n",
    "a: " + "[" * 1000 + "\n",
    "<<: [1]\n",
)
