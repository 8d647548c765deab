"""Neural networks: torch modules, their loader and their weights. Every function here takes and returns tensors."""
