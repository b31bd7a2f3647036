"""Folders of many cases to learn from: nnU-Net's layout, and case folders of our own."""
