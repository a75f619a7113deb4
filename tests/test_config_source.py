"""Files that cannot be read, and bytes that are no text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import load_config
from exporter.config.source import MAX_BYTES, Unreadable, decode, read_text
from exporter.errors import ConfigError

UNREADABLE = Path("/proc/sys/vm/compact_memory")  # its mode is 0200, for root too
MEMORY = Path("/proc/self/mem")


def reason(data: bytes) -> tuple[int, str]:
    """Line and message of the fault in `data`."""
    with pytest.raises(Unreadable) as caught:
        decode(data)
    return caught.value.problem.line, caught.value.problem.message


def test_a_byte_order_mark_is_accepted() -> None:
    """An editor put a byte order mark in front; the text behind it is the configuration."""
    assert decode(b"\xef\xbb\xbfa: \xc3\xbc\r\n") == "a: ü\r\n"


def test_bytes_that_are_no_utf8() -> None:
    """The file was Latin-1 or UTF-16; line and byte are named, and what to do."""
    assert reason(b"a: 1\nb: \xfc\n") == (
        2,
        "byte 9 (0xfc) is not UTF-8; save the file as UTF-8",
    )
    assert reason("a: ü".encode("utf-16"))[1] == "the file is UTF-16; save it as UTF-8"


@pytest.mark.parametrize(
    ("character", "code"), [("\0", "U+0000"), ("\x1b", "U+001B"), ("\x7f", "U+007F")]
)
def test_control_characters_are_refused(character: str, code: str) -> None:
    """A control character stood in the file; its line and code are told."""
    line, message = reason(f"a: 1\nb: x{character}\n".encode())
    assert line == 2
    assert message == f"the control character {code} is not allowed in YAML"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (Path("missing.yaml"), "there is no such file"),
        (Path(), "this is a directory, not a file"),
        (Path("a\0b"), "the file cannot be read: embedded null byte"),
        (Path("x" * 300), "the file cannot be read: File name too long"),
        (Path("/dev/zero"), f"the file is larger than {MAX_BYTES // 2**20} MiB"),
        pytest.param(
            UNREADABLE,
            "this user may not read the file",
            marks=pytest.mark.skipif(
                not UNREADABLE.exists(), reason="this kernel has no file that root cannot read"
            ),
        ),
        pytest.param(
            MEMORY,
            "the file cannot be read: Input/output error",
            marks=pytest.mark.skipif(not MEMORY.exists(), reason="needs Linux' /proc"),
        ),
    ],
)
def test_files_that_cannot_be_read(
    path: Path, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There was no such file, or none that could be read; the fault names file and reason."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unreadable) as caught:
        read_text(path)
    assert (caught.value.problem.line, caught.value.problem.message) == (0, message)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    (fault,) = refused.value.faults
    assert (fault.line, fault.key, fault.message) == (0, "", message)
    assert str(fault).isprintable()


def test_a_pipe_without_a_writer_is_told_at_once(tmp_path: Path) -> None:
    """Nobody wrote into a FIFO, whose opening would wait for ever; with a writer it is a file."""
    pipe = tmp_path / "config.yaml"
    os.mkfifo(pipe)
    with pytest.raises(Unreadable, match="it is a pipe into which nobody writes"):
        read_text(pipe)
    with subprocess.Popen(["sh", "-c", f"(echo a: 1; sleep 1.5; echo b: 2) >{pipe}"]):
        assert read_text(pipe) == "a: 1\nb: 2\n"


@pytest.mark.parametrize("shell", ["{check} <({text})", "{text} | {check} /dev/stdin"])
def test_pipes_of_a_shell_are_read(shell: str) -> None:
    """A process gave the configuration slowly, by process substitution or standard input."""
    check = f"timeout 60 {sys.executable} -m exporter check"
    text = "sleep 1.5; echo 'targets: [{host: a}]'"
    line = shell.format(check=check, text=text if "<(" in shell else f"({text})")
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  targets   1 " in done.stdout


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    """Any bytes stood in the file; they were refused with a line, or are text fit for YAML."""
    try:
        text = decode(data)
    except Unreadable as error:
        lines = data.count(b"\n") + 1
        found = error.problem.line
        if not 1 <= found <= lines:
            pytest.fail(f"line {found} of {lines}")
    else:
        assert "\0" not in text
