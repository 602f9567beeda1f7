"""Results for hospital systems: DICOM SR, Secondary Capture, FHIR and HL7, from one record.

The builders are pure. Each takes a screening record and the header of its film, and returns the
same bytes each time. Identifiers are derived (identifiers.py); times are those of the judgement.
"""
