"""Networks pre-trained for recognition, from which features are taken."""

from deepbiq_training.backbones.alexnet import AlexNet
from deepbiq_training.backbones.backbone import Backbone, BackboneSpec, Normalisation
from deepbiq_training.backbones.caffenet import CaffeNet
from deepbiq_training.backbones.efficientnet_lite0 import EfficientNetLite0
from deepbiq_training.backbones.registry import BACKBONES, load_backbone, restore_backbone, untrained_backbone
from deepbiq_training.backbones.weights import WeightsError, WeightsOrigin

__all__ = [
    "BACKBONES",
    "AlexNet",
    "Backbone",
    "BackboneSpec",
    "CaffeNet",
    "EfficientNetLite0",
    "Normalisation",
    "WeightsError",
    "WeightsOrigin",
    "load_backbone",
    "restore_backbone",
    "untrained_backbone",
]
