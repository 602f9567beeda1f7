"""Lambda entry point for the stream; builds the handler once per cold start."""

import os

from aws.clients import make_publish_clients
from publish.handler import Config, make_handler
from screening.config import read_config

handler = make_handler(read_config(os.environ, Config), make_publish_clients())
