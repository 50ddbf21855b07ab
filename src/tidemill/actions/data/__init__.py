"""Versions of files and folders: taking them, putting them back, telling what differs."""
