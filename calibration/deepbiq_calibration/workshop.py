"""The workshop: makes the INT8 graph of a recipe, and keeps what several recipes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import TensorsData

from deepbiq_calibration.bias_correction import Vector, add_to_bias, correct_features, layer_errors
from deepbiq_calibration.calibration_error import CalibrationError
from deepbiq_calibration.equalisation import Stream, channel_peaks, equalise, find_streams
from deepbiq_calibration.first_layer import take_four_pixels
from deepbiq_calibration.flavours import (
    Flavour,
    all_but,
    candidates_of,
    is_symmetric,
    quantise,
    tensors_to_range,
)
from deepbiq_calibration.inference import Images
from deepbiq_calibration.network import initialisers, layers_of
from deepbiq_calibration.ranges import Method, collect_ranges
from deepbiq_calibration.rounding import round_weights, second_moments, store_weights
from deepbiq_calibration.window_pooling import pool_in_two_passes


@dataclass(frozen=True)
class Recipe:
    """How an INT8 graph is made.

    Attributes:
        method: How ranges are chosen.
        equalised: Whether channels are equalised across layers first.
        rounded: Whether weights are rounded for the layer's output rather than to the nearest.
        corrected: Whether biases are corrected.
        left_in_float: Names of the layers that stay in float.
    """

    method: Method
    equalised: bool = False
    rounded: bool = False
    corrected: bool = False
    left_in_float: tuple[str, ...] = ()


class Workshop:
    """Makes graphs of one flavour from one network.

    Args:
        network: The FP32 network.
        features: Its output.
        flavour: `cpu` or `tensorrt`.
        inputs: Calibration inputs, at least one.
        threads: Threads of one inference; None takes one per physical core.
        sides: What every side of a picture is a multiple of.
    """

    def __init__(
        self,
        network: onnx.ModelProto,
        features: str,
        flavour: Flavour,
        inputs: Sequence[Images],
        threads: int | None,
        sides: int,
    ) -> None:
        self.features = features
        self.flavour: Flavour = flavour
        self._plain = network
        self._inputs = inputs
        self._threads = threads
        self._sides = sides
        self._ranges: dict[tuple[Method, bool], TensorsData] = {}
        self._errors: dict[Recipe, dict[str, Vector]] = {}
        self._weights: dict[bool, dict[str, npt.NDArray[np.int8]]] = {}

    @cached_property
    def layers(self) -> list[str]:
        """The layers that this flavour quantises unless they are left in float."""
        return candidates_of(self._plain, self.features, self.flavour)

    @cached_property
    def streams(self) -> list[Stream]:
        """What can be equalised."""
        return find_streams(self._plain, self.features)

    def make(self, recipe: Recipe) -> bytes:
        """Makes the graph of a recipe.

        Returns:
            The ONNX file.

        Raises:
            CalibrationError: When the graph is invalid or cannot be run.
        """
        found = self._quantised(recipe)
        if self.flavour == "cpu":
            found = pool_in_two_passes(take_four_pixels(found, self._sides))
        words = {item.key: item.value for item in self._plain.metadata_props}
        onnx.helper.set_model_props(found, {**words, "precision": self._words(recipe)})
        try:
            onnx.checker.check_model(found, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise CalibrationError(f"the {self.flavour} graph is not valid ONNX: {error}") from error
        return bytes(found.SerializeToString(deterministic=True))

    def make_of_one(self, layer: str, method: Method) -> onnx.ModelProto:
        """Makes a graph in which only one layer is quantised."""
        others = all_but(self._plain, self.features, layer)
        return quantise(self._plain, self.features, self.flavour, self._ranges_of(method, False), others)

    def _quantised(self, recipe: Recipe) -> onnx.ModelProto:
        network = self._network(equalised=recipe.equalised)
        ranges = self._ranges_of(recipe.method, recipe.equalised)
        found = quantise(network, self.features, self.flavour, ranges, recipe.left_in_float)
        if recipe.rounded:
            found = store_weights(found, self._weights_of(equalised=recipe.equalised))
        if not recipe.corrected:
            return found
        for layer, error in self._errors_of(recipe).items():
            if layer not in recipe.left_in_float:
                add_to_bias(found, layer, error)
        return correct_features(network, found, self.features, self._inputs, self._threads)

    def _network(self, *, equalised: bool) -> onnx.ModelProto:
        return self._equalised if equalised else self._plain

    @cached_property
    def _equalised(self) -> onnx.ModelProto:
        peaks = channel_peaks(self._plain, self.streams, self._inputs, self._threads)
        return equalise(self._plain, self.streams, peaks)

    def _ranges_of(self, method: Method, equalised: bool) -> TensorsData:
        key = method, equalised
        if key not in self._ranges:
            network = self._network(equalised=equalised)
            tensors = tensors_to_range(network, self.features)
            symmetric = is_symmetric(self.flavour)
            self._ranges[key] = collect_ranges(network, tensors, self._inputs, method, symmetric=symmetric)
        return self._ranges[key]

    def _weights_of(self, *, equalised: bool) -> dict[str, npt.NDArray[np.int8]]:
        """Rounds the weights of every layer; they do not depend on which of them stay in float."""
        if equalised not in self._weights:
            network = self._network(equalised=equalised)
            layers = [node for node in layers_of(network, self.features) if node.name in self.layers]
            values = initialisers(network)
            weights = {node.name: np.asarray(values[node.input[1]], np.float32) for node in layers}
            moments = second_moments(network, layers, self._inputs, self._threads)
            # Their steps are the same with any ranges of activations.
            ranges = self._ranges_of("minmax", equalised)
            whole = quantise(network, self.features, self.flavour, ranges)
            self._weights[equalised] = round_weights(whole, weights, moments, pairs_fit=self.flavour == "cpu")
        return self._weights[equalised]

    def _errors_of(self, recipe: Recipe) -> dict[str, Vector]:
        """Measures every layer's own error; it does not depend on which of them stay in float."""
        every = replace(recipe, corrected=False, left_in_float=())
        if every not in self._errors:
            network = self._network(equalised=recipe.equalised)
            whole = self._quantised(every)
            self._errors[every] = layer_errors(network, whole, self.layers, self._inputs, self._threads)
        return self._errors[every]

    def _words(self, recipe: Recipe) -> str:
        quantised = len(self.layers) - len(recipe.left_in_float)
        return f"INT8 for {'CPUs' if self.flavour == 'cpu' else 'TensorRT'}: {quantised} convolutions are quantised"
