"""How the parameters of a network lie in memory."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def lay_out(network: Network, memory_format: torch.memory_format) -> Network:
    """Lays the four-dimensional parameters and buffers of a network out anew, in place.

    Args:
        network: The network, which is also returned.
        memory_format: For example `torch.channels_last`, which is NHWC.
    """
    # Only from 2.14 on does torch declare the argument that it has always taken.
    undeclared: Any = network
    undeclared.to(memory_format=memory_format)
    return network
