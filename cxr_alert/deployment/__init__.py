"""Creation and removal of stacks, shared by `install` and `rehearse`."""
