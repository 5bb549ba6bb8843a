"""TensorRT on NVIDIA devices: engines built on the device that runs them, proved on golden pictures, cached."""
