"""Lambda entry point; builds the handler once per cold start."""

import os

from imaging.sandbox import Sandbox

sandbox = Sandbox()
sandbox.start()  # imports the codecs while this process imports the SDK

from aws.clients import make_render_clients  # noqa: E402
from render.handler import Config, make_handler  # noqa: E402
from screening.config import read_config  # noqa: E402

handler = make_handler(read_config(os.environ, Config), make_render_clients(), sandbox)
