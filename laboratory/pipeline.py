"""From films to the served file: teachers, students, gate, calibration, eight bits, figures."""

import shutil
from pathlib import Path

from laboratory.checkpoints import console
from laboratory.films import Folders, load
from laboratory.gate import train_gate
from laboratory.recipe import load_recipe
from laboratory.served import assemble
from laboratory.student import train_student
from laboratory.teacher import Teachers, train_teacher
from serving.memory import keep_freed_memory
from training.learning.recipe import BadRecipe


def make_network(folders: Folders, recipe_file: Path, out: Path) -> None:
    """Run every unfinished stage, each in a folder of its own below `out`.

    The served file and its figures are written to `out/network-SEED` for each student. An
    interrupted run continues with the same command. Raises BadDataset, and BadRecipe if `out` has a
    run of another recipe.
    """
    keep_freed_memory()
    recipe = load_recipe(recipe_file)
    _claim(recipe_file, out)
    size = recipe.student.sizes.last
    films = load(folders, recipe)
    teachers = [out / f"teacher-{seed}" for seed in recipe.teacher.seeds]
    for seed, folder in zip(recipe.teacher.seeds, teachers, strict=True):
        train_teacher(films, recipe, seed, folder)
    train_gate(folders, recipe, size, out / "gate")
    for seed in recipe.student.seeds:
        student = out / f"student-{seed}"
        train_student(films, Teachers(teachers), recipe, seed, student)
        network = out / f"network-{seed}"
        if not (network / "metrics.json").exists():
            assemble(folders, recipe, student, out / "gate", network)
        console.print(f"{network} has the served file and its figures.")


def _claim(recipe_file: Path, out: Path) -> None:
    kept = out / "recipe.toml"
    if kept.exists() and load_recipe(kept) != load_recipe(recipe_file):
        raise BadRecipe(
            f"{out} has a run of another recipe: choose another --out, "
            f"or continue that run with --recipe {kept}."
        )
    out.mkdir(parents=True, exist_ok=True)
    if recipe_file.resolve() != kept.resolve():
        shutil.copy(recipe_file, kept)
