"""The separation bench's parts: the networks, the contestants, the comparison of what they made."""
