"""The reader of DICOM films.

header.py reads the tags, suitable.py decides which films are accepted, samples.py decodes the
pixels, tones.py turns them into grey levels, and film.py combines these.
"""

from imaging.dicom.film import DicomFilm, read, read_film
from imaging.dicom.refused import Refused

__all__ = ["DicomFilm", "Refused", "read", "read_film"]
