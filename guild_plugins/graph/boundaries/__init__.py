"""Rules between scopes, judged on the imports of any tree."""
