"""What Lambda loads: the handler, made as the process starts from its environment."""

import os

from aws.clients import make_render_clients
from imaging.sandbox import Sandbox
from render.handler import Config, make_handler
from screening.config import read_config

sandbox = Sandbox()
sandbox.start()  # it gets ready while the rest of the function does
handler = make_handler(read_config(os.environ, Config), make_render_clients(), sandbox)
