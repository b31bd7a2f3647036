"""What may happen to a training example.

Chance and work are apart: `draw` says what happens, as plain data that JSON can hold; `apply` does it, the same
whenever it is told the same.
"""
