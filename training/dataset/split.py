"""The usual split of a data set: which tenth is held out, and the seed of random choices."""

SEED = 1
FOLD = 0
FOLDS = 10
