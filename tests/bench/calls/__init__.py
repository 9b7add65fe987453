"""What `bin/bench ports` runs: the work, and one caller a contestant, in a process of its own."""
