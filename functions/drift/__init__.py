"""Drift watch: compares the films of a site with its own first ones, without labels.

A function in a separate stack counts each complete day once. It reads the records through their
index by time, never the whole table, and writes only its own item. `rules` and `limits` are pure;
the limits were chosen by the simulation in `benchmarks/drift.py`.
"""
