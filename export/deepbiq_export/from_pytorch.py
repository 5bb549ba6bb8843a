"""From a PyTorch checkpoint to an ONNX graph; the only file of this room that knows torch and the training room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from deepbiq_export.export_error import ExportError
from deepbiq_export.graph import FEATURES, INPUT
from deepbiq_export.trained_model import Reference, TrainedModel
from deepbiq_training.backbones import Backbone, BackboneSpec
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
    )


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
        _use_onnx_operators(self.backbone)
        normalisation = backbone.spec.normalisation
        std_bgr = torch.tensor(normalisation.std[::-1]).view(1, 3, 1, 1)
        first = self.backbone.first_convolution
        weight = first.weight.detach()
        first.weight = nn.Parameter((weight.flip(1) if normalisation.colour_order == "RGB" else weight) / std_bgr)
        self.register_buffer("mean", torch.tensor(normalisation.mean[::-1]).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Maps (N, H, W, 3) uint8 BGR to the features of its windows, (N, D, rows, columns)."""
        # Transposed while a value is still one byte.
        feature_map = self.backbone.feature_map(image.permute(0, 3, 1, 2).float() - self.mean)
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


def _use_onnx_operators(network: nn.Module) -> None:
    """Replaces, in place, the layers that ONNX has an operator for and the exporter would take apart."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, WindowLinear):
                setattr(parent, name, child.as_convolution())
            elif isinstance(child, nn.LocalResponseNorm):
                setattr(parent, name, _OnnxLrn(child))


def _export(network: nn.Module, spec: BackboneSpec) -> bytes:
    """Runs torch's exporter on a network with dynamic batch, height and width."""
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
