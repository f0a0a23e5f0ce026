"""The command `pinn-edge` from Python: `build` runs it, `show` displays the report of a build."""

import html
import json
import os
import pathlib
import shutil
import subprocess
import sys
import webbrowser

from .errors import CommandError


class Build(dict):
    """What report.json of a build says, as a dictionary; `folder` is where the build is."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        super().__init__(json.loads((self.folder / "report.json").read_text(encoding="utf-8")))

    def _repr_html_(self):
        return _frame(self.folder / "report.html", 900)


def build(path, target="esp32", tol=None, out=None, command=None, **options):
    """Runs `pinn-edge build` on a model file and returns its report.json as a dictionary (a `Build`).

    path: a model that an export_* function wrote, or any file that the command reads. target: `pinn-edge targets` lists
    them. tol: largest error by the largest output, or a dictionary of them by output. out: folder of the build, by default
    build/<target>. options: any other of the command, `compress="none"`, `input=["x=-1:1:m", "t=0:1:s"]`, `certify=True`.
    command: the program, by default `pinn-edge` on the path, else the nearest node_modules/.bin/pinn-edge, else what the
    environment's PINN_EDGE says. What the command prints is printed. Raises CommandError with its sentence where it refuses.
    """
    folder = pathlib.Path(out) if out is not None else pathlib.Path("build", target)
    tolerance = ",".join(f"{key}={value}" for key, value in tol.items()) if isinstance(tol, dict) else tol
    arguments = _arguments({"target": target, "tol": tolerance, "out": folder, **options})
    run(["build", str(path), *arguments], command)
    return Build(folder)


def show(build, height=900):
    """Displays report.html of a build, the module itself at work beside its reference: in a notebook as the cell's output,
    elsewhere in the browser.

    build: what `build` returned, or the folder of a build. height: of the frame, in pixels.
    """
    page = pathlib.Path(getattr(build, "folder", build)) / "report.html"
    if not page.is_file():
        raise FileNotFoundError(f"{page} is not there; `pinn-edge report {page.parent}` writes it")
    notebook = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if notebook is None:
        webbrowser.open(page.resolve().as_uri())
    else:
        sys.modules["IPython"].display.display({"text/html": _frame(page, height), "text/plain": str(page)}, raw=True)


def run(arguments, command=None):
    """Runs the command and prints what it prints, as it comes. Returns the lines."""
    program = [command] if isinstance(command, (str, os.PathLike)) else command or _program()
    try:
        process = subprocess.Popen(
            [*map(os.fspath, program), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise CommandError(f"{program[0]} cannot be run: {error}") from error
    lines = []
    with process:
        try:
            for line in process.stdout:
                lines.append(line)
                print(line, end="")
        except BaseException:
            # An interrupted cell leaves nothing running.
            process.kill()
            raise
    if process.returncode:
        said = "".join(lines).strip().splitlines() or [f"exit code {process.returncode}"]
        raise CommandError(next((line for line in said if line.startswith("error")), said[-1]))
    return lines


def _program():
    given = os.environ.get("PINN_EDGE")
    if given:
        return [given]
    here = pathlib.Path.cwd()
    name = "pinn-edge.cmd" if os.name == "nt" else "pinn-edge"
    places = [folder / "node_modules" / ".bin" / name for folder in (here, *here.parents)]
    found = shutil.which("pinn-edge") or next((str(place) for place in places if place.exists()), None)
    if found is None:
        raise CommandError(
            "the command pinn-edge is not on the path; install it (npm install -g, or npm link in a clone), or say where it "
            "is by command=..., or by the variable PINN_EDGE"
        )
    return [found]


def _arguments(options):
    """`compress="none"` is `--compress none`, True an option without a value, a list an option given several times."""
    words = []
    for key, value in options.items():
        option = f"--{key.strip('_').replace('_', '-')}"
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is True:
                words.append(option)
            elif one is not None and one is not False:
                words += [option, str(one)]
    return words


def _frame(page, height):
    """The page in a frame of its own, whole, so that it stays in the saved notebook."""
    text = html.escape(page.read_text(encoding="utf-8"), quote=True)
    return (
        f'<iframe title="Report of {html.escape(page.parent.name, quote=True)}" srcdoc="{text}" width="100%" height="{height}" '
        'sandbox="allow-scripts allow-downloads" style="border: 0"></iframe>'
    )
