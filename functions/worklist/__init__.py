"""The worklist: the page on which readers see each film with its finding and review it.

`api` serves the page, `enlist` keeps one entry for each screening record, `remind` sends reminders
of films that wait too long, and `precision` publishes local precision. The rules are pure.
"""
