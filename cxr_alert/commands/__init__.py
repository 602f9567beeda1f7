"""The commands, one module each: `add_to` declares the command, `_run` runs it and prints.

A module imports its heavy dependencies only when it runs: PyTorch alone takes seconds to load.
"""
