"""What the analysis bench shares with its training and tests: pieces, rendering, scoring, rivals."""
