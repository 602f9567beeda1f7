"""What Lambda loads: the handler, made as the process starts from its environment."""

import os

from aws.clients import make_clients
from imaging.cell import Cell
from render.handler import make_handler

cell = Cell()
cell.start()  # it gets ready while the rest of the function does
handler = make_handler(os.environ, make_clients(), cell)
