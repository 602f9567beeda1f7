"""Shared by tests and benchmarks: DICOM films, and a client of the worklist."""
