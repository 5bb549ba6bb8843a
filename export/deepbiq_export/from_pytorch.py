"""Between PyTorch and ONNX: a checkpoint's network as a graph, and a graph's weights in the network again.

The only file of this room that knows the training room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from deepbiq_export.export_error import ExportError
from deepbiq_export.graph import FEATURES, INPUT
from deepbiq_export.half_weights import restore_weights
from deepbiq_export.score_output import SCORE_SCOPE
from deepbiq_export.trained_model import Reference, TrainedModel
from deepbiq_training.backbones import Backbone, BackboneSpec, untrained_backbone
from deepbiq_training.backbones.conv_norm import fold_batch_norms
from deepbiq_training.backbones.pixel_input import PixelInput
from deepbiq_training.backbones.window_linear import WindowLinear
from deepbiq_training.checkpoint import read_checkpoint

OPSET = 18
"""What the exporter writes natively; TensorRT 10 and ONNX Runtime 1.20 read it."""


def load_pytorch_checkpoint(folder: Path) -> TrainedModel:
    """Reads a checkpoint and exports its backbone.

    Raises:
        CheckpointError: When the folder is no intact checkpoint.
        ExportError: When torch cannot export the network.
    """
    checkpoint = read_checkpoint(folder)
    spec = checkpoint.backbone.spec
    return TrainedModel(
        description=checkpoint.description,
        feature_layer=spec.feature_layer,
        feature_size=spec.feature_size,
        stride=spec.stride,
        outer_windows=spec.outer_windows,
        input_size=spec.input_size,
        mean=spec.normalisation.mean,
        std=spec.normalisation.std,
        raw_graph=_export(_PixelGraph(checkpoint.backbone), spec),
        regressors=checkpoint.regressors,
        reference=_reference(checkpoint.backbone),
        reference_of=lambda graph: reference_of_graph(graph, spec.name),
    )


def reference_of_graph(graph: bytes, backbone: str) -> Reference:
    """Runs in PyTorch what an FP32 graph of this room holds: the backbone's own code with the graph's weights.

    Args:
        graph: The ONNX file.
        backbone: Which network it is of.

    Returns:
        The network; see `Reference`.

    Raises:
        OptionError: When there is no such backbone.
        ExportError: When the graph's weights are not the backbone's.
    """
    network = _PixelGraph(untrained_backbone(backbone))
    _use_convolutions(network)
    model = onnx.load_model_from_string(restore_weights(graph))
    values = {item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in model.graph.initializer}
    try:
        _take_weights(network, model.graph.node, values)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ExportError(f"the graph does not hold the weights of {backbone}: {error}") from error

    @torch.inference_mode()
    def run(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(network(torch.from_numpy(images)).numpy())

    return run


def _take_weights(network: _PixelGraph, nodes: Sequence[onnx.NodeProto], values: Mapping[str, Tensor]) -> None:
    """Fills a network's convolutions, in order, from a graph's; the exporter keeps the order of the code."""
    found = [node for node in nodes if node.op_type == "Conv" and not node.name.startswith(SCORE_SCOPE)]
    wanted = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for module, node in zip(wanted, found, strict=True):
        module.load_state_dict({"weight": values[node.input[1]], "bias": values[node.input[2]]})
    (mean,) = (values[node.input[1]] for node in nodes if node.op_type == "Sub")
    network.mean.copy_(mean.view_as(network.mean))


_Layer = TypeVar("_Layer", bound=nn.Module)
Attribute = int | float | str | bool | Sequence[int] | Sequence[float] | Sequence[str] | Sequence[bool]
"""Of an ONNX operator, as `torch.onnx.ops.symbolic` declares it."""


class _PixelGraph(nn.Module):
    """From pixels to features in as few operations as possible.

    Colour order and standard deviation are folded into the first convolution, which is exact. The mean is not: the
    convolution pads with zeros, and a padded pixel must stand for the mean.
    """

    mean: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = fold_batch_norms(backbone)
        normalisation = backbone.spec.normalisation
        std_bgr = torch.tensor(normalisation.std[::-1]).view(1, 3, 1, 1)
        first = self.backbone.first_convolution
        weight = first.weight.detach()
        first.weight = nn.Parameter((weight.flip(1) if normalisation.colour_order == "RGB" else weight) / std_bgr)
        self.register_buffer("mean", torch.tensor(normalisation.mean[::-1]).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Maps (N, H, W, 3) uint8 BGR to the features of its windows, (N, D, rows, columns)."""
        # TensorRT lets nothing but a cast touch bytes, or the transposition would come first.
        feature_map = self.backbone.feature_map(image.float().permute(0, 3, 1, 2) - self.mean)
        return self.backbone.window_features(feature_map)


class _OnnxLrn(nn.Module):
    """ONNX's LRN operator, which torch itself would take apart. It exists in the export only: run, it gives zeros.

    Args:
        norm: The same function in torch: both divide alpha by the number of channels.
    """

    def __init__(self, norm: nn.LocalResponseNorm) -> None:
        super().__init__()
        self.attributes: dict[str, Attribute] = {
            "alpha": norm.alpha,
            "beta": norm.beta,
            "bias": norm.k,
            "size": norm.size,
        }

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        return torch.onnx.ops.symbolic("LRN", (maps,), self.attributes, dtype=maps.dtype, shape=maps.shape)


def _use_convolutions(network: nn.Module) -> None:
    """Replaces, in place, fully connected layers over windows by convolutions, which ONNX has an operator for."""
    _replace(network, WindowLinear, WindowLinear.as_convolution)


def _use_onnx_lrn(network: nn.Module) -> None:
    """Replaces, in place, local response normalisation by ONNX's operator, which the exporter would take apart."""
    _replace(network, nn.LocalResponseNorm, _OnnxLrn)


def _replace(network: nn.Module, kind: type[_Layer], made_of: Callable[[_Layer], nn.Module]) -> None:
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, kind):
                setattr(parent, name, made_of(child))


def _export(network: nn.Module, spec: BackboneSpec) -> bytes:
    """Runs torch's exporter on a network with dynamic batch, height and width."""
    _use_convolutions(network)
    _use_onnx_lrn(network)
    dynamic = torch.export.Dim.DYNAMIC
    # Two windows by four: an axis of length one would not be taken for dynamic.
    height, width = (spec.input_size + further * spec.stride for further in (1, 3))
    example = torch.zeros((2, height, width, 3), dtype=torch.uint8)
    # The exporter is pinned to dynamo: its optimiser folds the asymmetric paddings into the convolutions, while the
    # older one leaves five Pad nodes, each with a tail of shape arithmetic.
    try:
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            optimize=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[FEATURES],
            dynamic_shapes=({0: dynamic, 1: dynamic, 2: dynamic},),
        )
    except torch.onnx.OnnxExporterError as error:
        raise ExportError(f"torch {torch.__version__} cannot export the network: {error}") from error
    assert program is not None
    return bytes(program.model_proto.SerializeToString())


def _reference(backbone: Backbone) -> Reference:
    pixels = PixelInput(backbone.spec.normalisation)

    @torch.inference_mode()
    def run(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        feature_map = backbone.feature_map(pixels(torch.from_numpy(images)))
        return np.asarray(backbone.window_features(feature_map).numpy())

    return run
