"""What a node tells those who look after it: logs, figures, traces; and crash points for tests."""
