"""The Gradio screens, a file per screen."""
