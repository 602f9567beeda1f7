"""The laboratory: the one pipeline that makes the shipped network from films.

`python -m laboratory` runs it. Nothing of the product imports this package.
"""
