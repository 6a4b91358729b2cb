"""The recipe of the Windows guest."""
