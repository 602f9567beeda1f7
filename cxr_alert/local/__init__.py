"""The whole application on this machine: a cloud emulator, the model container, the real template.

Tests and benchmarks enter by `with stack.running(Settings(...)) as running:`, people by `cxr-alert
demo

up

down

alerts`.
"""
