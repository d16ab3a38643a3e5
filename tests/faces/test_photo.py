"""A template comes of good photos of one person only, and no photo does harm."""

from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image, ImageFilter, PngImagePlugin

from edge.faces import photo
from edge.faces.embedder import Embedder
from edge.faces.photo import (
    FaceBlurred,
    FaceTooSmall,
    NoFace,
    NotAPicture,
    NotOnePerson,
    PhotoDamaged,
    PhotoRefused,
    PhotoTemplate,
    PhotoTooLarge,
    PhotoTooSmall,
    PhotoUnreadable,
    SeveralFaces,
    describe,
)
from edge.faces.reader import FaceReader

Describe = Callable[..., PhotoTemplate]


@pytest.fixture(scope="module")
def pairs(recordings: Path) -> Path:
    return recordings / "faces" / "pairs"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Describe:
    embedder, reader = Embedder.open(tmp_path_factory.mktemp("cache")), FaceReader()
    return lambda *paths: describe(paths, lambda: reader, embedder)


@pytest.fixture(scope="module")
def obama(pairs: Path) -> Image.Image:
    with Image.open(pairs / "obama.jpg") as picture:
        return picture.convert("RGB")


@pytest.fixture(scope="module")
def known(template: Describe, pairs: Path) -> PhotoTemplate:
    return template(pairs / "obama.jpg")


def apart(one: PhotoTemplate, other: PhotoTemplate) -> float:
    return float(np.linalg.norm(one.vector - other.vector))


def saved(picture: Image.Image, path: Path, **options: object) -> Path:
    picture.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    "name",
    ["lin-manuel-miranda.png", "alex-lacamoire.png", "obama.jpg", "obama2.jpg", "biden.jpg"],
)
def test_a_good_photo_makes_a_template(template: Describe, pairs: Path, name: str) -> None:
    made = template(pairs / name)
    assert made.photos == 1
    assert made.vector.shape == (128,)
    assert made.vector.dtype == np.float32
    assert np.linalg.norm(made.vector) == pytest.approx(1.0, abs=1e-6)
    assert "vector" not in repr(made)


def test_the_demos_portrait_makes_a_template(template: Describe) -> None:
    assert template(Path(skimage.__file__).parent / "data" / "astronaut.png").photos == 1


def test_two_photos_make_their_mean(template: Describe, pairs: Path, known: PhotoTemplate) -> None:
    other = template(pairs / "obama2.jpg")
    both = template(pairs / "obama.jpg", pairs / "obama2.jpg")
    assert both.photos == 2
    mean = known.vector + other.vector
    assert both.vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_photos_of_two_people_are_refused_and_the_odd_one_is_named(
    template: Describe, pairs: Path
) -> None:
    with pytest.raises(NotOnePerson, match="photo 2 of 3: expected the person of the other photos"):
        template(pairs / "obama.jpg", pairs / "biden.jpg", pairs / "obama2.jpg")
    with pytest.raises(NotOnePerson):
        template(pairs / "obama.jpg", pairs / "biden.jpg")


def test_two_pairs_of_photos_of_two_people_are_refused(template: Describe, pairs: Path) -> None:
    biden, first, second = pairs / "biden.jpg", pairs / "obama.jpg", pairs / "obama2.jpg"
    with pytest.raises(NotOnePerson):
        template(first, second, biden, biden)


def test_a_photo_of_two_people_is_refused(template: Describe, pairs: Path) -> None:
    with pytest.raises(SeveralFaces, match="photo 1 of 1: expected one face, found 2"):
        template(pairs / "two_people.jpg")


def test_somebody_in_the_background_is_somebody_too(
    template: Describe, pairs: Path, tmp_path: Path, obama: Image.Image
) -> None:
    with Image.open(pairs / "biden.jpg") as other:
        far = other.convert("RGB").crop((250, 100, 970, 900)).resize((288, 320))
    both = Image.new("RGB", (obama.width + 320, obama.height), (200, 200, 200))
    both.paste(obama)
    both.paste(far, (obama.width + 10, 40))
    with pytest.raises(SeveralFaces):
        template(saved(both, tmp_path / "both.png"))


def test_a_picture_without_a_face_is_refused(template: Describe) -> None:
    with pytest.raises(NoFace, match="expected a face, found none"):
        template(Path(skimage.__file__).parent / "data" / "coffee.png")


@pytest.mark.parametrize("radius", [8, 10])
def test_a_blurred_photo_is_refused(
    template: Describe, tmp_path: Path, obama: Image.Image, radius: int
) -> None:
    blurred = obama.filter(ImageFilter.GaussianBlur(radius))
    with pytest.raises(FaceBlurred, match="expected a sharp face"):
        template(saved(blurred, tmp_path / "blurred.png"))


def test_a_blurred_photo_is_blurred_at_any_size(
    template: Describe, tmp_path: Path, obama: Image.Image
) -> None:
    blurred = obama.filter(ImageFilter.GaussianBlur(8))
    for name, scale in (("large.png", 2.0), ("small.png", 0.5)):
        size = (round(obama.width * scale), round(obama.height * scale))
        with pytest.raises(FaceBlurred):
            template(saved(blurred.resize(size), tmp_path / name))
        template(saved(obama.resize(size), tmp_path / name))


def test_a_face_of_a_group_photo_is_too_small(
    template: Describe, tmp_path: Path, obama: Image.Image
) -> None:
    tiny = obama.resize((round(obama.width * 0.2), round(obama.height * 0.2)))
    with pytest.raises(FaceTooSmall, match=r"70 pixels wide or more, got [4-6]\d"):
        template(saved(tiny, tmp_path / "tiny.png"))


@pytest.mark.parametrize("size", [(1, 1), (79, 4000), (4000, 1)])
def test_a_picture_without_room_for_a_face_is_refused(
    template: Describe, tmp_path: Path, size: tuple[int, int]
) -> None:
    with pytest.raises(PhotoTooSmall, match="expected 80 pixels or more each way"):
        template(saved(Image.new("RGB", size), tmp_path / "speck.png"))


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_the_three_formats_are_read(
    template: Describe, tmp_path: Path, obama: Image.Image, known: PhotoTemplate, kind: str
) -> None:
    assert apart(template(saved(obama, tmp_path / f"photo.{kind}")), known) < 0.1


@pytest.mark.parametrize("kind", ["gif", "bmp", "tiff", "ppm", "ico", "eps"])
def test_other_formats_are_refused_whatever_they_are_called(
    template: Describe, tmp_path: Path, obama: Image.Image, kind: str
) -> None:
    made = io.BytesIO()
    obama.save(made, {"ppm": "ppm"}.get(kind, kind))
    disguised = tmp_path / "photo.jpg"
    disguised.write_bytes(made.getvalue())
    with pytest.raises(NotAPicture, match="expected a JPEG, PNG or WebP picture"):
        template(disguised)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"hello", b"<svg/>", bytes(100_000)])
def test_what_is_no_picture_is_refused(template: Describe, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises((NotAPicture, PhotoDamaged)):
        template(path)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_a_photo_that_was_cut_off_is_refused(
    template: Describe, tmp_path: Path, obama: Image.Image, kind: str, part: float
) -> None:
    path = saved(obama, tmp_path / f"photo.{kind}")
    whole = path.read_bytes()
    path.write_bytes(whole[: round(part * len(whole))])
    with pytest.raises(PhotoDamaged, match="expected a whole picture"):
        template(path)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_no_damage_escapes_as_another_error(
    template: Describe, tmp_path: Path, obama: Image.Image, kind: str
) -> None:
    path = saved(obama.resize((200, 250)), tmp_path / f"photo.{kind}")
    whole = path.read_bytes()
    rng = np.random.default_rng(11)
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(int(rng.integers(1, 30))):
            broken[int(rng.integers(min(len(broken), 2_000)))] = int(rng.integers(256))
        path.write_bytes(broken)
        try:
            photo.load(path, "photo")
        except PhotoRefused as refused:
            assert "photo" in str(refused)  # noqa: PT017


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "png"), ("L", "jpg"), ("CMYK", "jpg"), ("RGBA", "png"), ("LA", "png"), ("P", "png"),
     ("I;16", "png"), ("RGBA", "webp")],
)  # fmt: skip
def test_grey_cmyk_alpha_palette_and_16_bits_are_read(
    template: Describe,
    tmp_path: Path,
    obama: Image.Image,
    known: PhotoTemplate,
    mode: str,
    kind: str,
) -> None:
    if mode == "I;16":
        grey = np.asarray(obama.convert("L")).astype(np.uint16) * 257
        picture = Image.fromarray(grey)
    else:
        picture = obama.convert(mode)
    made = template(saved(picture, tmp_path / f"photo.{kind}"))
    assert apart(made, known) < 0.25


def test_what_is_transparent_hides_a_face(
    template: Describe, tmp_path: Path, obama: Image.Image
) -> None:
    hidden = obama.convert("RGBA")
    hidden.putalpha(0)
    with pytest.raises(NoFace):
        template(saved(hidden, tmp_path / "hidden.png"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright_by_its_exif(
    template: Describe,
    tmp_path: Path,
    obama: Image.Image,
    known: PhotoTemplate,
    orientation: int,
) -> None:
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    lying = obama if orientation == 1 else obama.transpose(back[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(lying, tmp_path / "photo.jpg", exif=exif, quality=95)
    assert apart(template(path), known) < 0.1


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_there_is_not_turns_nothing(
    template: Describe, tmp_path: Path, obama: Image.Image, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    template(saved(obama, tmp_path / "photo.jpg", exif=exif))


def test_damaged_exif_is_passed_over(
    template: Describe, tmp_path: Path, obama: Image.Image
) -> None:
    endless = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 65_535) + b"\x12\x01\x04\0\xff" * 9_000
    for number, exif in enumerate((endless, b"Exif\0\0MM", b"Exif\0\0" + b"\xff" * 60_000)):
        template(saved(obama, tmp_path / f"{number}.jpg", exif=exif))


def test_a_broken_colour_profile_is_passed_over(
    template: Describe, tmp_path: Path, obama: Image.Image
) -> None:
    for kind in ("jpg", "png", "webp"):
        template(saved(obama, tmp_path / f"photo.{kind}", icc_profile=b"\xff" * 100_000))


def test_text_that_unpacks_without_end_fills_no_memory(
    template: Describe, tmp_path: Path, obama: Image.Image
) -> None:
    """A zTXt chunk of 300 MB before the pixels."""
    bomb = zlib.compress(bytes(300_000_000), 1)
    made = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add(b"zTXt", b"Comment\0\0" + bomb)
    obama.save(made, "png", pnginfo=info)
    path = tmp_path / "bomb.png"
    path.write_bytes(made.getvalue())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PhotoDamaged):
        photo.load(path, "photo 1 of 1")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


def png_of(wide: int, high: int) -> bytes:
    """A PNG that claims a size and holds one row of it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(wide + 1))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("wide", "high"),
    [(6_000, 4_001), (10_000, 5_001), (12_000, 12_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)],
)
def test_too_many_pixels_are_refused_by_the_header(
    template: Describe, tmp_path: Path, wide: int, high: int
) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png_of(wide, high) if wide < 100_000 else png_of(100, 100))
    if wide > 100_000:
        data = bytearray(path.read_bytes())
        data[16:24] = struct.pack(">II", wide, high)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PhotoTooLarge, match=r"expected at most (24|50) million pixels"):
        template(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KB


# Not getrusage: its maximum includes what the process was before exec, the tests' own size.
LOAD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from PIL import Image\n"
    "from edge.faces import photo\n"
    "def peak_kb():\n"
    "    status = Path('/proc/self/status').read_text().splitlines()\n"
    "    return int(next(line for line in status if line.startswith('VmHWM:')).split()[1])\n"
    "Image.init()\n"
    "before = peak_kb()\n"
    "photo.load(Path(sys.argv[1]), 'photo')\n"
    "print(peak_kb() - before)\n"
)
MOST_EXTRA_KB = 250_000


@pytest.mark.parametrize(
    ("name", "mode", "size", "options"),
    [
        pytest.param("a.png", "RGBA", (6_000, 4_000), {}, id="transparent"),
        pytest.param("b.png", "I;16", (6_000, 4_000), {}, id="16 bits grey"),
        pytest.param("c.png", "P", (6_000, 4_000), {"transparency": 0}, id="palette"),
        pytest.param("d.png", "RGB", (4_090, 4_090), {}, id="no whole factor smaller"),
        pytest.param("e.jpg", "RGB", (8_160, 6_120), {}, id="a good phone's"),
        pytest.param("f.jpg", "RGB", (49_000, 1_000), {}, id="panorama"),
        pytest.param(
            *("g.jpg", "CMYK", (6_000, 4_000), {"progressive": True, "subsampling": 0}),
            id="progressive",
        ),
        pytest.param("h.webp", "RGBA", (4_000, 3_000), {}, id="WebP"),
    ],
)
def test_the_largest_photos_leave_a_small_machine_its_memory(
    tmp_path: Path, name: str, mode: str, size: tuple[int, int], options: dict[str, object]
) -> None:
    path = saved(Image.new(mode, size), tmp_path / name, **options)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < MOST_EXTRA_KB


@pytest.mark.parametrize(
    ("name", "size", "options", "most"),
    [
        pytest.param("a.webp", (4_000, 3_001), {}, 12, id="WebP"),
        pytest.param("b.jpg", (6_000, 4_001), {"progressive": True}, 24, id="progressive"),
        pytest.param("c.jpg", (10_000, 5_001), {}, 50, id="JPEG"),
    ],
)
def test_each_format_has_its_own_limit(
    tmp_path: Path, name: str, size: tuple[int, int], options: dict[str, object], most: int
) -> None:
    path = saved(Image.new("RGB", size), tmp_path / name, **options)
    with pytest.raises(PhotoTooLarge, match=f"expected at most {most} million pixels"):
        photo.load(path, "photo")


def test_several_pictures_in_one_jpeg_are_read_as_the_first(
    template: Describe, tmp_path: Path, obama: Image.Image, known: PhotoTemplate
) -> None:
    """Phones add a preview or a depth map (MPO); such a photo is as large as any other."""
    large = obama.resize((obama.width * 5, obama.height * 5), Image.Resampling.BICUBIC)
    assert large.width * large.height > photo.MOST_WHOLE_PIXELS
    path = saved(large, tmp_path / "two.jpg", format="MPO", save_all=True, append_images=[obama])
    assert apart(template(path), known) < 0.15


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        pytest.param("RGBA", (255, 0, 0, 0), (255, 255, 255), id="transparent"),
        pytest.param("RGBA", (200, 100, 50, 255), (50, 100, 200), id="opaque"),
        pytest.param("I;16", 0x8000, (128, 128, 128), id="16 bits grey"),
        pytest.param("L", 77, (77, 77, 77), id="grey"),
    ],
)
def test_a_photo_read_strip_by_strip_is_whole(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], seen: tuple[int, int, int]
) -> None:
    path = saved(Image.new(mode, (4_500, 4_111), colour), tmp_path / "plain.png")
    pixels = photo.load(path, "photo")
    assert pixels.shape == (1_871, 2_048, 3)
    assert (pixels == np.array(seen, np.uint8)).all()


def test_a_file_of_too_many_bytes_is_refused(template: Describe, tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(30_000_001)
    with pytest.raises(PhotoTooLarge, match="expected at most 30 MB"):
        template(path)


def test_a_phones_large_photo_is_read_smaller(
    template: Describe, tmp_path: Path, obama: Image.Image, known: PhotoTemplate
) -> None:
    large = obama.resize((obama.width * 5, obama.height * 5), Image.Resampling.BICUBIC)
    assert large.width * large.height > 25_000_000
    path = saved(large, tmp_path / "large.jpg")
    assert max(photo.load(path, "photo").shape) <= photo.WORKING_SIDE
    assert apart(template(path), known) < 0.15


def test_what_is_no_file_is_refused_without_waiting(template: Describe, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, tmp_path / "absent.jpg", pipe, Path("/dev/zero")):
        with pytest.raises(PhotoUnreadable, match="expected a file"):
            template(path)


@pytest.mark.parametrize("count", [0, 11])
def test_no_photo_and_too_many_are_refused(template: Describe, pairs: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to 10, got {count}"):
        template(*[pairs / "obama.jpg"] * count)


def test_no_message_names_a_file(template: Describe, tmp_path: Path) -> None:
    path = tmp_path / "wang-xiaoming.jpg"
    path.write_bytes(b"nothing")
    with pytest.raises(PhotoRefused) as refused:
        template(path)
    assert "xiaoming" not in str(refused.value)


def test_nothing_is_written_beside_the_photo(
    template: Describe, tmp_path: Path, obama: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(obama, tmp_path / "photo.png")
    before = path.read_bytes()
    template(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["photo.png"]
    assert path.read_bytes() == before
