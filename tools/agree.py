"""Old name of tools.compare_labels."""

from tools.aliases import run_renamed

if __name__ == "__main__":
    run_renamed("agree")
