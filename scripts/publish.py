"""Put the table and some figures of a finished run under docs/results/, small enough to be committed.

    .venv/bin/python scripts/publish.py runs/moons boundaries comparison
    .venv/bin/python scripts/publish.py runs/playground features/curves raw/boundaries     # of parts

The table is the run's own `summary.md`, with the command, seeds, date and versions it was measured with; a figure
is named by its file in `figures/`, with its part before it where the run has parts.
"""

import argparse
import re
from pathlib import Path

from PIL import Image

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
MAX_WIDTH = 1400
COLORS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="directory of a finished run")
    parser.add_argument("figures", nargs="*", help="figures to take, without .png")
    parser.add_argument("--name", help="folder under docs/results/; default: the name of the directory")
    flags = parser.parse_args()
    folder = RESULTS / (flags.name or flags.run.name)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    text = (flags.run / "summary.md").read_text(encoding="utf-8")
    # Where the run was written to and where the data lay are not part of the command that makes it again.
    text = re.sub(r" --(output|data-dir)[ =][^\s`]+| --(overwrite|resume)\b", "", text).rstrip()
    links = [copy_figure(flags.run, figure, folder) for figure in flags.figures]
    (folder / "README.md").write_text("\n\n".join([text, *links]) + "\n", encoding="utf-8")
    print(folder / "README.md")


def copy_figure(run: Path, figure: str, folder: Path) -> str:
    """Copy a figure in few colours and at most MAX_WIDTH pixels wide; what shows it, with its caption."""
    *part, name = figure.split("/")
    original = Image.open(run.joinpath(*part, "figures", f"{name}.png"))
    caption = original.info.get("Description", "")
    image = original.convert("RGB")
    if image.width > MAX_WIDTH:
        image = image.resize((MAX_WIDTH, round(image.height * MAX_WIDTH / image.width)), Image.Resampling.LANCZOS)
    target = "-".join([*part, name])
    image.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        folder / f"{target}.png", optimize=True
    )
    shown = f"![{target.replace('_', ' ').replace('-', ', ')}]({target}.png)"
    return f"{shown}\n\n*{caption}*" if caption else shown


if __name__ == "__main__":
    main()
