"""Results as hospitals read them: DICOM SR, a picture, FHIR and HL7, built from one record.

Pure: each builder takes a screening record and the header of its film, and gives the same bytes
whenever it is called again. Identifiers are derived (identifiers.py), times are the judgement's.
"""
