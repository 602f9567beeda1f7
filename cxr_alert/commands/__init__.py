"""The commands: options in, one call of the room that does the work out.

Each imports that room when it is run, not before: PyTorch alone takes seconds to load.
"""
