"""What build and show of pinn_edge_export do: python python_check.py <command as JSON> <part>, in a folder with model.json."""

import contextlib
import io
import json
import os
import pathlib
import sys

COMMAND, PART = json.loads(sys.argv[1]), sys.argv[2]


def with_build():
    from pinn_edge_export import Build, CommandError, build

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        report = build("model.json", target="host", tol=1e-2, compress="none", command=COMMAND)
    assert report == json.loads(pathlib.Path("build/host/report.json").read_text()), "not what report.json says"
    assert isinstance(report, dict) and json.dumps(report) and report.folder == pathlib.Path("build/host")
    assert report["target"] == "host" and "next: pinn-edge verify build/host" in printed.getvalue()
    # Other options: a list is given several times, a dictionary is one tolerance per output, names end in _ where they must.
    with contextlib.redirect_stdout(io.StringIO()):
        other = build(
            pathlib.Path("model.json"), target="host", tol={"y0": 0.02}, out="other", for_="size", compress="none",
            fix=["x1=0.5"], json=True, command=COMMAND,
        )  # fmt: skip
    assert [i["name"] for i in other["inputs"]] == ["x0"] and other.folder == pathlib.Path("other"), other["inputs"]
    assert Build("other") == other

    refusals = [
        ({"path": "none.json"}, "there is no such file"),
        ({"path": "model.json", "target": "toaster"}, "toaster"),
        ({"path": "model.json", "no_such_option": 1}, "--no-such-option"),
        ({"path": "model.json", "command": ["no-such-program"]}, "no-such-program cannot be run"),
    ]
    for given, words in refusals:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                build(**{"target": "host", "command": COMMAND, **given})
        except CommandError as error:
            assert words in str(error) and "\n" not in str(error), error
        else:
            raise AssertionError(f"nothing refused: {given}")


def with_path():
    """The command where it is found without being named."""
    from pinn_edge_export import CommandError, build

    os.environ.pop("PINN_EDGE", None)
    try:
        build("model.json", target="host")
    except CommandError as error:
        assert "is not on the path" in str(error), error
    else:
        raise AssertionError("a command was found where there is none")
    shim = f"#!/bin/sh\nexec {' '.join(COMMAND)} \"$@\"\n"
    for place in ("node_modules/.bin", "bin"):
        os.makedirs(place)
        path = pathlib.Path(place, "pinn-edge")
        path.write_text(shim)
        path.chmod(0o755)
        if place == "bin":
            os.environ["PATH"] = os.path.abspath("bin") + os.pathsep + os.environ["PATH"]
        os.makedirs("deep", exist_ok=True)
        os.chdir("deep")
        with contextlib.redirect_stdout(io.StringIO()):
            assert build("../model.json", target="host", compress="none", out="../found")["target"] == "host"
        os.chdir("..")
        if place != "bin":
            path.unlink()


def with_browser():
    """Outside a notebook: the system's browser, here a program that keeps what it is given."""
    from pinn_edge_export import show

    pathlib.Path("browser").write_text('#!/bin/sh\necho "$1" >opened\n')
    os.chmod("browser", 0o755)
    os.environ["BROWSER"] = f"{os.path.abspath('browser')} %s"
    show("build/host")
    assert pathlib.Path("opened").read_text().strip() == pathlib.Path("build/host/report.html").resolve().as_uri()
    try:
        show("nowhere")
    except FileNotFoundError as error:
        assert "pinn-edge report nowhere" in str(error)
    else:
        raise AssertionError("nothing refused")


def with_notebook():
    """A notebook is run, and what its last cell displays written to shown.html."""
    import nbclient
    import nbformat

    cells = [
        "from pinn_edge_export import Build, show",
        "build = Build('build/host')",
        "show(build)\n'after'",
        "build",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown, last = (notebook.cells[i].outputs[0].data["text/html"] for i in (2, 3))
    assert shown == last and shown.startswith("<iframe"), shown[:100]
    pathlib.Path("shown.html").write_text(f"<!doctype html><meta charset='utf-8'><title>A notebook</title>{shown}", encoding="utf-8")


{"build": with_build, "path": with_path, "browser": with_browser, "notebook": with_notebook}[PART]()
