"""Fine-tuning: the network learns quality before its features are taken."""
