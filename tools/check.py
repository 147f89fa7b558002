"""Old name of tools.validate_data."""

from tools.aliases import run_renamed

if __name__ == "__main__":
    run_renamed("check")
