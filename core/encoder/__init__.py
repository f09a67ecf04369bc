"""The small encoders that read text for the reader and the rails."""
