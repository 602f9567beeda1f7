"""Lambda entry point; builds the handler once per cold start."""

import os

from aws.clients import make_notify_clients
from notify.handler import Config, make_handler
from screening.config import read_config

handler = make_handler(read_config(os.environ, Config), make_notify_clients())
