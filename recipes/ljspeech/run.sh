#!/usr/bin/env bash
# ljspeech: one reader, 24 hours. Phones, 3-gram HLG of 60,000 words; rescored with a 4-gram of all words.
# Trains on audio, resampled once: at three speeds, with noise and in rooms where there are folders of such sounds.
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recognition.sh" || exit

corpus_dir=       # the folder LJSpeech-1.1 or one in its layout; else under $PYSPEECH_CORPORA, else downloaded
model=bilstm_ctc  # or tdnn_lstm or conformer: conf/<size>/<model>.yaml
size=             # small or full: how large a network and its batches; else small below 2,500 utterances
tokens=phones     # or pieces or characters
pieces=100        # how many, of --tokens pieces
lexicon_file=     # pronunciations, such as cmudict, of --tokens phones; what it lacks, or all, espeak-ng pronounces
lm_text=()        # prose for the language models besides train's text: a file .txt, .gz or .xz
noise_dir=        # sounds to add in training, such as MUSAN; else none
rir_dir=          # rooms to place speech in, such as RIRS_NOISES; else none
parse_options "$@"
corpus=$(find_corpus LJSpeech-1.1 "$corpus_dir")
[[ $tokens == phones ]] || lang=lang_$tokens graph=graph_$tokens exp=exp/$tokens

if stage 0 "Download the corpus"; then download; fi
if stage 1 "Write the manifests"; then manifests; fi
model=${size:-$(size_of_train)}/$model
if stage 2 "Resample the audio, compute the features of dev and test"; then
  audio
  features_but_train audio
fi
if stage 3 "Make the tokens, the language models and the graph"; then
  case $tokens in
    phones) tokens phones ${lexicon_file:+--lexicon "$lexicon_file"} --espeak en-us ;;
    pieces) tokens pieces --pieces "$pieces" ;;
    *) tokens "$tokens" ;;
  esac
  prose --language en
  language_model lm data/prose.txt.gz --order 3 --prune "0 0 1" --vocabulary-limit 60000
  language_model lm_4gram data/prose.txt.gz --order 4 --prune "0 0 1"
  graph
fi
if stage 4 "Train"; then train audio; fi
if stage 5 "Decode"; then decode dev test; fi
if stage 6 "Rescore with the 4-gram, in the lattices and with all its words"; then
  rescore test_4gram --lm data/lm_4gram
  rescore test_all_words --lm data/lm_4gram --method search
fi
if stage 7 "Score"; then score test test_4gram test_all_words; fi
