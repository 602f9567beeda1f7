"""DICOM files made from grey levels, as a 12-bit detector would store the same film."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from imaging.grey import Grey

ENCODERS: Mapping[UID, Callable[[NDArray[Any]], Any]] = {
    JPEGBaseline8Bit: lambda samples: imagecodecs.jpeg8_encode((samples >> 4).astype(np.uint8), 95),
    JPEGExtended12Bit: lambda samples: imagecodecs.jpeg8_encode(samples, 95, bitspersample=12),
    JPEGLossless: lambda samples: imagecodecs.ljpeg_encode(samples, bitspersample=12),
    JPEGLosslessSV1: lambda samples: imagecodecs.ljpeg_encode(samples, bitspersample=12),
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEGLSNearLossless: lambda samples: imagecodecs.jpegls_encode(samples, level=8),
    JPEG2000Lossless: lambda samples: imagecodecs.jpeg2k_encode(
        samples, level=0, codecformat="j2k", bitspersample=12, reversible=True
    ),
    JPEG2000: lambda samples: imagecodecs.jpeg2k_encode(
        samples, level=60, codecformat="j2k", bitspersample=12, reversible=False
    ),
    HTJ2KLossless: lambda samples: imagecodecs.htj2k_encode(samples, reversible=True),
    HTJ2K: lambda samples: imagecodecs.htj2k_encode(samples, level=0.0005, reversible=False),
}
PLAIN = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K)
SYNTAXES = (*PLAIN, RLELossless, *ENCODERS)
EIGHT_BITS = (JPEGBaseline8Bit,)

# Values that must not appear in any log, alert, metric or object key.
SECRETS = {
    "PatientName": "Musterfrau^Xaveria",
    "PatientID": "PID-7749-XQ",
    "PatientBirthDate": "20211003",
    "AccessionNumber": "ACC-55-91-QZ",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.771",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.772",
    "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.773",
}


def dicom(
    grey: Grey,
    syntax: UID = ExplicitVRLittleEndian,
    *,
    monochrome1: bool = False,
    window: bool = True,
    tags: Mapping[str, Any] | None = None,
    change: Callable[[Dataset], None] | None = None,
) -> bytes:
    """Return a DX file of a film given as grey levels; `tags` are set last, None removes one.

    `change` then edits the data set where tags can't.
    """
    bits = 8 if syntax in EIGHT_BITS else 12
    top = 2**bits - 1
    values = np.rint(grey.astype(np.float64) * (4095 / 255)).astype(np.uint16)
    samples = 4095 - values if monochrome1 else values
    dataset = Dataset()
    for name, value in SECRETS.items():
        setattr(dataset, name, value)
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.Modality = "DX"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.StudyDate = "20260801"
    dataset.PatientAge = "004Y"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "AP"
    dataset.Rows, dataset.Columns = grey.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if monochrome1 else "MONOCHROME2"
    dataset.BitsAllocated = 8 if bits == 8 else 16
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    dataset.PixelSpacing = [0.15, 0.15]
    if window:
        # The second one must be ignored.
        dataset.WindowCenter, dataset.WindowWidth = [(top + 1) / 2, 60], [top + 1, 100]
    if syntax in ENCODERS:
        dataset.PixelData = encapsulate([ENCODERS[syntax](samples)])
        dataset["PixelData"].VR = "OB"
    else:
        stored = samples.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2")
        dataset.PixelData = stored.tobytes()
        dataset["PixelData"].VR = "OW"
    if syntax == RLELossless:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    for name, value in (tags or {}).items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    if change is not None:
        change(dataset)
    return written(dataset, syntax)


def written(dataset: Dataset, syntax: UID) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def film(width: int = 64, height: int = 48) -> Grey:
    """Return a small film with grey levels that differ along both sides."""
    return np.add.outer(np.arange(height) * 3, np.arange(width)).astype(np.uint8)
