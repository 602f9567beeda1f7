"""The worklist: the page where findings are seen beside their films and answered.

`app` answers the page, `enlist` follows the screening records, `remind` tells of what waits too
long; the rules beside them are pure.
"""
