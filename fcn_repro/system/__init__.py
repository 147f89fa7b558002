"""The machine below everything: files, memory, signals, progress. Nothing here knows of nets."""
