"""What can be typed after `python -m training`: options in, calls of the modules above out.

Each command imports its own libraries when it is run: PyTorch alone takes seconds to load.
"""
