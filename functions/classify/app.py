"""What Lambda loads: the handler, made as the process starts from its environment."""

import os

from aws.clients import make_clients
from classify.handler import make_handler
from screening.config import read_config

handler = make_handler(read_config(os.environ), make_clients())
