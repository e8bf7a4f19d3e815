"""x: the lhotse manifests in corpus."""

from pyspeech.data.corpus import corpus_cli
from pyspeech.data.sources.lhotse_manifests import LhotseManifests

X = LhotseManifests()

if __name__ == "__main__":
    corpus_cli(X.cuts, X.splits)
