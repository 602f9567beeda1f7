"""The worklist's commands, as an operator types them, against the deployed application."""

import csv
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from testbed.worklist_api import log_in
from tests.e2e.application import NEGATIVE, POSITIVE, Application
from tests.e2e.test_operate import operate
from tests.e2e.test_worklist_api import listed, review
from training.dataset.folder import find_films


def test_reviews_become_measures_and_a_folder_to_train_on(
    application: Application, tmp_path: Path
) -> None:
    one, two = (log_in(application.stack, name, "readers") for name in ("reader", "other"))
    right = listed(application, one, "commands/person7_virus_1.jpeg", POSITIVE)
    wrong = listed(application, one, "commands/person8_virus_2.jpeg", POSITIVE)
    unsure = listed(application, one, "commands/unsure.jpeg", NEGATIVE)
    before = json.loads(operate(application, "unreviewed", "--json")[1])
    review(one, right, "PNEUMONIA")
    review(two, right, "PNEUMONIA")
    review(one, wrong, "NORMAL")
    review(one, unsure, "UNSURE")

    after = json.loads(operate(application, "unreviewed", "--json")[1])
    assert before["films"] - after["films"] == 2

    status, out, _ = operate(application, "performance", "--days", "30", "--json")
    assert status == 0
    whole = json.loads(out)[0]["rows"][0]
    assert int(whole[2]) >= 2, "positives read"
    assert "Sensitivity" in operate(application, "performance")[1]

    folder = tmp_path / "reviewed"
    status, out, _ = operate(application, "export", "--out", str(folder), "--json")
    assert status == 0
    exported = json.loads(out)
    assert ["commands/unsure.jpeg", "readers were unsure or disagreed"] in exported["left_out"]
    with (folder / "reviews.csv").open() as file:
        labels = {row["key"]: (row["label"], row["file"]) for row in csv.DictReader(file)}
    assert labels["commands/person7_virus_1.jpeg"][0] == "PNEUMONIA"
    assert labels["commands/person8_virus_2.jpeg"][0] == "NORMAL"
    assert (folder / labels["commands/person7_virus_1.jpeg"][1]).read_bytes() == POSITIVE
    found = {film.path.name: film for film in find_films(folder)}
    assert len(found) == exported["films"]
    assert operate(application, "export", "--out", str(folder))[0] == 2, "never over a folder"


def test_records_from_before_the_worklist_are_entered(application: Application) -> None:
    api = log_in(application.stack, "reader", "readers")
    film = listed(application, api, "commands/enlist.jpeg")
    application.stack.dynamodb.delete_item(
        TableName=application.stack.outputs["WorklistTableName"], Key={"film": {"S": film}}
    )
    assert api.call("GET", f"api/films/{film}").status == 404
    assert operate(application, "enlist")[0] == 0
    assert api.call("GET", f"api/films/{film}").status == 200


def test_a_reader_is_added_once_and_invited_again(application: Application) -> None:
    name, mail = f"added-{uuid4().hex[:8]}", ("--email", "a@example.org")
    status, _, error = operate(application, "add-reader", name, *mail, "--again")
    assert (status, error) == (2, f"There is no reader {name}; leave --again out to add one.\n")
    assert operate(application, "add-reader", name, *mail)[0] == 0
    assert attributes(application, name)["email_verified"] == "true", "or no password is reset"
    status, _, error = operate(application, "add-reader", name)
    assert status == 2
    assert error == f"There is a reader {name} already; for a new first password, add --again.\n"
    status, out, _ = operate(application, "add-reader", name, *mail, "--again")
    assert status == 0
    assert "Cognito mails the first password" in out
    status, out, _ = operate(application, "add-reader", name, "--again")
    assert status == 0
    assert "  password" in out


def test_a_reader_who_is_removed_is_gone(application: Application) -> None:
    name = f"leaves-{uuid4().hex[:8]}"
    assert operate(application, "add-reader", name)[0] == 0
    status, out, _ = operate(application, "remove-reader", name)
    assert status == 0
    assert out.startswith(f"{name} can't log in any more")
    status, _, error = operate(application, "remove-reader", name)
    assert (status, error) == (2, f"There is no reader {name}.\n")


def attributes(application: Application, name: str) -> dict[str, str]:
    cognito: Any = application.stack.client("cognito-idp")
    pool = application.stack.outputs["ReaderPoolId"]
    found = cognito.admin_get_user(UserPoolId=pool, Username=name)["UserAttributes"]
    return {each["Name"]: each["Value"] for each in found}
