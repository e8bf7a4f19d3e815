#!/usr/bin/env bash
# an4: people spell names and say numbers and commands, 50 minutes (CMU). Either model, phones, trigram HLG.
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recognition.sh" || exit

corpus_dir=      # the unpacked an4; else $PYSPEECH_CORPORA/an4, else downloaded
model=tdnn_lstm  # or bilstm_ctc: conf/<model>.yaml
parse_options "$@"
corpus=$(find_corpus an4 "$corpus_dir")

if stage 0 "Download the corpus"; then download; fi
if stage 1 "Write the manifests"; then manifests; fi
if stage 2 "Compute the features"; then features; fi
if stage 3 "Build the lexicon, the language model and the graph"; then
  tokens phones --espeak en-us # which names single letters, as the speakers do
  language_model lm --order 3
  graph
fi
if stage 4 "Train"; then train; fi
if stage 5 "Decode"; then decode dev test; fi
if stage 7 "Score"; then score test; fi
