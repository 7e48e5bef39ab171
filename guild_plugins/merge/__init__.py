"""Three-way merges as values: lines, Python, data formats, lists and logs. Pure.

Git starts a merge driver once per file, so nothing here imports ``dataclasses``,
``enum`` or ``typing``: values are plain classes with slots, never changed after
they were made, and a format's rules are loaded when a file of it is in conflict.
"""
