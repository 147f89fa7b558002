"""The machine below everything else: files, memory, signals, progress, processes. Nothing here knows nets.

atomic_write, file_lock    whole files or none; one process at a time
untrusted_files            files from elsewhere: size limits, and the image formats that are decoded
json_note, text_table      this project's JSON notes; tables for people
memory, parallel_map       how much memory is available; work shared by all cores
progress, signals          long jobs: what they report, and how they stop

Importing these modules reads no file and changes no setting. They work on Linux and macOS. On Windows they import, and
`file_lock` and `memory` work; signals and `memory.limit_bytes` are POSIX.
"""
