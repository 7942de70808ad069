"""Folders of a user's images: which protocol gives a number, and what each does to a pair."""
