"""Lambda entry point; builds the handler once per cold start."""

import os

from aws.clients import make_clients
from classify.handler import make_handler
from screening.config import Config, read_config

handler = make_handler(read_config(os.environ, Config), make_clients())
