"""The pieces of the queue bench: who takes part, and each one's own program under rivals/."""
