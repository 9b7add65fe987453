"""The worker loop's parts, each its own module: app, attempt, claim, lease, schedule, progress."""
