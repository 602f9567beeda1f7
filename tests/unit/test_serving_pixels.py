import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from imaging.jpeg import MAX_SCANS
from imaging.network_input import network_input
from imaging.readers import read_grey
from imaging.refusals import NotReadable, TooLarge, UnsupportedFormat

# As in the server: whether a film's metadata is odd is not the operator's business.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

WIDTH, HEIGHT = 60, 40
# Every grey level of a film differs along both sides, so that no turn or swap goes unseen.
FILM = np.add.outer(np.arange(HEIGHT) * 4, np.arange(WIDTH)).astype(np.uint8)


def encoded(pixels: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, bits: int, colour: int, samples: bytes, *extra: bytes) -> bytes:
    """A PNG made by hand: `samples` are the rows as the format packs them, `extra` more chunks."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    row = len(samples) // height
    lines = b"".join(b"\0" + samples[i * row : (i + 1) * row] for i in range(height))
    body = chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def luma(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    red, green, blue = (rgb[..., i].astype(float) for i in range(3))
    return 0.299 * red + 0.587 * green + 0.114 * blue


def coloured() -> NDArray[np.uint8]:
    return np.stack([FILM, FILM[::-1], 255 - FILM], axis=2)


def assert_close(grey: NDArray[Any], expected: NDArray[Any], tolerance: float = 1) -> None:
    assert grey.dtype == np.uint8
    assert grey.shape == expected.shape
    assert np.abs(grey.astype(float) - expected).max() <= tolerance


def test_a_grey_png_comes_out_as_it_is() -> None:
    assert_close(read_grey(encoded(FILM)), FILM, 0)


def test_a_grey_jpeg_comes_out_nearly_as_it_is() -> None:
    assert_close(read_grey(encoded(FILM, "JPEG", quality=95)), FILM, 4)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_fewer_bits_is_spread_over_the_whole_range(bits: int) -> None:
    steps = 2**bits - 1
    levels = np.add.outer(np.arange(64), np.arange(64)) % (steps + 1)
    packed = np.packbits(((levels[..., None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8))
    grey = read_grey(png(64, 64, bits, 0, packed.tobytes()))
    assert_close(grey, levels * 255 / steps, 0)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_of_sixteen_bits_is_scaled_by_the_depth_it_uses(bits: int) -> None:
    samples = np.linspace(0, 2**bits - 1, WIDTH * HEIGHT).astype(np.uint16)
    samples = samples.reshape(HEIGHT, WIDTH)
    assert_close(read_grey(encoded(samples)), samples >> (bits - 8), 0)


def test_a_black_film_of_sixteen_bits_is_black() -> None:
    assert not read_grey(encoded(np.zeros((HEIGHT, WIDTH), np.uint16))).any()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_colour_becomes_luma(kind: str) -> None:
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    assert_close(read_grey(encoded(coloured(), kind, **options)), luma(coloured()), 4)


def test_colour_of_sixteen_bits_keeps_its_upper_half() -> None:
    samples = (coloured().astype(np.uint16) << 8).astype(">u2")
    assert_close(read_grey(png(WIDTH, HEIGHT, 16, 2, samples.tobytes())), luma(coloured()))


def test_a_palette_is_looked_up() -> None:
    image = Image.fromarray(255 - FILM, "P")
    image.putpalette([level for i in range(256) for level in (255 - i,) * 3])
    assert_close(read_grey(encoded(image)), FILM)


def test_a_jpeg_in_cmyk_is_converted() -> None:
    cmyk = Image.fromarray(coloured()).convert("CMYK")
    assert_close(read_grey(encoded(cmyk, "JPEG", quality=98)), luma(coloured()), 8)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [2, 4])
def test_what_is_transparent_becomes_black(bits: int, channels: int) -> None:
    alpha = np.where(np.arange(WIDTH) < WIDTH // 2, 255, 0).astype(np.uint8)
    samples = np.full((HEIGHT, WIDTH, channels), 200, np.uint8)
    samples[..., -1] = alpha
    stored = samples if bits == 8 else samples.astype(">u2") * 257
    colour = {2: 4, 4: 6}[channels]
    grey = read_grey(png(WIDTH, HEIGHT, bits, colour, stored.tobytes()))
    assert_close(grey, np.broadcast_to(np.where(alpha, 200, 0), (HEIGHT, WIDTH)))


def test_a_transparent_colour_of_a_palette_becomes_black() -> None:
    image = Image.fromarray(np.where(FILM > 100, 1, 0).astype(np.uint8), "P")
    image.putpalette([250, 250, 250, 200, 200, 200])
    assert_close(read_grey(encoded(image, transparency=0)), np.where(FILM > 100, 200, 0))


def test_a_transparent_grey_level_becomes_black() -> None:
    assert_close(read_grey(encoded(FILM, transparency=77)), np.where(FILM == 77, 0, FILM), 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_film_is_put_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(FILM, kind, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert_close(read_grey(data), expected, 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("exif", [b"II*\0\xff\xff\xff\xff", b"garbage", b""])
def test_broken_exif_data_are_ignored(kind: str, exif: bytes) -> None:
    assert read_grey(encoded(FILM, kind, exif=b"Exif\0\0" + exif)).shape == FILM.shape


def test_a_jpeg_is_decoded_no_smaller_than_asked_for() -> None:
    data = encoded(np.tile(FILM, (20, 20)), "JPEG")
    assert read_grey(data).shape == (800, 1200)
    assert read_grey(data, smallest=200).shape == (200, 300)
    assert read_grey(data, smallest=201).shape == (400, 600)
    assert read_grey(data, smallest=5000).shape == (800, 1200)


def bad_palette() -> bytes:
    """Return a PNG with a palette of one colour and transparency for 300."""
    pixels = bytes(WIDTH * HEIGHT)
    return png(WIDTH, HEIGHT, 8, 3, pixels, chunk(b"PLTE", bytes(3)), chunk(b"tRNS", bytes(300)))


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG with a large size in its header."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows)


def patched_jpeg_size(width: int, height: int) -> bytes:
    data = encoded(FILM, "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def many_scans() -> bytes:
    data = encoded(FILM, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * MAX_SCANS + data[-2:]


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"", NotReadable, "The file is empty"),
        (b"\0" * 1000, UnsupportedFormat, "neither a JPEG nor a PNG"),
        (b"hello", UnsupportedFormat, "neither a JPEG nor a PNG"),
        (encoded(FILM, "TIFF"), UnsupportedFormat, "neither a JPEG nor a PNG"),
        (encoded(FILM, "GIF"), UnsupportedFormat, "neither a JPEG nor a PNG"),
        (encoded(FILM, "WEBP"), UnsupportedFormat, "neither a JPEG nor a PNG"),
        (b"\xff\xd8\xff", NotReadable, "JPEG file is damaged"),
        (encoded(FILM, "JPEG")[:-200], NotReadable, "JPEG file is damaged"),
        (encoded(FILM, "JPEG", progressive=True)[:-200], NotReadable, "JPEG file is damaged"),
        (encoded(FILM)[:60], NotReadable, "PNG file is damaged"),
        (encoded(FILM)[:30], NotReadable, "PNG file is damaged"),
        (png(WIDTH, HEIGHT, 8, 0, bytes(WIDTH)), NotReadable, "PNG file is damaged"),
        (png(WIDTH, HEIGHT, 7, 0, bytes(WIDTH * HEIGHT)), NotReadable, "PNG file is damaged"),
        (bad_palette(), NotReadable, "PNG file is damaged"),
        (bomb(50_000, 50_000), TooLarge, "50000 x 50000 pixels, and at most 40 million"),
        (bomb(2**31 - 1, 2**31 - 1), TooLarge, "at most 40 million"),
        (patched_jpeg_size(65_500, 65_500), TooLarge, "65500 x 65500 pixels"),
        (many_scans(), TooLarge, "more than 100 passes"),
        (encoded(FILM[:1, :1]), NotReadable, "1 x 1 pixels, too few to be an X-ray"),
        (encoded(np.zeros((1, 30_000), np.uint8)), NotReadable, "30000 x 1 pixels, too few"),
        (encoded(np.zeros((40, 401), np.uint8)), NotReadable, "401 x 40 pixels, too long"),
    ],
    ids=str,
)
def test_what_is_no_film_is_refused_with_a_reason(
    data: bytes, error: type[NotReadable], reason: str
) -> None:
    with pytest.raises(NotReadable) as raised:
        read_grey(data, smallest=32)
    assert type(raised.value) is error
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def _seeds() -> list[bytes]:
    palette = Image.fromarray(FILM, "P")
    palette.putpalette(bytes(range(256)) * 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    text = PngInfo()
    text.add_text("note", "x" * 2000, zip=True)
    return [
        encoded(FILM, "JPEG", exif=exif),
        encoded(coloured(), "JPEG", progressive=True),
        encoded(Image.fromarray(coloured()).convert("CMYK"), "JPEG"),
        encoded(FILM, pnginfo=text, exif=exif),
        encoded(FILM.astype(np.uint16) * 257),
        encoded(palette, transparency=bytes(range(256))),
        encoded(Image.fromarray(coloured()).convert("RGBA")),
        encoded(Image.fromarray(FILM).convert("LA")),
        encoded(Image.fromarray(FILM).convert("1")),
        encoded(coloured(), transparency=(1, 2, 3)),
    ]


SEEDS = _seeds()


def cut(data: bytes, where: int, value: int) -> bytes:
    return data[:where]


def flip(data: bytes, where: int, value: int) -> bytes:
    return data[:where] + bytes([value]) + data[where + 1 :]


def insert(data: bytes, where: int, value: int) -> bytes:
    return data[:where] + bytes([value]) * 7 + data[where:]


def drop(data: bytes, where: int, value: int) -> bytes:
    return data[:where] + data[where + 1 + value :]


def mended(data: bytes) -> bytes:
    """Recompute the checksums, so that a changed PNG is not refused for those alone."""
    if not data.startswith(b"\x89PNG"):
        return data
    out, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        out.append(chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(out) + data[at:]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(
        st.tuples(
            st.sampled_from([cut, flip, flip, flip, insert, drop]),
            st.floats(0, 1) | st.floats(0, 0.1),
            st.integers(0, 255),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_a_mutated_film_is_read_or_refused(
    seed: bytes, changes: list[tuple[Callable[[bytes, int, int], bytes], float, int]]
) -> None:
    data = seed
    for change, where, value in changes:
        data = change(data, int(where * len(data)), value)
    try:
        grey = read_grey(mended(data), smallest=32)
    except NotReadable:
        return
    assert grey.dtype == np.uint8
    assert grey.ndim == 2


def test_the_networks_input_is_stretched_to_a_square() -> None:
    film = np.zeros((100, 300), np.uint8)
    film[:, 150:] = 200
    square = network_input(film, 50)
    assert square.shape == (50, 50)
    assert not square[:, :24].any()
    assert (square[:, 26:] == 200).all()


def test_shrinking_averages_rather_than_picks() -> None:
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 200
    assert_close(network_input(stripes, 32), np.full((32, 32), 100), 5)
