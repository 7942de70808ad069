"""Result files: their records, their folders, what they say about machine and code, and trained stages read back."""
