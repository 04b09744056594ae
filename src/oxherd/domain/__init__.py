"""What a job, a flow and a transition are: pure, with no I/O, clock or randomness."""
