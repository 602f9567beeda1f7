"""The whole application on this machine: a cloud emulator, the model container, the real template.

`with stack.running(Settings(...)) as running:` is the way in for tests and benchmarks,
`cxr-alert demo|up|down|alerts` the way in for people.
"""
