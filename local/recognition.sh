# shellcheck shell=bash
# Sourced by the run.sh of a recognition recipe instead of recipe.sh: what its stages do, in the folders that every
# recipe uses. A recipe gives what is particular: $corpus, $model, the tokens, the language model; it may set $noise_dir,
# $rir_dir and $processes, and where it has a choice of tokens the names $lang and $graph of what depends on them.
# shellcheck disable=SC2154  # the recipe sets corpus and model
. "${BASH_SOURCE[0]%/*}/corpus.sh" || exit

lang=lang graph=graph # folders in $data
noise_dir='' rir_dir='' processes=1

tokens() { # kind and options of pyspeech lang
  local manifests=(--manifest "$data/manifests/train.jsonl.gz")
  # A lexicon has to pronounce what dev measures training with. The graph's words are those of the language model still,
  # and characters and pieces are learnt from train alone.
  [[ $1 != phones ]] || manifests+=(--manifest "$data/manifests/dev.jsonl.gz")
  pyspeech lang "$data/$lang" "${manifests[@]}" --tokens "$@"
}

# Train's transcripts, and further texts without the sentences of other splits.
language_model() { # folder in $data, further texts and options of pyspeech lm train
  local manifest held_out=()
  for manifest in "$data"/manifests/*.jsonl.gz; do
    [[ $manifest == */train.jsonl.gz ]] || held_out+=(--held-out "$manifest")
  done
  pyspeech lm train "$data/$1" "$data/manifests/train.jsonl.gz" "${@:2}" "${held_out[@]}" --drop-held-out
}

graph() { # a language model, else that of $data: which of dev's words it lacks is told
  local manifest dev=()
  for manifest in "$data"/manifests/dev*.jsonl.gz; do
    [[ ! -e $manifest ]] || dev+=(--dev "$manifest")
  done
  pyspeech graph "$data/$lang" "${1:-$data/lm}" "$data/$graph" "${dev[@]}"
}

train() { # folder of train's manifest in $data: audio, where its features are computed in training; else fbank
  local words=()
  add_sounds noise "$noise_dir"
  add_sounds rir "$rir_dir"
  pyspeech train "conf/$model.yaml" "$exp/$model" "${words[@]}" --lang "$data/$lang" \
    --train "$data/${1:-fbank}/train.jsonl.gz" --dev "$data/fbank/dev.jsonl.gz" --processes "$processes"
}

decode() { # splits; by conf/<model>_decode.yaml where there is one
  local split search=()
  [[ ! -e conf/${model}_decode.yaml ]] || search=(--config "conf/${model}_decode.yaml")
  for split in "$@"; do
    pyspeech decode "$exp/$model" "$data/fbank/$split.jsonl.gz" --graph "$data/$graph" "${search[@]}"
  done
}

# A result is named <split>_<what was done>, test_4gram: the split is what stands before the first underscore.

rescore() { # name of the result, options of pyspeech rescore; weights are chosen on dev
  local decodes=$exp/$model/decode
  pyspeech rescore "$decodes/${1%%_*}" --tune "$decodes/dev" --out "$decodes/$1" "${@:2}"
}

score() { # names of results; the last one's figure is the recipe's
  local name
  for name in "$@"; do pyspeech score wer "$data/manifests/${name%%_*}.jsonl.gz" "$exp/$model/decode/$name"; done
}
