"""Results of test files, kept by what they depend on."""
