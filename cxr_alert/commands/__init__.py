"""The commands, one module each: `add_to` declares it, `_run` runs it and prints.

A module imports what its command works with when it is run: PyTorch alone takes seconds to load.
"""
