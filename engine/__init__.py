"""Everything the nodes do, importable without ComfyUI."""
