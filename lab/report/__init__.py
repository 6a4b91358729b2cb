"""Reports of what scenarios left on disk."""
