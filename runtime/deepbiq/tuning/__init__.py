"""Tuning: which engine, precision and number of threads is fastest on this machine and keeps accuracy."""
