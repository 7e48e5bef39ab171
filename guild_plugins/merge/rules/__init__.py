"""Rules that settle conflicts, one a module, each pure and measured on real merges.

A rule is given the three versions of one place and says how they are joined, or
``None`` where it does not know. It never guesses: what it does not recognise is
the next rule's, and in the end a person's. ``table`` holds them all in order.
"""
