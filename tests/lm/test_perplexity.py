import json
import random
import re
import shutil
import struct
import subprocess

import pytest

from pyspeech.errors import UserError
from pyspeech.lm.ngram import LmSettings, find_program, train_lm
from pyspeech.lm.perplexity import Perplexity, perplexity


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text").write_text("a b c\na c\nb b a\nc a b\n")
    train_lm(folder / "lm", [folder / "text"], LmSettings(3), memory="100M")
    return folder / "lm"


def test_perplexity_equals_the_query_program_of_kenlm(tmp_path, lm):
    draw = random.Random(1)
    lines = [" ".join(draw.choices("abcxy", k=draw.randint(1, 8))) for _ in range(200)]
    (tmp_path / "text").write_text("\n".join(lines) + "\n")
    found = perplexity(lm, [tmp_path / "text"])
    command = [find_program("query"), "-v", "summary", str(lm / "lm.bin")]
    with (tmp_path / "text").open("rb") as stream:
        output = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=True).stdout
    including, excluding, oov, tokens = (float(value) for value in re.findall(r":\s+(\S+)", output))
    assert found.with_oov == pytest.approx(including, rel=1e-6)
    assert found.without_oov == pytest.approx(excluding, rel=1e-6)
    assert (found.oov, found.tokens) == (oov, tokens)
    assert found.oov_rate == oov / sum(len(line.split()) for line in lines)
    assert found.sentences == 200


def test_the_parts_of_a_text_add_up_to_the_whole(tmp_path, lm):
    for name, content in (("1", "a b\nx c\n"), ("2", "c\n")):
        (tmp_path / name).write_text(content)
    one, two = (perplexity(lm, [tmp_path / name]) for name in "12")
    whole = perplexity(lm, [tmp_path / "1", tmp_path / "2"])
    assert (one + two).with_oov == pytest.approx(whole.with_oov)
    assert whole + Perplexity() == whole
    assert "[ 3 sentences, 5 words, 1 unknown = 20.00% ]" in str(whole)


def test_arpa_and_binary_and_folder_are_all_models(tmp_path, lm):
    (tmp_path / "text").write_text("a b c\n")
    values = [perplexity(path, [tmp_path / "text"]).with_oov for path in (lm, lm / "lm.bin", lm / "lm.arpa")]
    assert values == pytest.approx([values[0]] * 3, rel=1e-5)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
def test_a_binary_of_numbers_that_are_no_probabilities_is_refused(tmp_path, lm, number):
    (tmp_path / "text").write_text("a b c\n")
    content = bytearray((lm / "lm.bin").read_bytes())
    for place in range(256, len(content) - 40, 4):  # n-grams, not the head, nor the words at the end
        value = struct.unpack_from("<f", content, place)[0]
        if -9 < value < -0.01:
            struct.pack_into("<f", content, place, number)
    (tmp_path / "damaged.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"damaged\.bin gives words probabilities that are none"):
        perplexity(tmp_path / "damaged.bin", [tmp_path / "text"])


def test_a_folder_whose_binary_was_changed_is_refused(tmp_path, lm):
    (tmp_path / "text").write_text("a b c\n")
    shutil.copytree(lm, tmp_path / "lm")
    content = bytearray((lm / "lm.bin").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "lm/lm.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"lm\.bin was damaged, it is not as it was written; train the model again"):
        perplexity(tmp_path / "lm", [tmp_path / "text"])
    (tmp_path / "lm/lm.bin").write_bytes((lm / "lm.bin").read_bytes())
    values = json.loads((lm / "lm.json").read_text())
    del values["binary"]  # as an earlier version wrote it
    (tmp_path / "lm/lm.json").write_text(json.dumps(values))
    assert perplexity(tmp_path / "lm", [tmp_path / "text"]) == perplexity(lm, [tmp_path / "text"])


def test_what_is_no_model_or_no_text_is_named(tmp_path, lm):
    (tmp_path / "text").write_text("\n")
    with pytest.raises(UserError, match=r"no language model at .*nothing"):
        perplexity(tmp_path / "nothing", [tmp_path / "text"])
    with pytest.raises(UserError, match="text is not an ARPA file, it is empty"):
        perplexity(tmp_path / "text", [tmp_path / "text"])
    with pytest.raises(UserError, match="text: no words"):
        perplexity(lm, [tmp_path / "text"])
