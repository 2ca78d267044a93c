"""Nouns and values: what users ask for, what a host must provide, what a kernel has."""
