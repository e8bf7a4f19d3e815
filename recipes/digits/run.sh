#!/usr/bin/env bash
# digits: isolated English digits of six speakers (Free Spoken Digit Dataset). Either model, phones, bigram HLG.
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recognition.sh" || exit

corpus_dir=       # the clone of free-spoken-digit-dataset; else under $PYSPEECH_CORPORA, else downloaded
model=bilstm_ctc  # or tdnn_lstm: conf/<model>.yaml
parse_options "$@"
corpus=$(find_corpus free-spoken-digit-dataset "$corpus_dir")

if stage 0 "Download the corpus"; then download; fi
if stage 1 "Write the manifests"; then manifests; fi
if stage 2 "Compute the features"; then features; fi
if stage 3 "Build the lexicon, the language model and the graph"; then
  tokens phones --lexicon conf/cmudict.txt
  language_model lm --order 2
  graph
fi
if stage 4 "Train"; then train; fi
if stage 5 "Decode"; then decode test; fi
if stage 7 "Score"; then score test; fi
