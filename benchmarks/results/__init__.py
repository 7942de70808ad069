"""Result files: records, names of files and folders, machine and versions, and trained stages read back."""
