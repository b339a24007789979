#!/usr/bin/env python3
"""blocks: runs the ```sh blocks of a page in one shell, and compares what each prints with the
```text or ```json block that follows it. A line "..." there stands for any lines, and "..." in a
line for any text.

    blocks.py PAGE DIRECTORY
"""
import re
import subprocess
import sys
import tempfile


def blocks(page):
    """(commands, expected output or None), in order."""
    found = []
    for kind, body in re.findall(r"^```(\w+)\n(.*?)^```$", open(page, encoding="utf-8").read(), re.M | re.S):
        if kind == "sh":
            found.append([body, None])
        elif found and found[-1][1] is None:
            found[-1][1] = body
        else:
            sys.exit(f"{page}: an output block without commands before it")
    return found


def agrees(want, got):
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in want.splitlines())
    return re.fullmatch(pattern, got) is not None


def main():
    page, where = sys.argv[1:]
    found = blocks(page)
    if not found or all(want is None for _, want in found):
        sys.exit(f"{page}: no commands, or no output to compare")
    with tempfile.TemporaryDirectory() as out:
        # A block is run where the shell is: cd and export last. Braces on lines of their own.
        script = "set -e\n" + "".join(f"{{\n{body}}} >{out}/{i}\n" for i, (body, _) in enumerate(found))
        ran = subprocess.run(["bash", "-c", script], cwd=where, stderr=subprocess.PIPE, text=True)
        if ran.returncode:
            sys.exit(f"{page}: the commands end with {ran.returncode}\n{ran.stderr}")
        for i, (body, want) in enumerate(found):
            got = open(f"{out}/{i}", encoding="utf-8").read()
            if want is not None and not agrees(want, got):
                sys.exit(f"{page}: after\n{body}\nthe page shows\n{want}\nand this came\n{got}")
    print(f"{len(found)} blocks")


main()
