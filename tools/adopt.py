"""Old name of tools.user_dataset."""

from tools.aliases import run_renamed

if __name__ == "__main__":
    run_renamed("adopt")
