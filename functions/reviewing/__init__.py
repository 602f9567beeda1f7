"""The rules of the worklist: order, rights, reviews, and what they tell of the network. Pure."""
