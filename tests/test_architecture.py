"""The house rules that a program can check: who imports whom, what is said, what is never committed."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainables import families
from trainables.config import dataset_kinds as kinds

ROOT = Path(__file__).parent.parent
MAP = (ROOT / "ARCHITECTURE.md").read_text()
PACKAGES = ("tuner", "trainables", "search_spaces")
# package -> packages it must not import
FORBIDDEN = {
    "trainables": {"tuner", "search_spaces"},
    "search_spaces": {"tuner", "torch", "torchvision"},
}
# The rooms of a package from the top floor down: a room imports from the floors below its own, also for type checkers.
FLOORS = {
    "tuner": [
        "__main__",
        "cli",
        "commands",
        "report",
        "cluster",
        "tables",
        "networks",
        "replay",
        "experiment",
        "leaderboard",
        "results",
        "machines",
        "tensorboard",
        "rules",
        "records",
        "errors",
    ],
    "trainables": [
        "blur",
        "online_norm",
        "deconv",
        "bn_only",
        "imagenet",
        "replicated",
        "on_ray",
        "lockstep",
        "trial",
        "families",
        "engine",
        "family",
        "images",
        "datasets",
        "checkpoints",
        "models",
        "process",
        "optim",
        "config",
        "plans",
        "layers",
        "storage",
        "seeding",
        "statistics",
    ],
}
MOST_ENTRIES = {"tuner": 16, "trainables": 24}  # at the top of a package
A_HALL = 40  # files in one folder; so many need folders of their own
# What of `trainables` may import Ray: a folder, so that everything beside it runs where there is no Ray.
WITH_RAY = "trainables/on_ray/"


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


@functools.cache
def nodes(path):
    """Every node of a file, none of which is changed: walking costs more than parsing."""
    return list(ast.walk(parsed(path)))


@functools.cache
def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


@functools.cache
def imports(path):
    """Top-level names of everything a file imports anywhere in it, except for type checkers."""
    for_types = {
        id(inside)
        for node in nodes(path)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inside in ast.walk(statement)
    }
    found = set()
    for node in nodes(path):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_dependencies_point_one_way(package):
    for path in modules(package):
        wrong = imports(path) & FORBIDDEN.get(package, set())
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_ray_is_imported_where_a_worker_meets_it_and_nowhere_else():
    with_ray = [str(path.relative_to(ROOT)) for path in modules("trainables") if "ray" in imports(path)]
    assert with_ray
    assert all(path.startswith(WITH_RAY) for path in with_ray)


def modules_named(path):
    """Every module that a file imports anywhere in it, also for type checkers, and what it takes from it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_room_that_all_families_share_names_one_of_them():
    """`imagenet` is a dataset as well, of which the rooms of images may speak."""
    rooms = ("trial", "on_ray", "process", "images", "storage", "datasets", "config/training.py", "config/wording.py")
    rooms += ("engine.py", "checkpoints.py", "family.py", "statistics.py", "seeding.py", "optim.py")
    shared = [
        path for room in rooms for path in (ROOT / "trainables").glob(f"{room}/**/*.py" if "." not in room else room)
    ]
    shared += [path for path in modules("tuner") if "panels" not in path.parts]
    assert len(shared) > 100
    for path in shared:
        modules_of_it = list(modules_named(path))
        # The layers are mathematics that any family may use.
        known = [module for module in modules_of_it if not module.startswith("trainables.layers.")]
        named = {part for module in known for part in module.split(".")}
        said = {node.value for node in nodes(path) if isinstance(node, ast.Constant)}
        wrong = (named | {word for word in said if isinstance(word, str)}) & (set(families.names()) - {"imagenet"})
        assert not wrong, f"{path.relative_to(ROOT)} knows the family {wrong}"
        assert "trainables.imagenet" not in {module.rpartition(".")[0] for module in modules_of_it}, path


def test_what_hangs_on_a_dataset_is_asked_of_the_one_table_and_of_no_name():
    """Compared with a name, or with how it begins, nowhere: a further dataset is a row of the table and its own file."""
    names = {word for name in kinds.KINDS for word in (name, f"{name}:")}
    for path in [*modules("trainables"), *modules("tuner"), *modules("search_spaces")]:
        for node in nodes(path):
            if isinstance(node, ast.Compare):
                asked = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                asked = node.args if node.func.attr in ("startswith", "removeprefix") else []
            else:
                continue
            said = {one.value for side in asked for one in ast.walk(side) if isinstance(one, ast.Constant)}
            assert not said & names, f"{path.relative_to(ROOT)}, line {node.lineno} asks for {said & names}"


def test_a_familys_module_imports_without_ray_and_has_its_trainable_all_the_same():
    code = (
        "import importlib, sys\n"
        "from trainables import families\n"
        "modules = {}\n"
        "for family in families.names():\n"
        "    module = modules[family] = importlib.import_module(f'trainables.{family}')\n"
        "    assert 'ray' not in sys.modules and not hasattr(module, 'No' + families.trainable_name(family)), family\n"
        "    assert 'ray' not in sys.modules, family\n"
        "import ray.cloudpickle as pickle\n"
        "for family, module in modules.items():\n"
        "    name = families.trainable_name(family)\n"
        "    found = getattr(module, name)\n"
        "    assert found is families.trainable(family) and found.__name__ == name and name in module.__all__, family\n"
        "    assert pickle.loads(pickle.dumps(found)) is found, family\n"
        "print(*modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == list(families.names()), done.stderr


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def arrows():
    """module -> the modules of this project that it imports, anywhere in it and for type checkers as well."""
    names = {module_of(path): path for package in PACKAGES for path in modules(package)}
    found = {}
    for name, path in names.items():
        targets = set()
        for node in nodes(path):
            if isinstance(node, ast.Import):
                targets.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                whole = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= {one if one in names else node.module for one in whole}
        found[name] = (targets & names.keys()) - {name}
    return found


def circles(graph):
    """The sets of nodes that reach each other, by Tarjan's algorithm."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            circle = [stack.pop()]
            while circle[-1] != node:
                circle.append(stack.pop())
            if len(circle) > 1:
                found.append(sorted(circle))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def of(packages):
    return {name: targets for name, targets in arrows().items() if name.split(".")[0] in packages}


def test_no_files_import_each_other_in_a_circle():
    assert circles(of(PACKAGES)) == []


@pytest.mark.parametrize("depth", [2, 3])
def test_no_folders_import_each_other_in_a_circle(depth):
    def room(module):
        return ".".join(module.split(".")[:depth])

    graph = {}
    for module, targets in of(PACKAGES).items():
        graph.setdefault(room(module), set()).update(map(room, targets))
    faces = {
        room for room in graph if depth == 3 and (ROOT / room.replace(".", "/")).is_dir()
    }  # a folder's own __init__
    graph = {room: targets - {room} - faces for room, targets in graph.items() if room not in faces}
    assert circles(graph) == []


@pytest.mark.parametrize("package", FLOORS)
def test_arrows_point_down(package):
    floors = {room: number for number, room in enumerate(FLOORS[package])}
    for module, targets in arrows().items():
        if not module.startswith(f"{package}."):
            continue
        here = module.split(".")[1]
        for target in targets:
            if target.startswith(f"{package}."):
                below = target.split(".")[1]
                assert below == here or floors[below] > floors[here], f"{module} imports {target}"


@pytest.mark.parametrize("package", MOST_ENTRIES)
def test_a_newcomer_sees_all_rooms_at_once(package):
    rooms = {path.stem for path in (ROOT / package).iterdir() if not path.name.startswith("__p")} - {"__init__"}
    assert len(rooms) <= MOST_ENTRIES[package]
    assert rooms == set(FLOORS[package])
    for folder in (ROOT / package).rglob("*/"):
        assert len(list(folder.glob("*.py"))) < A_HALL, folder


def defines(dotted):
    """Whether a module has the function or class, or the class the method, that a dotted name ends in."""
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 1, -1):
        path = ROOT.joinpath(*parts[:cut]).with_suffix(".py")
        if path.is_file():
            found = parsed(path)
            for name in parts[cut:]:
                found = next((node for node in found.body if getattr(node, "name", None) == name), None)
                if found is None:
                    return False
            return True
    return False


def test_the_walk_from_the_command_to_the_training_has_ten_stations_that_are_there():
    [walk] = re.findall(r"^## The flow of `tuner launch blur`\n(.*?)^## ", MAP, re.DOTALL | re.MULTILINE)
    stations = re.findall(r"^\d+\. `([\w.]+)`: ", walk, re.MULTILINE)
    assert len(stations) == 10
    assert stations[0] == "tuner.commands.searches.launch"
    assert stations[-1] == "trainables.trial.lockstep.LockStep"
    assert [station for station in stations if not defines(station)] == []


def test_the_map_names_no_file_that_is_not_there():
    [rooms] = re.findall(r"^## Rooms\n\n```\n(.*?)^```", MAP, re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"\w+\.py\b", rooms))
    assert len(named) > 150
    assert named - {path.name for package in PACKAGES for path in modules(package)} == set()


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks", "tests"])
def test_every_file_says_in_its_first_line_what_it_does(package):
    for path in modules(package):
        if path.name == "__init__.py" and not path.read_text():
            continue
        first = ast.get_docstring(parsed(path)) or ""
        assert len(first.splitlines()[0] if first else "") > 15, path


def test_there_is_no_room_for_everything_else():
    names = {path.stem for package in PACKAGES for path in modules(package)}
    assert not names & {"utils", "util", "helpers", "misc", "common"}


def test_importing_the_packages_costs_nothing():
    code = (
        "import sys, tuner, trainables, search_spaces, trainables.families, trainables.config.blur\n"
        "search_spaces.names()\n"
        "print(sorted({'torch', 'ray', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return done.stdout.splitlines()


def test_no_lock_file_that_names_hosts_and_no_large_file_is_tracked():
    files = tracked()
    assert "uv.lock" not in files
    assert [name for name in files if (ROOT / name).is_file() and (ROOT / name).stat().st_size > 500_000] == []
    constraints = (ROOT / "constraints.txt").read_text()
    assert "://" not in constraints
    assert "--hash" not in constraints


def test_torch_is_not_pinned_to_a_build_that_torchvision_cannot_use():
    assert "torch==2.13.0" not in (ROOT / "constraints.txt").read_text().splitlines()
