"""`python -m laboratory`: films in, the network that ships out."""

import argparse
from pathlib import Path

from laboratory.films import Folders, load
from laboratory.recipe import SHIPPED_RECIPE, load_recipe
from laboratory.student import train_student
from laboratory.teacher import Teachers, train_teacher


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m laboratory", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="labelled films")
    parser.add_argument("--keep-out", type=Path, help="films whose patients are held out")
    parser.add_argument("--adults", type=Path, required=True, help="chest films of adults")
    parser.add_argument("--others", type=Path, required=True, help="other images, by kind")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--recipe", type=Path, default=SHIPPED_RECIPE)
    options = parser.parse_args()
    recipe = load_recipe(options.recipe)
    folders = Folders(options.data, options.keep_out, options.adults, options.others)
    films = load(folders, recipe.fold, recipe.folds, recipe.student.sizes.last)
    teachers = [options.out / f"teacher-{seed}" for seed in recipe.teacher.seeds]
    for seed, folder in zip(recipe.teacher.seeds, teachers, strict=True):
        train_teacher(films, recipe, seed, folder)
    for seed in recipe.student.seeds:
        train_student(films, Teachers(teachers), recipe, seed, options.out / f"student-{seed}")


if __name__ == "__main__":
    main()
