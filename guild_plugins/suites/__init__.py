"""The pytest plugin: suites by scope, collected on demand, distributed over xdist."""
