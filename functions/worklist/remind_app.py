"""Lambda entry point; builds the handler once per cold start."""

import os

from aws.clients import make_worklist_clients
from screening.config import read_config
from worklist.remind import Config, make_handler

handler = make_handler(read_config(os.environ, Config), make_worklist_clients())
