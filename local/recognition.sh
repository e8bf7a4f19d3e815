# shellcheck shell=bash
# Sourced by the run.sh of a recognition recipe instead of recipe.sh: what its stages do, in the folders that every
# recipe uses. A recipe gives what is particular: $corpus, $model, the tokens, the language model; it may set $noise_dir,
# $rir_dir, $lm where words are not searched by the language model of $data, and where it has a choice of
# tokens the names $lang and $graph of what depends on them.
# shellcheck disable=SC2154  # the recipe sets corpus and model
. "${BASH_SOURCE[0]%/*}/corpus.sh" || exit

lang=lang graph=graph # folders in $data
lm=''
recipe_k2=''       # whether k2 is installed
recipe_chosen=()   # option of the next decode, once dev was decoded: what is chosen on it, once for all
recipe_check=check_rescoring

tokens() { # kind and options of pyspeech lang
  local manifests=(--manifest "$data/manifests/train.jsonl.gz")
  # A lexicon has to pronounce what dev measures training with. The graph's words are those of the language model still,
  # and characters and pieces are learnt from train alone.
  [[ $1 != phones ]] || manifests+=(--manifest "$data/manifests/dev.jsonl.gz")
  pyspeech lang "$data/$lang" "${manifests[@]}" --tokens "$@"
}

prose() { # options of pyspeech lm text: the sentences of the texts that were given, as words, in $data/prose.txt.gz
  pyspeech lm text "$data/prose.txt.gz" "${lm_text[@]}" "$@"
}

# Train's transcripts, and further texts without the sentences of other splits.
language_model() { # folder in $data, further texts and options of pyspeech lm train
  local manifest held_out=()
  for manifest in "$data"/manifests/*.jsonl.gz; do
    [[ $manifest == */train.jsonl.gz ]] || held_out+=(--held-out "$manifest")
  done
  pyspeech lm train "$data/$1" "$data/manifests/train.jsonl.gz" "${@:2}" "${held_out[@]}" --drop-held-out
}

# One that is installed and does not work is an error of the graph, not a reason to go on without.
has_k2() {
  local program='import importlib.util; print("yes" if importlib.util.find_spec("k2") else "no")'
  [[ -n $recipe_k2 ]] || recipe_k2=$(python -c "$program")
  [[ $recipe_k2 == yes ]]
}

check_rescoring() { # settings that are of a search or a rescoring, where there is neither
  set_of rescore
  if [[ ${#recipe_set[@]} -gt 0 ]] && has_k2 && ! grep -q '^ *[^#]*rescore ' "$recipe_script"; then
    echo "error: this recipe rescores nothing and decodes by a graph; leave out --set ${recipe_set[0]}" >&2
    return 2
  fi
  check_settings
}

graph() { # which of dev's words it lacks is told
  local manifest dev=()
  [[ -z ${1:-} ]] || {
    echo "error: graph takes no language model, which decode has to know too; write lm=${1:-} above the stages" >&2
    return 2
  }
  has_k2 || {
    echo "No graph: k2, which makes one and searches it faster, is not installed;" \
      "decode searches lexicon and language model instead" >&2
    return
  }
  for manifest in "$data"/manifests/dev*.jsonl.gz; do
    [[ ! -e $manifest ]] || dev+=(--dev "$manifest")
  done
  pyspeech graph "$data/$lang" "${lm:-$data/lm}" "$data/$graph" "${dev[@]}"
}

train() { train_on "${1:-}" --lang "$data/$lang"; } # audio, where train's features are computed in training

decode() { # splits; by conf/<model>_decode.yaml where there is one. Of others than dev, what can be is chosen on dev
  local split exp_dir options=(--graph "$data/$graph")
  exp_dir=$(experiment)
  set_of decode
  options+=("${recipe_set[@]}")
  if ! has_k2; then
    set_of decode rescore
    options=(--method search --lm "${lm:-$data/lm}" "${recipe_set[@]}")
  fi
  [[ ! -e conf/${model}_decode.yaml ]] || options+=(--config "conf/${model}_decode.yaml")
  if [[ ${#recipe_chosen[@]} -eq 0 ]]; then # all others wait for it
    pyspeech decode "$exp_dir" "$data/fbank/dev.jsonl.gz" "${options[@]}"
    recipe_chosen=(--tune "$exp_dir/decode/dev")
  fi
  for split in "$@"; do
    [[ $split != dev ]] || continue
    pyspeech decode "$exp_dir" "$data/fbank/$split.jsonl.gz" "${options[@]}" "${recipe_chosen[@]}"
    recipe_chosen=(--weights "$exp_dir/decode/$split/weights.json")
  done
}

# A result is named <split>_<what was done>, test_4gram: the split is what stands before the first underscore.

rescore() { # name of the result, options of pyspeech rescore; weights are chosen on dev
  local decodes
  decodes=$(experiment)/decode
  set_of rescore
  pyspeech rescore "$decodes/${1%%_*}" --tune "$decodes/dev" --out "$decodes/$1" "${@:2}" "${recipe_set[@]}"
}

compare() { # names of two results of one split
  local decodes
  decodes=$(experiment)/decode
  pyspeech compare "$data/manifests/${1%%_*}.jsonl.gz" "$decodes/$1" "$decodes/$2"
}

score() { # names of results; the last one's figure is the recipe's
  local name
  for name in "$@"; do pyspeech score wer "$data/manifests/${name%%_*}.jsonl.gz" "$(experiment)/decode/$name"; done
}
