"""A video pipeline as a flow of jobs; `python -m examples.video_pipeline` runs it."""
