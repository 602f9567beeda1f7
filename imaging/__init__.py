"""Turn the bytes of an image file into grey levels and into the network's input.

The formats and their signatures belong to the rules of screening, so the functions' folder is on
the path.
"""
