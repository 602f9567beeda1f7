"""What Lambda loads for the API: the handler, made as the process starts from its environment."""

import os

from aws.clients import make_worklist_clients
from screening.config import read_config
from worklist.api import Config, make_handler

handler = make_handler(read_config(os.environ, Config), make_worklist_clients())
