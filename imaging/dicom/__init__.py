"""The reader of DICOM files: X-rays as hospitals have them.

header.py reads the tags, suitable.py says which films are taken, samples.py decodes the pixels,
tones.py makes grey levels of them, and film.py puts these together.
"""

from imaging.dicom.film import DicomFilm, read, read_film
from imaging.dicom.refused import Refused

__all__ = ["DicomFilm", "Refused", "read", "read_film"]
