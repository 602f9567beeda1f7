"""Drift: what the films of one site look like against its own first ones, without labels.

A function of a stack of its own counts each whole day once. It reads the records by the index of
their time, never the whole table, and changes nothing but its own item. `rules` and `limits` are
pure; the limits were chosen by the simulation in `benchmarks/drift.py`.
"""
