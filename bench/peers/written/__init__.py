"""The pipelines as users of each peer write them, run in that peer's environment; nothing of ours is imported.

`python for_X.py chain|fan|hello` does the work and prints one line of JSON, the seconds it took.
"""
