"""Quantisation-aware fine-tuning: the network learns to keep its scores when it computes with 8-bit integers."""
