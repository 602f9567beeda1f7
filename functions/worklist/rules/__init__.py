"""The rules of the worklist: order, rights, reviews, and the network's performance. Pure."""
