"""INT8 calibration of deepbiq's bundles: it draws pictures, chooses ranges, and measures what they cost."""
