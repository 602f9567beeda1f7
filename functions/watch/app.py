"""Lambda entry point; builds the handler once per cold start."""

import os

from aws.clients import make_watch_clients
from screening.config import read_config
from watch.handler import Config, make_handler

handler = make_handler(read_config(os.environ, Config), make_watch_clients())
