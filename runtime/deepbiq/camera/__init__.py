"""Cameras: capturing the newest frame of each source, scoring it, deciding about it, and telling people.

What happens to a frame: `capture` (one thread per source keeps the newest frame) -> `watch` (one loop scores what
is newest) -> `signals` and `decision` (what is wrong with it, and the verdict) -> `burst` (the best frames, kept as
files), `drift` (a lasting fall) -> sinks: JSON lines, MQTT, Prometheus, the web page.
"""
