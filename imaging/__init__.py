"""From the bytes of an image file to grey levels and to the input of the network."""
