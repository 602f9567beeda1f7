"""What tests and benchmarks share: DICOM films, and the worklist as a program talks to it."""
