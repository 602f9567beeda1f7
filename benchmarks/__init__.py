"""How fast the application is, what it costs, and how that compares: `python -m benchmarks`.

Whatever is compared runs on the same cores and the same films, in turn, for several rounds; what is
told is the median. `engines.py` holds the alternatives as a user would write them.
"""
