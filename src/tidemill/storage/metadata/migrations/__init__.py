"""The way from every past schema to the current one, a numbered file for each step.

A new step: change `tables.py`, add `versions/NNNN_what.py` with `revision` and `down_revision`, raise `tables.SCHEMA`.
The tests compare the sum of the steps with `tables.py`. A step is never edited once it has been released.
"""
