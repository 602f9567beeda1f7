"""The usual split of a data set: which tenth is held out, and the seed of what is drawn."""

SEED = 1
FOLD = 0
FOLDS = 10
