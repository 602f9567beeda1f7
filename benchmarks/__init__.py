"""Benchmarks of speed and cost, with comparisons: `python -m benchmarks`.

Compared programs run in turn on the same cores and films, for several rounds; the median is
reported. `engines.py` has the alternatives as a user would write them.
"""
