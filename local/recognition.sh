# shellcheck shell=bash
# Sourced by the run.sh of a recognition recipe instead of recipe.sh: what its stages do, in the folders that every
# recipe uses. A recipe gives what is particular: $corpus, $model, the tokens, the language model.
# shellcheck disable=SC2154  # the recipe sets corpus and model
. "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

download() { python prepare.py download "$corpus"; }

manifests() { python prepare.py manifests "$corpus" data/manifests; }

features() { pyspeech features data/manifests/{train,dev,test}.jsonl.gz data/fbank --config "conf/$model.yaml" --perturb train; }

tokens() { # kind and options of pyspeech lang
  local manifests=(--manifest data/manifests/train.jsonl.gz)
  # A lexicon has to pronounce what dev measures training with. The graph's words are those of the language model still,
  # and characters and pieces are learnt from train alone.
  [[ $1 != phones ]] || manifests+=(--manifest data/manifests/dev.jsonl.gz)
  pyspeech lang data/lang "${manifests[@]}" --tokens "$@"
}

graph() { # options of pyspeech lm train
  pyspeech lm train data/lm data/manifests/train.jsonl.gz "$@"
  pyspeech graph data/lang data/lm data/graph
}

train() { pyspeech train "conf/$model.yaml" "exp/$model" --train data/fbank/train.jsonl.gz --dev data/fbank/dev.jsonl.gz --lang data/lang; }

decode() { pyspeech decode "exp/$model" data/fbank/test.jsonl.gz --graph data/graph; }

score() { pyspeech score wer data/manifests/test.jsonl.gz "exp/$model/decode/test"; }
