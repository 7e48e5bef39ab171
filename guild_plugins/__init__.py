"""Guild divides one repository into scopes that are worked on, tested and landed in parallel.

Nothing is imported here: git and pytest start this package on every commit and
every run, and pay for each import.

PYTEST_DONT_REWRITE: workers import parts of this package before pytest looks.
"""

__version__ = "0.1.0"
