"""Benchmarks of deepbiq: accuracy against human scores and the cost of everything around the network."""
