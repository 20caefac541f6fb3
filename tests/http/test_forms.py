"""Forms and other bodies, over a real socket. What a form holds is not ours to say:
Python's parser of e-mail reads the same bytes, and the answer must be that of the
picture and the options that it finds."""

from __future__ import annotations

import base64
import email
import gzip
import random

import httpx
import pytest
from conftest import Server, sample
from test_clients import PICTURE, seen

CD = b"Content-Disposition: form-data; "
IMAGE = CD + b"name=image; filename=x.jpg\r\n\r\n" + PICTURE


def post(server: Server, body: bytes, kind: str | None, **options) -> httpx.Response:
    """POST /cam with a body of this type."""
    headers = {} if kind is None else {"Content-Type": kind}
    headers |= options.pop("headers", {})
    return httpx.post(
        server.url + "/cam", content=body, headers=headers, timeout=60, **options
    )


def read_by_email(body: bytes, kind: str) -> dict[str, bytes]:
    """Names and contents of a form's parts."""
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    assert message.is_multipart()
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(
            decode=True
        )
        for part in message.get_payload()
    }


def check_against_email(server: Server, body: bytes, kind: str) -> None:
    """The form's answer is that of what e-mail reads in it."""
    parts = read_by_email(body, kind)
    picture = parts.pop("image")
    options = {name: value.decode() for name, value in parts.items()}
    by_form = post(server, body, kind, params={"heatmap": "none"})
    by_query = post(server, picture, "image/jpeg", params=options | {"heatmap": "none"})

    assert picture == PICTURE
    assert seen(by_form) == seen(by_query)
    assert len(by_form.json()["classes"]) == int(options.get("top", "5"))


def form(*parts: bytes, boundary: bytes = b"9f0c", end: bytes = b"\r\n") -> bytes:
    """A form of parts, each with its headers."""
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary + b"--" + end


TOP = CD + b"name=top\r\n\r\n3"
KIND = "multipart/form-data; boundary=9f0c"
VALID = {
    "without quotes": form(IMAGE, TOP),
    "with quotes": form(IMAGE.replace(b"image;", b'"image";').replace(b"x", b'"x"', 1)),
    "filename in UTF-8": form(
        IMAGE.replace(b"x.jpg", b"src.jpg; filename*=utf-8''s%C3%A4.jpg", 1)
    ),
    "no blanks": form(IMAGE.replace(b"; ", b";", 2), TOP.replace(b"; ", b";")),
    "capitals": form(
        IMAGE.replace(b"name=", b"NAME=", 1).replace(CD[:20], CD[:20].upper(), 1)
    ),
    "small letters": form(IMAGE.replace(CD, CD.lower(), 1)),
    "escapes": form(IMAGE.replace(b"x.jpg", b'"a\\"b;name=top\\\\.jpg"', 1)),
    "percent": form(IMAGE.replace(b"x.jpg", b'"a%22%0Ab.jpg"', 1)),
    "name last": form(CD + b'filename="x.jpg"; name="image"\r\n\r\n' + PICTURE, TOP),
    "headers more": form(
        b"Content-Type: image/jpeg\r\nContent-Length: 1481\r\n"
        b"Content-Transfer-Encoding: binary\r\n" + IMAGE
    ),
    "8bit": form(b"content-transfer-encoding: 8BIT\r\n" + IMAGE, TOP),
    "folded": form(IMAGE.replace(b"; ", b";\r\n ", 1), TOP.replace(b"; ", b";\r\n\t")),
    "option first": form(TOP, IMAGE),
    "type of an option": form(
        b"Content-Type: text/plain; charset=utf-8\r\n" + TOP, IMAGE
    ),
    "preamble and epilogue": b"This is a form.\r\n\r\n"
    + form(IMAGE)
    + b"and its end\r\n--9f0c\r\n",
    "no line end at the end": form(IMAGE, TOP, end=b""),
    "blanks behind boundaries": form(IMAGE, TOP)
    .replace(b"--9f0c\r\n", b"--9f0c \t\r\n")
    .replace(b"--9f0c--", b"--9f0c--  "),
    "line end first": b"\r\n" + form(IMAGE),
}


@pytest.mark.parametrize("name", VALID)
def test_a_valid_form_is_read_as_email_reads_it(server: Server, name: str) -> None:
    """By RFC 7578, 2046, 2183."""
    check_against_email(server, VALID[name], KIND)


@pytest.mark.parametrize(
    ("parameters", "boundary"),
    [
        ("; boundary=X; charset=UTF-8", b"X"),
        ('; charset=UTF-8; boundary="X"', b"X"),
        (";boundary=b", b"b"),
        ("; BOUNDARY=----=_Part_3_1.2", b"----=_Part_3_1.2"),
        ('; boundary="gateway: a/b"', b"gateway: a/b"),
        ('; boundary="0aZ\'()+_,-./:=?"', b"0aZ'()+_,-./:=?"),
        ("; boundary=" + "b" * 70, b"b" * 70),
    ],
)
def test_a_valid_boundary_is_read_as_email_reads_it(
    server: Server, parameters: str, boundary: bytes
) -> None:
    """Any that RFC 2046 allows, wherever it stands among the parameters."""
    check_against_email(
        server, form(TOP, IMAGE, boundary=boundary), "multipart/form-data" + parameters
    )


def random_form(rng: random.Random) -> tuple[bytes, str]:
    """A valid form, with whatever is free in one."""
    boundary = "".join(rng.choices("abX09'+_-./", k=rng.randint(1, 70)))
    blank = rng.choice(["", " ", "\r\n ", "\t"])
    quote = rng.choice(["", '"'])
    parts = []
    names = ["top", "image", "alpha", "threshold"]
    for name in rng.sample(names[:2], 2) + rng.sample(names[2:], rng.randint(0, 2)):
        file = rng.choice(["", ";filename=x", ';filename="a\\"; name=b"'])
        file = file if name == "image" else ""
        headers = [
            f"Content-Disposition:{blank}form-data;{blank}name={quote}{name}{quote}{file}",
            *rng.sample(
                ["Content-Type: text/plain", "X-A: b", "x:"], rng.randint(0, 3)
            ),
        ]
        rng.shuffle(headers)
        value = {"top": b"3", "image": PICTURE}.get(name, b"0.25")
        parts.append("\r\n".join(headers).encode() + b"\r\n\r\n" + value)
    body = form(
        *parts, boundary=boundary.encode(), end=rng.choice([b"", b"\r\n", b"\r\nx"])
    )
    return (
        rng.choice([b"", b"\r\n", b"preamble\r\n", b"--x\r\n"]) + body,
        f"multipart/form-data;{rng.choice(['', ' charset=utf-8; '])}"
        f'boundary="{boundary}"{rng.choice(["", "; x=y"])}',
    )


@pytest.mark.parametrize("seed", range(24))
def test_a_random_valid_form_is_read_as_email_reads_it(
    server: Server, seed: int
) -> None:
    """Whatever comes together."""
    check_against_email(server, *random_form(random.Random(seed)))


def test_a_form_whose_lines_end_with_lf_alone(server: Server) -> None:
    """As shell scripts write them."""
    head, _, _ = IMAGE.partition(b"\r\n")
    body = b"--9f0c\n%s\n\n%s\n--9f0c--\n" % (head, PICTURE)

    check_against_email(server, body, KIND)


@pytest.mark.parametrize(
    ("status", "kind", "word", "parts"),
    [
        (422, "bad-input", "twice", [IMAGE, IMAGE]),
        (422, "bad-input", "twice", [CD + b"name=image\r\n\r\n", IMAGE]),
        (422, "bad-input", "twice", [IMAGE, CD + b"name=image;filename=\r\n\r\n"]),
        (422, "bad-input", "empty", [CD + b"name=image; filename=\r\n\r\n"]),
        (422, "bad-input", '"Image"', [IMAGE.replace(b"image", b"Image", 1)]),
        (422, "bad-input", 'no field "image"', [TOP]),
        (422, "bad-input", 'no field "image"', []),
        (
            415,
            "unsupported",
            '"base64"',
            [b"Content-Transfer-Encoding: base64\r\n" + IMAGE],
        ),
        (
            415,
            "unsupported",
            '"quoted-printable"',
            [IMAGE, b"content-transfer-encoding:quoted-printable\r\n" + TOP],
        ),
        (
            415,
            "unsupported",
            "multipart/mixed",
            [b"Content-Type: multipart/mixed; boundary=yy\r\n" + IMAGE],
        ),
        (400, "malformed", "no name", [CD + b"filename=x.jpg\r\n\r\n" + PICTURE]),
        (400, "malformed", "no name", [b"\r\n" + PICTURE]),
        (400, "malformed", "quote", [CD + b'name="image\r\n\r\n' + PICTURE]),
        (400, "malformed", "colon", [b"nonsense\r\n" + IMAGE]),
        (400, "malformed", "two Content-Disposition headers", [CD + b"name=top\r\n" + IMAGE]),
        (413, "over-limit", "8192", [b"X: " + b"a" * 8192 + b"\r\n" + IMAGE]),
    ],
)
def test_what_is_wrong_with_a_part_is_said(
    server: Server, status: int, kind: str, word: str, parts: list[bytes]
) -> None:
    """Its own sentence each."""
    response = post(server, form(*parts), KIND)
    problem = response.json()

    assert (response.status_code, problem["kind"]) == (status, kind)
    assert word in problem["detail"]
    assert ("limit" in problem) == (status == 413)


@pytest.mark.parametrize("cut", range(1, len(IMAGE) + 20, 97))
def test_a_form_that_is_cut_anywhere_is_malformed(server: Server, cut: int) -> None:
    """A last boundary that is missing is no end of a picture."""
    response = post(server, form(IMAGE)[:cut], KIND)

    assert response.status_code == 400
    assert "boundary" in response.json()["detail"]


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "application/octet-stream",
        "binary/octet-stream",
        "application/x-www-form-urlencoded",
        "image/jpeg",
        "image/png",
        "Image/X-Anything; q=1",
    ],
)
@pytest.mark.parametrize("name", ["rocket.jpg", "chelsea.png"])
def test_a_body_is_judged_by_its_bytes(
    server: Server, kind: str | None, name: str
) -> None:
    """Where its type says nothing, or that it is some picture. The last but two is
    what `curl --data-binary` says of every file."""
    options = {"params": {"heatmap": "none"}}
    expected = server.cam(sample(name), **options)

    assert seen(post(server, sample(name), kind, **options)) == seen(expected)


@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "x"]
)
def test_a_content_coding_is_refused_by_name(server: Server, coding: str) -> None:
    """RFC 9110, section 15.5.16: and it says which are taken."""
    body, headers = gzip.compress(form(IMAGE)), {"Content-Encoding": coding}
    response = post(server, body, KIND, headers=headers)

    assert response.status_code == 415
    assert response.json()["kind"] == "unsupported"
    assert f'"{coding}"' in response.json()["detail"]
    assert "identity" in response.json()["detail"]
    assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_the_identity_is_no_coding(server: Server, coding: str) -> None:
    """Though nobody need say it."""
    response = post(server, form(IMAGE), KIND, headers={"Content-Encoding": coding})

    assert response.status_code == 200


def test_a_type_that_is_not_taken_is_told_which_are(server: Server) -> None:
    """RFC 9110, section 15.5.16, again. An answer about a coding says nothing of
    types."""
    response = post(server, b'{"image": "x"}', "application/json")
    types = response.headers["accept"].split(", ")

    assert response.status_code == 415
    assert '"application/json"' in response.json()["detail"]
    assert types == ["multipart/form-data", "image/*", "application/octet-stream"]
    assert "accept-encoding" not in response.headers


BASE64 = base64.b64encode(PICTURE)
NAME = "a file name, not the file; with curl use "
NOT_A_PICTURE = {
    b"photo.jpg": NAME,
    b"@photo.jpg": NAME,
    b"./my photos/photo.JPEG": NAME,
    "/home/jörg/Fotos/ü.png\n".encode(): NAME,
    b"C:\\Users\\me\\photo.webp": NAME,
    b"file:///tmp/photo": NAME,
    b"data:image/jpeg;base64," + BASE64: "a data URL",
    b"DATA:image/png,%89PNG": "a data URL",
    BASE64: "base64",
    base64.encodebytes(PICTURE): "base64",
    base64.urlsafe_b64encode(PICTURE): "base64",
    b"b'" + BASE64 + b"'": "base64",
    b'"' + BASE64 + b'"': "base64",
    b"/9j/4AAQ": "base64",
    PICTURE.hex().encode(): "hexadecimal",
    b"https://example.org/photo.jpg": "a URL",
}


@pytest.mark.parametrize(
    "text", NOT_A_PICTURE, ids=lambda text: text[:12].decode("latin1")
)
def test_what_is_sent_instead_of_a_picture_is_called_so(
    server: Server, text: bytes
) -> None:
    """In the field `image`, with and without a filename, and as the body."""
    said = NOT_A_PICTURE[text]
    bodies = [
        (form(CD + b"name=image\r\n\r\n" + text), KIND),
        (form(CD + b"name=image; filename=x.jpg\r\n\r\n" + text), KIND),
        *((text, kind) for kind in (None, "image/jpeg", "text/plain;charset=UTF-8")),
        (text, "application/x-www-form-urlencoded"),
    ]
    for body, kind in bodies:
        response = post(server, body, kind)
        where = 'the field "image" contains ' if kind == KIND else "the body contains "
        assert response.status_code == 415
        assert response.json()["detail"].startswith(where + said)


def test_a_forgotten_at_sign_is_put_where_it_belongs(server: Server) -> None:
    """As it has to be typed."""
    name = post(server, form(CD + b"name=image\r\n\r\n@photo.jpg"), KIND)
    body = post(server, b"photo.jpg", "application/x-www-form-urlencoded")

    assert name.json()["detail"].endswith(" -F image=@photo.jpg")
    assert body.json()["detail"].endswith(" --data-binary @photo.jpg")


@pytest.mark.parametrize("text", [b"file:///tmp/photo.jpg", b"</tmp/photo.jpg"])
def test_a_file_is_called_as_curl_finds_it(server: Server, text: bytes) -> None:
    """By its name alone."""
    response = post(server, form(CD + b"name=image\r\n\r\n" + text), KIND)

    assert response.json()["detail"].endswith(" -F image=@/tmp/photo.jpg")


@pytest.mark.parametrize("text", [b"[object Object]", b"undefined", b"a photo", b" "])
def test_text_in_the_field_is_quoted(server: Server, text: bytes) -> None:
    """Whoever sees it knows where it comes from."""
    response = post(server, form(CD + b"name=image\r\n\r\n" + text), KIND)

    assert response.status_code == 415
    assert f'contains the text "{text.decode().strip()}"' in response.json()["detail"]


@pytest.mark.parametrize(
    "text", [b"image=photo.jpg", b"image=%FF%D8%FF", b"top=5", b"x"]
)
def test_a_form_of_the_old_kind_holds_no_picture(server: Server, text: bytes) -> None:
    """As HTML without enctype makes it, and `curl -d image=...`."""
    response = post(server, text, "application/x-www-form-urlencoded")

    assert response.status_code == 415
    assert "multipart/form-data" in response.json()["detail"]
    assert "urlencoded" in response.json()["detail"]


@pytest.mark.parametrize("name", ["rocket.jpg", "chelsea.png"])
def test_a_picture_that_curl_has_stripped_is_said_to_be(
    server: Server, name: str
) -> None:
    """`curl -d @FILE` leaves out zeros and ends of lines."""
    body = sample(name).translate(None, b"\r\n\0")
    response = post(server, body, "application/x-www-form-urlencoded")

    assert response.status_code == 422
    assert "--data-binary" in response.json()["detail"]


def test_a_form_under_another_type_is_called_so(server: Server) -> None:
    """Where a script sets the header itself."""
    response = post(server, form(IMAGE), "image/jpeg")

    assert response.status_code == 415
    assert "a form, but the Content-Type" in response.json()["detail"]


def test_the_picture_is_no_option_of_the_query(server: Server) -> None:
    """It says where it goes."""
    response = post(server, form(IMAGE), KIND, params={"image": "photo.jpg"})

    assert response.status_code == 422
    assert "in the body" in response.json()["detail"]
