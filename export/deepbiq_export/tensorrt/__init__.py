"""From an ONNX graph to a TensorRT plan, on the device that will run it; needs neither torch nor onnx."""
