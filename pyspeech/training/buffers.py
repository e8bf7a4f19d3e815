"""Buffers of a network, such as the running statistics of batch norms: what batches leave in them."""

import torch
from torch import Tensor, nn


class Buffers:
    """The buffers of a network that belong to its state, as one vector of doubles, which hold any float32 exactly."""

    def __init__(self, model: nn.Module) -> None:
        self.device = next(model.parameters()).device
        stored = model.state_dict().keys()
        self.tensors = [buffer for name, buffer in model.named_buffers() if name in stored]

    def copy(self) -> Tensor:
        """Return their values: ``[N]``."""
        if not self.tensors:
            return torch.zeros(0, dtype=torch.float64, device=self.device)
        return torch.cat([tensor.detach().flatten().double() for tensor in self.tensors])

    def put(self, values_N: Tensor) -> None:
        """Set them to these values."""
        sizes = [tensor.numel() for tensor in self.tensors]
        with torch.no_grad():
            for tensor, part in zip(self.tensors, torch.split(values_N, sizes), strict=True):
                tensor.copy_(part.view(tensor.shape))
