"""Body part and view from the words of a header, in the vocabularies that machines use.

Only clear statements count: a text that names the chest and something else, or a frontal and a
lateral view, decides nothing, and the gate decides.
"""

import re
import unicodedata

_CHEST = "CHEST THORAX TORAX THORACIC LUNG LUNGS LUNGE CXR THX PULMONARY PULMO RX-THORAX BABYGRAM"
_OTHER = """
    SKULL SCHAEDEL SCHADEL CRANE CRANEO HEAD KOPF FACIAL EAR EYE ORBIT ORBITS JAW MANDIBLE
    MAXILLA ZYGOMA TMJ NASAL SINUS SINUSES TOOTH TEETH DENTAL MASTOID NECK HALS ADENOID ADENOIDS
    LARYNX SPINE WHOLESPINE WIRBELSAEULE COLUMNA CERVICAL CSPINE TSPINE LSPINE SSPINE CTSPINE
    TLSPINE LSSPINE LUMBAR
    SACRUM SACRAL COCCYX HWS BWS LWS SCOLIOSIS
    STERNUM CLAVICLE SCAPULA SHOULDER SCHULTER HOMBRO EPAULE ARM HUMERUS ELBOW ELLENBOGEN CODO
    FOREARM UNTERARM RADIUS ULNA WRIST HANDGELENK HAND MANO FINGER THUMB DAUMEN METACARPAL CARPUS
    BREAST MAMMA MAMMO ABDOMEN ABDOMINAL ABDO ABD KUB BAUCH STOMACH COLON BOWEL ESOPHAGUS OESOPHAGUS
    KIDNEY BLADDER URINARY PELVIS BECKEN PELVIC HIP HUEFTE HUFTE CADERA HANCHE SIJOINT CERVIX
    EXTREMITY EXTREMITIES EXM LIMB LEG BEIN PIERNA THIGH FEMUR KNEE KNIE RODILLA GENOU PATELLA
    TIBIA FIBULA TIB FIB TIBFIB CALF ANKLE SPRUNGGELENK TOBILLO CHEVILLE FOOT FUSS FEET COUDE
    SACROILIAC CALCANEUS HEEL TOE TOES METATARSAL PHANTOM
"""
_SIDES = r"(?:L|R|LT|RT|LEFT|RIGHT|BILAT|BILATERAL|BOTH|B|LE|RE|LI|UPPER|LOWER)"
_VIEWS = r"(?:AP|PA|LAT|LATERAL|OBL|OBLIQUE|AXIAL)"

_FRONTAL = "AP PA FRONTAL POSTEROANTERIOR ANTEROPOSTERIOR APPA PAAP FACE FRONTALE"
_SIDE = """
    LAT LATERAL LATERALE LATERALIS LL RL LLAT RLAT LATL LATR LTLAT RTLAT LLATERAL RLATERAL
    LATERALL LATERALR LEFTLATERAL RIGHTLATERAL XTLAT XTLATERAL XTABLE CROSSTABLE XTABLELAT
    XTABLELATERAL CTLAT SEITLICH SEITL PROFIL PERFIL LATEROLATERAL LLO RLO
    OBLIQUE OBL LAO RAO LPO RPO SCHRAEG SAGITTAL
"""
# Films of patients who lie on their side are frontal.
_DECUBITUS = re.compile(r"\b(?:[LR]L?D|DECUB\w*|[LR] ?LAT ?DEC\w*)\b")
# Words for body parts that mean something else here.
_PHRASES = re.compile(
    r"\b[CU][ -]?ARM\b|\bHEAD (?:FIRST|UP|DOWN|END)\b|\bFEET FIRST\b|\bFOOT (?:END|SIDE)\b"
    r"|\b(?:ARM|HAND)S (?:UP|DOWN|RAISED)\b|\b\d+ ?FEET\b|\bFREE HAND\b|\bHAND HELD\b|\bBED HEAD\b"
)
_AS_LETTERS = (
    (re.compile(r"\bA\.? ?P\b\.?"), "AP"),
    (re.compile(r"\bP\.? ?A\b\.?"), "PA"),
    (re.compile(r"\b(POSTERO|ANTERO)[ -]?(ANTERIOR|POSTERIOR)\b"), r"\1\2"),
    (re.compile(r"\b(?:X|CROSS)[ -]?TABLE\b"), "XTABLE"),
    (re.compile(r"\bLATERO[ -]LATERAL\b"), "LATEROLATERAL"),
    (re.compile(r"\b([CTLS])[ -]SPINE\b"), r"\1SPINE"),
    (re.compile(r"\bTHORACIC (?=\w*(?:SPINE|VERTEBRA|COLUMN))"), "DORSAL "),
)


def _pattern(words: str) -> re.Pattern[str]:
    parts = "|".join(sorted(words.split(), key=len, reverse=True))
    return re.compile(f"{_SIDES}?(?:(?:{parts})S?)+{_SIDES}?{_VIEWS}?")


_CHEST_WORD, _OTHER_WORD = _pattern(_CHEST), _pattern(_OTHER)
_BOTH_WORD = re.compile(f"(?:{'|'.join(_CHEST.split())})(?:AND|_)?(?:{'|'.join(_OTHER.split())})")
_FRONTAL_WORDS, _SIDE_WORDS = frozenset(_FRONTAL.split()), frozenset(_SIDE.split())


def names_chest(text: str) -> bool:
    """Return whether a text in capitals names the chest, alone or with other parts."""
    words = _words(text)
    return any(_CHEST_WORD.fullmatch(word) or _BOTH_WORD.fullmatch(word) for word in words)


def names_other_part(text: str) -> bool:
    """Return whether a text in capitals names a body part other than the chest."""
    return any(_OTHER_WORD.fullmatch(word) for word in _words(_PHRASES.sub(" ", text)))


def names_frontal(text: str) -> bool:
    """Return whether a text in capitals names a frontal view."""
    return not _FRONTAL_WORDS.isdisjoint(_words(text))


def names_side(text: str) -> bool:
    """Return whether a text in capitals names a lateral or oblique view."""
    return not _DECUBITUS.search(text) and not _SIDE_WORDS.isdisjoint(_words(text))


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.upper())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign)).replace("_", " ")
    for pattern, letters in _AS_LETTERS:
        plain = pattern.sub(letters, plain)
    return re.findall(r"[A-Z]+", plain)
