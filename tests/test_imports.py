"""Imports run one way: a module uses what is below it, heavy libraries have one place, packages only hand on."""

import ast
import graphlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import jaxnn

PACKAGE = Path(jaxnn.__file__).parent
EXPERIMENTS = PACKAGE.parent / "experiments"

# From the ground up.  A module or package imports from the floors below its own, never from its own floor or above;
# inside a package modules may import each other, in no circle.
FLOORS = (
    {"errors", "types", "labels", "container"},
    {"kernels", "runtime", "checkpoint", "stats", "data"},
    {"models", "losses", "metrics", "optim", "augment"},
    {"backprop", "plots"},
    {"train", "report"},
    {"monitor"},
    {"epoch"},
    {"run"},
    {"population"},
    {"study"},
    {"experiment", "parts", "calculation", "saved"},
    {"discover"},
    {"cli"},
    {"experiments", "__main__", ""},  # "" is jaxnn itself, which hands on when it is asked
)
FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}

# Slow to import, or a choice that one part of jaxnn hides from the others.
ONLY_IN = {
    "matplotlib": {"plots"},
    "orbax": {"checkpoint"},
    "tensorflow_datasets": {"data"},
    "PIL": {"data"},
    "sklearn": {"data", "experiments"},
    "tyro": {"cli"},
    "tensorboardX": {"monitor"},
}


def module_files():
    """Every module of jaxnn, and every experiment, by its dotted name."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    for path in sorted(EXPERIMENTS.glob("*.py")):
        names[f"jaxnn.experiments.{path.stem}"] = path
    return names


FILES = module_files()


def is_for_type_checkers(node: ast.AST) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(source: str, modules=FILES) -> set[str]:
    """The modules that a source imports, anywhere in it; a name imported from a package may be a module itself.

    What only type checkers see is left out.
    """
    found = set()
    waiting = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if is_for_type_checkers(node):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            paths = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {path if path in modules else node.module for path in paths}
    return found


GRAPH = {name: imports(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def part_of(module: str) -> str:
    """ "jaxnn.study.plan" -> "study"; "" for jaxnn itself."""
    return module.split(".")[1] if "." in module else ""


def wrong_arrows(graph) -> list[str]:
    """Every import between parts of jaxnn that does not go down."""
    arrows = []
    for module, used in graph.items():
        for other in used:
            source, target = part_of(module), part_of(other) if other.startswith("jaxnn.") else ""
            if target and source != target and FLOOR_OF[target] >= FLOOR_OF[source]:
                arrows.append(f"{module} imports {other}")
    return arrows


def test_every_module_has_a_floor():
    parts = {part_of(module) for module in FILES} - {""}
    assert parts - set(FLOOR_OF) == set(), "say in FLOORS where a new module belongs"


def test_imports_run_down():
    assert wrong_arrows(GRAPH) == []


def test_an_arrow_that_runs_up_is_seen():
    """The walker itself: at the top, inside a function, with and without `from`, and not for type checkers."""
    for line in ("import jaxnn.study.plan", "from jaxnn.study import plan", "from jaxnn import study"):
        for source in (line, f"def late():\n    {line}", f"try:\n    {line}\nexcept ImportError:\n    pass"):
            assert len(wrong_arrows({"jaxnn.train": imports(source)})) == 1
    assert wrong_arrows({"jaxnn.train": imports("if TYPE_CHECKING:\n    import jaxnn.study")}) == []
    assert wrong_arrows({"jaxnn.train": imports("import jax\nfrom jaxnn.models import mlp")}) == []
    assert wrong_arrows({"jaxnn.models.layers": imports("import jaxnn.losses")}) != []


def test_no_import_goes_in_a_circle():
    """A package depends on the modules it hands on; imports inside functions count too."""
    graphlib.TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_heavy_library_has_one_place(library):
    users = {part_of(module) for module, used in GRAPH.items() if library in {name.split(".")[0] for name in used}}
    assert users == ONLY_IN[library]


def test_private_names_stay_in_their_module():
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxnn"):
                assert not [a.name for a in node.names if a.name.startswith("_")], module


@pytest.mark.parametrize("module", [name for name, path in FILES.items() if path.name == "__init__.py"])
def test_packages_hand_on_and_define_nothing(module):
    """A docstring, imports, `__all__` (and the version) are all there is; what is handed on is in `__all__`.

    jaxnn itself may import nothing yet: it tells type checkers what it hands on, and does so in a `__getattr__`.
    """
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    docstring, *rest = tree.body
    assert isinstance(docstring, ast.Expr)
    if module == "jaxnn":
        typing, told, *rest, hand_on = rest
        assert ast.unparse(typing) == "from typing import TYPE_CHECKING"
        assert is_for_type_checkers(told)
        assert isinstance(hand_on, ast.FunctionDef)
        assert hand_on.name == "__getattr__"
        rest += told.body
    handed_on, exported = set(), set()
    for node in rest:
        if isinstance(node, ast.Assign):
            assert {target.id for target in node.targets} <= {"__all__", "__version__"}
            if node.targets[0].id == "__all__":
                exported = set(ast.literal_eval(node.value))
        else:
            assert isinstance(node, ast.Import | ast.ImportFrom)
            handed_on |= {(alias.asname or alias.name) for alias in node.names}
    assert handed_on == exported


def test_jaxnn_hands_on_what_it_says_and_nothing_else():
    """Its `__getattr__` against the package that defines the function, and against Python's own words."""
    assert jaxnn.__all__ == ["load_run"]
    assert jaxnn.load_run is importlib.import_module("jaxnn.saved").load_run
    with pytest.raises(AttributeError, match="module 'jaxnn' has no attribute 'load_runs'"):
        _ = jaxnn.load_runs


# What a process has loaded after each of these imports, in this order.
LIGHT = {
    "jaxnn": {"jax", "flax", "optax", "xarray", "rich", "tyro"},
    "jaxnn.cli": {"jax", "flax", "optax", "xarray", "rich", "tyro"},
    "jaxnn.data": {"jax", "flax", "optax", "sklearn"},
    "jaxnn.discover": {"jax", "flax", "optax", "sklearn", "tyro"},
    "jaxnn.cli.show": {"jax", "flax", "optax", "sklearn", "tyro"},
    "jaxnn.study": set(),
    "jaxnn.experiment": set(),
}
NEVER = {"matplotlib", "orbax", "tensorflow_datasets", "tensorflow", "torch", "tensorboardX"}


def test_importing_jaxnn_loads_only_what_it_needs():
    """The first result is to be on the screen soon: what saves, plots or downloads is imported when it is used."""
    script = "import sys, importlib\n" + "\n".join(
        f"importlib.import_module({name!r}); print(*{{m.split('.')[0] for m in sys.modules}})" for name in LIGHT
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    for (name, unwanted), line in zip(LIGHT.items(), output.splitlines(), strict=True):
        assert not set(line.split()) & (NEVER | unwanted), name
