"""Networks pre-trained for recognition, from which features are taken."""

from deepbiq_training.backbones.backbone import Backbone, BackboneSpec, Normalisation
from deepbiq_training.backbones.efficientnet_lite0 import EfficientNetLite0

__all__ = ["Backbone", "BackboneSpec", "EfficientNetLite0", "Normalisation"]
