"""The export room: from a trained checkpoint to a bundle that needs no PyTorch."""
