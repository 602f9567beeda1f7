"""From the bytes of an image file to grey levels and to the input of the network.

The formats and their signatures are a rule of screening, so the functions' folder is on the path.
"""
