"""Names, source lines, types and call stacks for the code of a target, from its images and their PDBs."""
