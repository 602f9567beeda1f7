"""The laboratory: the pipeline that makes the shipped network from films.

`python -m laboratory` runs it. No other room imports this package.
"""
