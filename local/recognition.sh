# shellcheck shell=bash
# Sourced by the run.sh of a recognition recipe instead of recipe.sh: what its stages do, in the folders that every
# recipe uses. A recipe gives what is particular: $corpus, $model, the tokens, the language model.
# shellcheck disable=SC2154  # the recipe sets corpus and model
. "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

# No sentence of dev or test may train a language model.
# shellcheck disable=SC2034  # recipes use it
held_out=(--held-out data/manifests/dev.jsonl.gz --held-out data/manifests/test.jsonl.gz --drop-held-out)

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

language_model() { # folder in data, further texts and options of pyspeech lm train
  pyspeech lm train "data/$1" data/manifests/train.jsonl.gz "${@:2}"
}

graph() { pyspeech graph data/lang data/lm data/graph; }

train() { pyspeech train "conf/$model.yaml" "exp/$model" --train data/fbank/train.jsonl.gz --dev data/fbank/dev.jsonl.gz --lang data/lang; }

decode() { # splits
  local split
  for split in "$@"; do pyspeech decode "exp/$model" "data/fbank/$split.jsonl.gz" --graph data/graph; done
}

rescore() { # name of the result, options of pyspeech rescore; weights are chosen on dev
  pyspeech rescore "exp/$model/decode/test" --tune "exp/$model/decode/dev" --out "exp/$model/decode/$1" "${@:2}"
}

score() { # decodes of test; the last one's figure is the recipe's
  local name
  for name in "$@"; do pyspeech score wer data/manifests/test.jsonl.gz "exp/$model/decode/$name"; done
}
