import torch

from pyspeech.models.xvector import XVector


def test_a_frame_before_the_pooling_hears_seven_to_either_side():
    """15 frames, as in table 1 of the paper. Where nothing is negative, no unit hides what it hears."""
    torch.manual_seed(0)
    model = XVector(num_features=3, channels=5, pooled_channels=4, embedding_width=2, dropout=0.0).eval()
    for parameter in model.parameters():
        parameter.data.abs_()
    heard = []
    model.layers[-1].register_forward_hook(lambda *call: heard.append(call[2][0]))
    x = torch.rand(1, 40, 3)
    changed = x.clone()
    changed[0, 20] += 10
    with torch.no_grad():
        for features in (x, changed):
            model(features, torch.tensor([40]))
    different = (heard[0] != heard[1]).any(0).nonzero().flatten().tolist()
    assert (min(different), max(different)) == (13, 27)
