#!/usr/bin/env bash
# ljspeech: one reader, 24 hours. Either model, phones, 3-gram HLG of 20,000 words; rescored with a 4-gram of all words.
. "$(dirname "$0")/../../local/recognition.sh"

corpus_dir=       # the folder LJSpeech-1.1 or one in its layout; else under $PYSPEECH_CORPORA, else downloaded
model=bilstm_ctc  # or tdnn_lstm: conf/<model>.yaml
lm_text=          # prose for the language models besides train's text: a file .txt, .gz or .xz
parse_options "$@"
corpus=$(find_corpus LJSpeech-1.1 "$corpus_dir")

if stage 0 "Download the corpus"; then download; fi
if stage 1 "Write the manifests"; then manifests; fi
if stage 2 "Compute the features"; then features; fi
if stage 3 "Build the lexicon, the language models and the graph"; then
  tokens phones --espeak en-us
  pyspeech lm text data/prose.txt.gz ${lm_text:+"$lm_text"}
  language_model lm data/prose.txt.gz --order 3 --prune "0 0 1" --vocabulary-limit 20000
  language_model lm_4gram data/prose.txt.gz --order 4 --prune "0 0 1"
  graph
fi
if stage 4 "Train"; then train; fi
if stage 5 "Decode"; then decode dev test; fi
if stage 6 "Rescore with the 4-gram, in the lattices and with all its words"; then
  rescore test_4gram --lm data/lm_4gram
  rescore test_all_words --lm data/lm_4gram --method search
fi
if stage 7 "Score"; then score test test_4gram test_all_words; fi
