import pytest
import soundfile
from tones import write_tones

from pyspeech.corpora.sources.voxceleb import VoxCeleb
from pyspeech.errors import UserError
from pyspeech.speakers.trials import Trial, write_trials

TRAIN = [f"id1{number:04d}" for number in range(40)]
TEST = ["id20000", "id20001"]
COLUMNS = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"


def audio(root, speakers, sessions=2, ending=".wav"):
    """``<speaker>/abc<session>/00001.wav``, all of them links to one tone."""
    tone = write_tones(root.parent / "tone.wav", [])
    for speaker in speakers:
        for session in range(sessions):
            path = root / speaker / f"abc{session}" / f"00001{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(tone)


def meta(corpus, train=TRAIN, test=TEST):
    rows = [
        f"{speaker}\tSome_Body\tm\tUSA\t{part}\n"
        for part, names in (("dev", train), ("test", test))
        for speaker in names
    ]
    (corpus / "vox1_meta.csv").write_text(COLUMNS + "".join(rows))


def trials(corpus):
    names = [f"{speaker}/abc{session}/00001.wav" for speaker in TEST for session in range(2)]
    write_trials(
        [Trial(True, *names[:2]), Trial(True, *names[2:]), Trial(False, *names[1:3])], corpus / "veri_test.txt"
    )


@pytest.fixture
def corpus(tmp_path):
    """VoxCeleb1 in one folder ``wav``, 40 speakers to train and two to test."""
    folder = tmp_path / "voxceleb1"
    audio(folder / "wav", TRAIN + TEST)
    meta(folder)
    trials(folder)
    return folder


def speakers(corpus, source=VoxCeleb()):  # noqa: B008 -- frozen
    return {
        split: {cut.supervisions[0].speaker for cut in source.cuts(corpus, split)} for split in source.splits(corpus)
    }


def test_test_is_as_the_list_says_and_a_third_of_few_of_the_others_are_dev(corpus, capsys):
    found = speakers(corpus)
    assert list(found) == ["train", "dev", "test"]
    assert found["test"] == set(TEST)
    assert len(found["dev"]) == 13
    assert sorted(found["train"] | found["dev"]) == TRAIN
    assert not found["train"] & found["dev"]
    assert capsys.readouterr().err == ""


def test_of_many_speakers_one_in_25_is_dev_and_a_further_speaker_moves_no_more_than_one(tmp_path):
    many = [f"id{number:05d}" for number in range(601)]
    held_out = []
    for count in (600, 601):
        audio(tmp_path / str(count) / "wav", [*many[:count], *TEST])
        meta(tmp_path / str(count), many[:count])
        held_out.append({cut.supervisions[0].speaker for cut in VoxCeleb().cuts(tmp_path / str(count), "dev")})
    assert [len(part) for part in held_out] == [24, 24]
    assert len(held_out[0] - held_out[1]) <= 1


def test_ids_are_the_names_of_the_official_lists_in_their_order(corpus):
    cuts = list(VoxCeleb().cuts(corpus, "test"))
    assert [cut.id for cut in cuts] == [f"{speaker}/abc{session}/00001.wav" for speaker in TEST for session in range(2)]
    assert cuts[0].supervisions[0].text == ""


def test_flac_keeps_the_names_of_the_lists(corpus):
    for path in (corpus / "wav").glob("id2*/*/*.wav"):
        path.unlink()
        soundfile.write(path.with_suffix(".flac"), [0.0] * 800, 8000)
    cuts = list(VoxCeleb().cuts(corpus, "test"))
    assert [cut.id for cut in cuts][:2] == ["id20000/abc0/00001.wav", "id20000/abc1/00001.wav"]
    assert cuts[0].recording.sources[0].source.endswith(".flac")


def test_of_a_file_that_is_there_in_both_formats_wav_is_taken(corpus):
    before = list(VoxCeleb().cuts(corpus, "test"))
    for path in (corpus / "wav").glob("id2*/*/*.wav"):
        path.with_suffix(".flac").write_bytes(b"")
    assert list(VoxCeleb().cuts(corpus, "test")) == before


def test_each_archive_may_lie_in_its_own_folder(corpus, tmp_path):
    apart = tmp_path / "apart"
    audio(apart / "vox1_dev_wav" / "wav", TRAIN)
    audio(apart / "vox1_test_wav" / "wav", TEST)
    meta(apart)
    assert speakers(apart) == speakers(corpus)


def test_without_the_table_the_speakers_of_the_trials_are_test(corpus, capsys):
    (corpus / "vox1_meta.csv").unlink()
    assert speakers(corpus)["test"] == set(TEST)
    told = capsys.readouterr().err
    assert told.endswith("has no vox1_meta.csv: the speakers of veri_test.txt are test, all others train\n")


def test_speakers_of_the_table_without_audio_are_told_of(corpus, capsys):
    meta(corpus, [*TRAIN, "id30000", "id30001"])
    assert set.union(*speakers(corpus).values()) == {*TRAIN, *TEST}
    assert capsys.readouterr().err.endswith("has no audio of 2 speakers of vox1_meta.csv, such as id30000\n")


class TestRefused:
    @pytest.mark.parametrize(
        ("train", "test", "message"),
        [
            (TRAIN[1:], TEST, r"lacks 1 speakers that have audio, such as id10000"),
            ([], TRAIN + TEST, "no audio of any dev speaker; unpack vox1_dev_wav.zip there"),
            (TRAIN + TEST, ["id30000"], "no audio of any test speaker; unpack vox1_test_wav.zip there"),
        ],
    )
    def test_a_table_that_does_not_fit_the_audio(self, corpus, train, test, message):
        meta(corpus, train, test)
        with pytest.raises(UserError, match=message):
            VoxCeleb().splits(corpus)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "lacks 42 speakers"),
            ("VoxCeleb1 ID,Set\nid10000,dev\n", "line 2: expected 'VoxCeleb1 ID' and 'Set'"),
            (COLUMNS + "id10000\tx\tm\tUSA\ttrain\n", "line 2: .* found 'id10000 x m USA train'"),
            (COLUMNS + "id10000\tx\tm\tUSA\tdev\n\n", "line 3: expected"),
        ],
    )
    def test_a_table_that_is_none(self, corpus, text, message):
        (corpus / "vox1_meta.csv").write_text(text)
        with pytest.raises(UserError, match=message):
            VoxCeleb().splits(corpus)

    def test_a_folder_without_audio_with_what_to_fetch(self, tmp_path):
        with pytest.raises(UserError, match=r"holds no wav/.*; ask its makers .*vox1_dev_wav\.zip .*veri_test\.txt"):
            VoxCeleb().splits(tmp_path / "nowhere")

    def test_a_file_in_two_folders(self, corpus):
        audio(corpus / "vox1_test_wav" / "wav", TEST[1:], ending=".flac")
        message = r"id20001/abc0/00001\.wav is in .*voxceleb1/wav and in .*vox1_test_wav/wav; move one"
        with pytest.raises(UserError, match=message):
            VoxCeleb().splits(corpus)

    def test_audio_without_any_list(self, corpus):
        (corpus / "vox1_meta.csv").unlink()
        (corpus / "veri_test.txt").unlink()
        with pytest.raises(UserError, match=r"has neither vox1_meta\.csv nor veri_test\.txt"):
            VoxCeleb().splits(corpus)

    def test_too_few_speakers_for_dev(self, tmp_path):
        audio(tmp_path / "wav", TRAIN[:2] + TEST)
        meta(tmp_path, TRAIN[:2])
        with pytest.raises(UserError, match="cannot hold dev out of 2 speakers"):
            list(VoxCeleb().cuts(tmp_path, "dev"))


class TestVoxCeleb2:
    @pytest.mark.parametrize("place", ["wav", "dev/wav", "aac", "dev/aac"])
    def test_its_speakers_train_too_and_change_neither_dev_nor_test(self, corpus, tmp_path, place):
        audio(tmp_path / "voxceleb2" / place, ["id00012", "id00015"])
        audio(tmp_path / "voxceleb2" / "test" / "aac", ["id00017"])
        one, both = speakers(corpus), speakers(corpus, VoxCeleb(str(tmp_path / "voxceleb2")))
        assert both == {**one, "train": one["train"] | {"id00012", "id00015"}}

    def test_its_aac_is_refused_with_the_conversion(self, corpus, tmp_path):
        audio(tmp_path / "dev" / "aac", ["id00012"], sessions=3, ending=".m4a")
        (tmp_path / "dev/aac/id00012/abc0/00001.wav").symlink_to(tmp_path / "dev/tone.wav")
        message = r"2 files of .*aac are AAC, such as id00012/abc1/00001\.m4a, .*: ffmpeg -i 00001\.m4a"
        with pytest.raises(UserError, match=message):
            list(VoxCeleb(str(tmp_path)).cuts(corpus, "train"))
        assert list(VoxCeleb(str(tmp_path)).cuts(corpus, "test"))

    def test_what_is_converted_elsewhere_is_found_first(self, corpus, tmp_path):
        audio(tmp_path / "dev" / "aac", ["id00012"], ending=".m4a")
        audio(tmp_path / "dev" / "wav", ["id00012"])
        assert "id00012" in speakers(corpus, VoxCeleb(str(tmp_path)))["train"]

    @pytest.mark.parametrize("kind", ["wav", "aac"])
    def test_its_test_speakers_are_left_alone_where_both_archives_are_unpacked(self, corpus, tmp_path, kind):
        audio(tmp_path / "dev" / kind, ["id00012"])
        audio(tmp_path / kind, ["id00017"])
        assert speakers(corpus, VoxCeleb(str(tmp_path)))["train"] - set(TRAIN) == {"id00012"}

    def test_another_folder_is_not_taken_for_it(self, corpus, tmp_path):
        with pytest.raises(UserError, match=r"42 speakers of .* are of VoxCeleb1 too, such as id10000"):
            list(VoxCeleb(str(corpus)).cuts(corpus, "train"))
        with pytest.raises(UserError, match=r"holds no dev/aac/.*; give the folder of VoxCeleb2"):
            list(VoxCeleb(str(tmp_path)).cuts(corpus, "train"))
