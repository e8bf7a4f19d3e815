import numpy as np
import torch

from pyspeech.decoding.greedy import best_tokens


def test_the_best_token_of_every_true_frame_is_taken():
    log_probs_BTV = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(0)).log_softmax(2)
    found = best_tokens(log_probs_BTV, [6, 0, 3])
    for n, length in enumerate([6, 0, 3]):
        frames = log_probs_BTV[n, :length].numpy()
        assert found[n].tokens.tolist() == [int(np.argmax(frame)) for frame in frames]
        assert found[n].log_probs.tolist() == [float(frame.max()) for frame in frames]
        assert found[n].tokens.dtype == np.int32


def test_an_output_that_is_not_finite_shows():
    log_probs_BTV = torch.zeros(1, 2, 3)
    log_probs_BTV[0, 1, 2] = float("nan")
    assert not np.isfinite(best_tokens(log_probs_BTV, [2])[0].log_probs).all()
