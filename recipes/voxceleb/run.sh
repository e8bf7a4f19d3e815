#!/usr/bin/env bash
# voxceleb: who is speaking? Trains on VoxCeleb1, and VoxCeleb2 if it is there; verifies on VoxCeleb1's official trials.
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/verification.sh" || exit

corpus_dir=         # the folder of VoxCeleb1; else $PYSPEECH_CORPORA/voxceleb1, else download/voxceleb1
voxceleb2_dir=      # the folder of VoxCeleb2, whose dev part trains too
trials_file=        # another list of test speakers' trials, such as veri_test2.txt; else the corpus's veri_test.txt
model=speaker_lstm  # or xvector or ecapa_tdnn: conf/<size>/<model>.yaml
size=small          # for an hour or two on a CPU; or full, for the whole corpus on a GPU
noise_dir=          # sounds to add in training, such as MUSAN; else $PYSPEECH_CORPORA/noise_and_rir/noise, else none
rir_dir=            # rooms, such as RIRS_NOISES; else $PYSPEECH_CORPORA/noise_and_rir/rir, else none
parse_options "$@"
corpus=$(find_corpus voxceleb1 "$corpus_dir")
prepare=(--voxceleb2-dir "$voxceleb2_dir")
model=$size/$model
[[ -z $voxceleb2_dir ]] || data=data/voxceleb2 exp=exp/voxceleb2

if stage 0 "Look for the corpus"; then download; fi
if stage 1 "Write the manifests and the trials"; then
  manifests
  trials dev
  trials test --list "${trials_file:-$corpus/veri_test.txt}"
fi
if stage 2 "Compute the features"; then features; fi
if stage 3 "Make the table of speakers"; then labels speaker; fi
if stage 4 "Train"; then train; fi
if stage 5 "Embed, and score the trials by cosines"; then
  embed train dev test
  by_cosine dev test
fi
if stage 6 "Score by PLDA and with a cohort, and calibrate"; then
  by_plda dev test
  by_cohort dev test
  calibrate test test_plda test_cohort
fi
if stage 7 "Score"; then
  identify test
  score test_calibrated test_plda_calibrated test_cohort_calibrated
fi
