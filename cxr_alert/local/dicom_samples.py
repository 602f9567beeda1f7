"""Sample films as a hospital's detector would store them, for the demo."""

import io
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from imaging.readers import read_grey

_LEVELS = 4096


def as_dicom(film: Path) -> bytes:
    """Return the film as an uncompressed 12-bit DX image with a window and without a patient."""
    grey = read_grey(film.read_bytes())
    image = Dataset()
    image.SOPClassUID = DigitalXRayImageStorageForPresentation
    image.SOPInstanceUID = generate_uid(entropy_srcs=[film.name])
    image.StudyInstanceUID = generate_uid(entropy_srcs=[film.name, "study"])
    image.SeriesInstanceUID = generate_uid(entropy_srcs=[film.name, "series"])
    image.Modality, image.PresentationIntentType = "DX", "FOR PRESENTATION"
    image.BodyPartExamined, image.ViewPosition = "CHEST", "AP"
    image.Rows, image.Columns = grey.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = 0
    image.WindowCenter, image.WindowWidth = _LEVELS / 2, _LEVELS
    samples = np.rint(grey * ((_LEVELS - 1) / 255)).astype("<u2")
    image.PixelData = samples.tobytes()
    image["PixelData"].VR = "OW"
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = io.BytesIO()
    dcmwrite(file, image, enforce_file_format=True)
    return file.getvalue()
