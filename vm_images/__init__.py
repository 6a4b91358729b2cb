"""Recipes of guest images, one package per guest."""
