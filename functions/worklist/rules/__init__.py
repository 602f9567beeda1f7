"""The rules of the worklist: order, rights, reviews, and model performance. Pure."""
