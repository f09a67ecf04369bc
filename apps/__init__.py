"""What people and client software see. No logic that a test would want."""
