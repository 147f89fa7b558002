"""Fetch files: download with resume, verify digests, unpack."""
