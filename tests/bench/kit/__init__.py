"""What the benches share: measure, report, rivals."""
