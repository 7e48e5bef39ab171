"""Compares Guild with pytest-xdist on real and made suites: ``python -m benchmarks``.

Run by hand; no test depends on what is measured here.
"""
