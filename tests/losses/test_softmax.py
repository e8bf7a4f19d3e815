import math

import torch

from pyspeech.losses.softmax import Softmax


def test_equals_the_sum_over_all_outputs():
    torch.manual_seed(0)
    loss = Softmax(num_inputs=3, num_outputs=4)
    embeddings, targets = torch.randn(5, 3), [0, 3, 1, 1, 2]
    weight, bias = loss.output.weight.tolist(), loss.output.bias.tolist()
    found = loss(embeddings, torch.tensor(targets), 0.0)
    for b, (embedding, target) in enumerate(zip(embeddings.tolist(), targets, strict=True)):
        logits = [sum(w * x for w, x in zip(weight[v], embedding, strict=True)) + bias[v] for v in range(4)]
        expected = math.log(sum(math.exp(logit) for logit in logits)) - logits[target]
        torch.testing.assert_close(found[b], torch.tensor(expected))
        torch.testing.assert_close(loss.logits(embeddings)[b], torch.tensor(logits))
