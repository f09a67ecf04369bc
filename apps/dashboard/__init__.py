"""The Streamlit pages, a file per page."""
