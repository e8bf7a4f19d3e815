"""What a network is to the rest of the project, whatever is in it: the attributes that all of a kind have.

Both kinds take features ``[B, T, F]`` and lengths in frames ``[B]``, and give an utterance in a padded batch what they
give it alone. The laws in ``tests/models`` hold them to what they say of themselves.
"""

from typing import Literal, Protocol, runtime_checkable

from torch import nn

from pyspeech.errors import UserError

OutputPer = Literal["frame", "utterance"]


@runtime_checkable
class FrameNetwork(Protocol):
    """Log-probabilities ``[B, ceil(T / subsampling), V]`` of tokens, the blank being 0, and their lengths ``[B]``.

    Attributes:
        subsampling: Frames of features for each output.
        look_ahead: Frames of features after its own first one that an output depends on, so that the network can be
            streamed; None where it is all of the utterance.
        gradient_checkpointing: Whether layers are computed again for their gradients, to save memory.
    """

    output_per: OutputPer
    subsampling: int
    look_ahead: int | None
    gradient_checkpointing: bool


@runtime_checkable
class EmbeddingNetwork(Protocol):
    """One embedding ``[B, embedding_width]`` an utterance.

    Attributes:
        embedding_width: Values of an embedding.
    """

    output_per: OutputPer
    embedding_width: int


def frame_network(network: nn.Module) -> FrameNetwork | None:
    """The network as one with an output for each frame; None if it gives embeddings.

    Raises:
        UserError: it says neither what the one nor what the other has to say of itself.
    """
    if isinstance(network, FrameNetwork) and network.output_per == "frame":
        return network
    if isinstance(network, EmbeddingNetwork) and network.output_per == "utterance":
        return None
    raise UserError(
        f"the network {type(network).__name__} is of no kind that is known: give it output_per = 'frame' with "
        "subsampling, look_ahead and gradient_checkpointing, or 'utterance' with embedding_width"
    )
