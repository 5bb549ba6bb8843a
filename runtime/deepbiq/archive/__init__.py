"""Archives: the same score for every picture of a folder, a bucket or a list, restartable, nothing lost."""
