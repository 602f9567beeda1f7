"""Results for hospital systems: DICOM SR, Secondary Capture, FHIR and HL7, from one record.

The builders are pure. Each takes a screening record and the header of its film, and always returns
the same bytes for them. Identifiers are derived (identifiers.py); times are those of the judgement.
"""
