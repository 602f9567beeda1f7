"""The one program: `cxr-alert COMMAND`, or `python -m cxr_alert COMMAND`.

`program.py` lists the commands; each is one module of `commands/` that declares its arguments, runs
and prints. `operate/` holds what the commands on a deployed application share, `local/` the
application on this machine.
"""
