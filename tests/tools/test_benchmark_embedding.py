from click.testing import CliRunner

from pyspeech.config import load_config
from pyspeech.data.batches import inference_batches
from pyspeech.inference.embedding import Embedder
from tests.classifiers import YAML
from tests.tones import tone_manifest
from tools.benchmark.embedding import main


def test_it_embeds_the_begin_of_a_manifest_batched_as_embedding_does(tmp_path, monkeypatch):
    manifest = tone_manifest(tmp_path / "all.jsonl.gz", 12)
    first = tone_manifest(tmp_path / "first.jsonl.gz", 8)
    (tmp_path / "small.yaml").write_text(YAML)
    config = load_config(tmp_path / "small.yaml")
    expected = list(inference_batches(first, config.features, config.batches.max_seconds))
    met: list[list[int]] = []
    embed = Embedder.embed

    def watched(self, matrices):
        met.append(list(map(len, matrices)))
        return embed(self, matrices)

    monkeypatch.setattr(Embedder, "embed", watched)
    seconds = sum(batch.seconds for batch in expected)
    arguments = [str(manifest), str(tmp_path / "small.yaml"), "--seconds", str(seconds - 0.01), "--runs", "1"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert met == [batch.lengths_B.tolist() for batch in expected]
    assert result.output.startswith(f"8 utterances, {seconds:.0f} seconds")
    assert result.output.splitlines()[-1].startswith("small ")
