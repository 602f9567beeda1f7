"""The one program: `cxr-alert COMMAND`, or `python -m cxr_alert COMMAND`.

`program.py` says which commands there are, `commands/` what each takes; the work is done in
`local/`, `training/`, `operate/` and `benchmarks/`.
"""
