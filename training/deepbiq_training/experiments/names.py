"""What the experiments are called on the command line, in their files and inside these."""

from __future__ import annotations

PRETRAINED = "pretrained"
POOLING = "pooling"
FINETUNED = "finetuned"
SYNTHETIC = "synthetic"
UNSEEN = "unseen"
SUMMARY = "summary"
